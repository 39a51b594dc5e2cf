/** @file The page of dbnet-webgpu: `?call=maps` (P) or `?call=detect` (regions of text). */

import type { TextDetector } from '../../../src/index.ts';
import { describeAdapter, expose, type Setup } from './harness.ts';

const call = new URLSearchParams(location.search).get('call');
const code: string = '/code/dbnet-webgpu/dbnet-webgpu.min.js';
let library: { TextDetector: typeof TextDetector };
let detector: TextDetector;

const image = (data: Uint8Array, { width, height }: Setup) => ({ data, width, height, channels: 4 as const });

expose({
  async load() {
    library = await import(code);
  },
  async create({ weights }) {
    detector = await library.TextDetector.create({ weights });
    if (detector.info.weights.hasThresholdHead) throw new Error('expected weights with P alone, found T too');
    return { adapter: describeAdapter(detector.info.adapter) };
  },
  prepare() {},
  async run(pixels, setup) {
    const size = { width: setup.width, height: setup.height };
    if (call === 'maps') return (await detector.maps(image(pixels, setup), { size })).P;
    await detector.detect(image(pixels, setup), { size });
    return undefined;
  },
});
