/**
 * @file Networks of other publishers than the shipped one, with a quarter of the widths and random weights, against what
 * PyTorch makes of them in f64 (fixtures `NAME.safetensors` and `NAME.expected.safetensors`: images, P, T, B).
 */

import { openDevice } from '../../src/gpu/device.ts';
import { TextDetector } from '../../src/index.ts';
import { parseSafetensors } from '../../src/safetensors/index.ts';
import { readTorch } from '../../src/torch/index.ts';
import { assert, assertAllMaps, assertClose, assertEqual } from './assert.ts';
import { differences } from './check-published.ts';
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

/** Files as their publishers write them; `test/fixtures/NAME/FILE`. */
const published = [
  ['narrow-authors-r18-dcn/authors_r18_dcn', "the authors' deformable DB-ResNet-18"],
  [
    'narrow-authors-r50-dcn/authors_r50_dcn.zip.pth',
    "the authors' deformable DB-ResNet-50, its offsets of another size",
  ],
  ['narrow-mmocr-r18/mmocr_r18.pth', "MMOCR's DB-ResNet-18"],
].map(
  ([path, what]): GpuTest => ({
    name: `${what}, as it is published, agrees with PyTorch at two sizes`,
    async run({ device, fixture }) {
      const context = await openDevice({ device });
      const folder = path.slice(0, path.indexOf('/'));
      const found = await differences(context, {
        weights: readTorch(await fixture(`test/fixtures/${path}`)),
        read: (name) => fixture(`test/fixtures/${folder}/${name}`),
      });
      assertEqual([...found.keys()], ['P', 'T', 'B'], 'maps');
      for (const map of ['P', 'T', 'B'] as const) {
        const difference = found.get(map)!;
        assert(
          difference <= tolerances[map],
          `${map}: |difference| ${difference}, tolerance ${tolerances[map]}`,
        );
      }
    },
  }),
);

const tests: GpuTest[] = [agrees('db-resnet50', "MMOCR's DB-ResNet-50"), ...published];

export default tests;
