/**
 * @file Files as their publishers write them, with what PyTorch makes of them in f64: a folder with `case.json` (`file`, `maps`), the
 * file, `image0.png`, `image1.png` and `expected.safetensors`. Each is opened as it is, and once more after a conversion.
 */

import { TextDetector } from '../../src/index.ts';
import { openCheckpoint } from '../../src/models/checkpoint.ts';
import { convertCheckpoint } from '../../src/models/convert.ts';
import { parseSafetensors } from '../../src/safetensors/parse.ts';
import { decodePng } from '../helpers/png.ts';
import { assert, assertEqual, maxDifference } from './assert.ts';
import type { GpuTest } from './suite.ts';

/** Largest |difference| of each map; B's slope makes much of little. */
const tolerances = { P: 1e-4, T: 1e-4, B: 1e-2 };

type MapName = keyof typeof tolerances;

/** @param folder as `fixture()` takes it */
export const published = (name: string, folder: string): GpuTest => ({
  name,
  async run({ device, fixture }) {
    const read = (file: string) => fixture(`${folder}/${file}`);
    const { file, maps } = JSON.parse(new TextDecoder().decode(await read('case.json'))) as {
      file: string;
      maps: 'P' | 'PTB';
    };
    const names = [...maps] as MapName[];
    const expected = parseSafetensors(await read('expected.safetensors'));
    const images = [await decodePng(await read('image0.png')), await decodePng(await read('image1.png'))];
    const bytes = await read(file);
    const forms = { published: bytes, converted: convertCheckpoint(await openCheckpoint(bytes)) };
    for (const [form, weights] of Object.entries(forms)) {
      const detector = await TextDetector.create({ weights, device });
      assertEqual(detector.info.weights.hasThresholdHead, maps === 'PTB', 'a threshold head');
      for (const [i, image] of images.entries()) {
        const { width, height } = image;
        const found = await detector.maps(image, { size: { width, height } });
        for (const map of names) {
          const { difference } = maxDifference(found[map]!, expected.float32(`${i}.${map}`));
          const what = `${form}, ${map} of image ${i}`;
          assert(
            difference <= tolerances[map],
            `${what}: |difference| ${difference}, tolerance ${tolerances[map]}`,
          );
        }
      }
      detector.dispose();
    }
  },
});
