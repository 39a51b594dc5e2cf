/** @file The page of ONNX Runtime Web: `?provider=webgpu` or `?provider=wasm`. */

import { describeAdapter, expose, normalize } from './harness.ts';

interface OrtTensor {
  data: Float32Array;
}

interface Session {
  inputNames: readonly string[];
  outputNames: readonly string[];
  run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
}

/** The part of ONNX Runtime Web's interface that is used here. */
interface Ort {
  env: {
    logLevel: string;
    wasm: { numThreads: number };
    webgpu: { powerPreference: string; device: Promise<GPUDevice> };
  };
  InferenceSession: { create(url: string, options: Record<string, unknown>): Promise<Session> };
  Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => OrtTensor;
}

const provider = new URLSearchParams(location.search).get('provider') === 'wasm' ? 'wasm' : 'webgpu';
/** Threads need a cross-origin isolated page. */
const threads = crossOriginIsolated ? navigator.hardwareConcurrency : 1;
let ort: Ort;
let session: Session;
let input: Float32Array;

expose({
  async load({ onnxruntime }) {
    ort = await import(onnxruntime[provider]);
  },
  async create({ weights }) {
    ort.env.logLevel = 'error';
    ort.env.wasm.numThreads = threads;
    if (provider === 'webgpu') ort.env.webgpu.powerPreference = 'high-performance';
    session = await ort.InferenceSession.create(weights, {
      executionProviders: [provider],
      graphOptimizationLevel: 'all',
    });
    if (provider === 'wasm') return { threads };
    return { adapter: describeAdapter((await ort.env.webgpu.device).adapterInfo) };
  },
  prepare(pixels, setup) {
    input = normalize(pixels, setup);
  },
  async run(_pixels, { width, height }) {
    const image = new ort.Tensor('float32', input, [1, 3, height, width]);
    const outputs = await session.run({ [session.inputNames[0]]: image });
    return outputs[session.outputNames[0]].data;
  },
});
