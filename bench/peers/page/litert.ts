/** @file The page of LiteRT.js on WebGPU: what its GPU delegate refuses runs in WASM. */

import { describeAdapter, expose, normalize } from './harness.ts';

interface Tensor {
  data(): Promise<Float32Array>;
  delete(): void;
}

/** The part of LiteRT.js's interface that is used here. */
interface LiteRt {
  loadLiteRt(folder: string, options: { jspi: boolean }): Promise<unknown>;
  loadAndCompile(model: string, options: Record<string, unknown>): Promise<Model>;
  getWebGpuDevice(): GPUDevice | null;
  Tensor: new (data: Float32Array, shape: readonly number[]) => Tensor;
}

interface Model {
  isFullyAccelerated: boolean;
  run(input: Tensor): Promise<Tensor[]>;
}

let litert: LiteRt;
let model: Model;
let input: Float32Array;

expose({
  async load(setup) {
    if (!setup.litert) throw new Error('there is no .tflite: --litert FILE');
    litert = await import(setup.litert.code);
    // Without JSPI a model that the delegate does not take as a whole runs in WASM as a whole.
    await litert.loadLiteRt(setup.litert.wasm, { jspi: true });
  },
  async create({ litert: files }) {
    model = await litert.loadAndCompile(files!.weights, {
      accelerator: 'webgpu',
      gpuOptions: { precision: 'fp32' },
    });
    const device = litert.getWebGpuDevice();
    return {
      adapter: device ? describeAdapter(device.adapterInfo) : '',
      note: model.isFullyAccelerated
        ? undefined
        : 'its GPU delegate refuses some operations, which run in WASM',
    };
  },
  prepare(pixels, setup) {
    input = normalize(pixels, setup);
  },
  async run(_pixels, { width, height }) {
    const image = new litert.Tensor(input, [1, 3, height, width]);
    const outputs = await model.run(image);
    try {
      return (await outputs[0].data()).slice();
    } finally {
      for (const tensor of [image, ...outputs]) tensor.delete();
    }
  },
});
