/**
 * @file Networks of other publishers than the shipped one, with a quarter of the widths and random weights, against what
 * PyTorch makes of them in f64 (fixtures `NAME.safetensors` and `NAME.expected.safetensors`: images, P, T, B).
 */

import { TextDetector } from '../../src/index.ts';
import { parseSafetensors } from '../../src/safetensors/index.ts';
import { assertAllMaps, assertClose } from './assert.ts';
import type { GpuTest } from './suite.ts';

/** Largest |difference| of each map; B's slope makes much of little. */
const tolerances = { P: 1e-4, T: 1e-4, B: 1e-2 };

const agrees = (name: string, what: string): GpuTest => ({
  name: `${what} agrees with PyTorch: P, T and B at two sizes`,
  async run({ device, fixture }) {
    const expected = parseSafetensors(await fixture(`${name}.expected.safetensors`));
    const detector = await TextDetector.create({ weights: await fixture(`${name}.safetensors`), device });
    for (const i of [0, 1]) {
      const [height, width] = expected.tensors.get(`${i}.image`)!.shape;
      const image = { data: expected.bytes(`${i}.image`), width, height, channels: 3 as const };
      const maps = await detector.maps(image, { size: { width, height } });
      assertAllMaps(maps);
      for (const map of ['P', 'T', 'B'] as const) {
        assertClose(maps[map], expected.float32(`${i}.${map}`), tolerances[map], `${map} of image ${i}`);
      }
    }
    detector.dispose();
  },
});

const tests: GpuTest[] = [agrees('db-resnet50', "MMOCR's DB-ResNet-50")];

export default tests;
