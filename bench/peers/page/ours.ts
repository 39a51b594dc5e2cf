/** @file The page of dbnet-webgpu: `?call=maps` (P, T and B) or `?call=detect` (regions of text). */

import type { TextDetector } from '../../../src/index.ts';
import { describeAdapter, expose, type Setup } from './harness.ts';

const call = new URLSearchParams(location.search).get('call');
const code: string = '/code/dbnet-webgpu/dbnet-webgpu.js';
let library: { TextDetector: typeof TextDetector };
let detector: TextDetector;

const image = (data: Uint8Array, { width, height }: Setup) => ({ data, width, height, channels: 4 as const });

expose({
  async load() {
    library = await import(code);
  },
  async create() {
    detector = await library.TextDetector.create({ weights: '/weights/db-resnet18.safetensors' });
    return { adapter: describeAdapter(detector.info.adapter) };
  },
  prepare() {},
  async run(pixels, setup) {
    const size = { width: setup.width, height: setup.height };
    if (call === 'maps') {
      const maps = await detector.maps(image(pixels, setup), { size });
      if (!maps.T) throw new Error('expected weights with both heads, found P alone');
      return maps;
    }
    await detector.detect(image(pixels, setup), { size });
    return undefined;
  },
});
