/** @file Opening a detector while its weights are on their way: what goes on side by side, what fails, what is kept. */

import { TextDetector } from '../../src/detect/detector.ts';
import type { CreateOptions, Progress } from '../../src/detect/types.ts';
import { parameterShapes } from '../../src/graph/graph.ts';
import { type TensorData, writeSafetensors } from '../../src/safetensors/write.ts';
import { randomParameters, smallNetwork } from '../helpers/networks.ts';
import { assert, assertEqual, assertRejects } from './assert.ts';
import type { GpuTest } from './suite.ts';
import { watchDevice } from './watch-device.ts';

/** A file with a header of some kB, and more behind it. */
function smallWeights(): Uint8Array<ArrayBuffer> {
  const network = smallNetwork(true, { width: 16 });
  const values = randomParameters(network, 1);
  const tensors = [...parameterShapes(network)].map(([name, shape]): [string, TensorData] => [
    name,
    { dtype: 'F32', shape, data: Float32Array.from(values(name)) },
  ]);
  const input = JSON.stringify({ size: { rule: 'shortSide', value: 32, multipleOf: 32 } });
  return writeSafetensors(tensors, { input }) as Uint8Array<ArrayBuffer>;
}

/** A download that has come as far as the header and a bit more, and goes on when it is told to. */
function stalledDownload() {
  const file = smallWeights();
  const half = file.length >> 1;
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let cancelled: unknown;
  const body = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
      // In pieces, so that the header comes in more than one.
      for (let at = 0; at < half; at += 1000) given.enqueue(file.slice(at, Math.min(at + 1000, half)));
    },
    cancel(reason) {
      cancelled = reason ?? true;
    },
  });
  return {
    weights: new Response(body),
    finish() {
      controller.enqueue(file.slice(half));
      controller.close();
    },
    breakOff: () => controller.error(new Error('the line is dead')),
    cancelled: () => cancelled,
  };
}

/** Resolves with the first progress of a stage. */
function whenReported(stage: Progress['stage']) {
  let report!: (progress: Progress) => void;
  const reported = new Promise<void>((resolve) => {
    report = (progress) => {
      if (progress.stage === stage) resolve();
    };
  });
  return { reported, onProgress: (progress: Progress) => report(progress) };
}

const create = (options: CreateOptions) => TextDetector.create({ selfTest: false, tune: 'off', ...options });

const sha256Of = async (bytes: Uint8Array<ArrayBuffer>): Promise<string> =>
  Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');

/** Until what is still under way has noticed; a call that is rejected need not wait for it. */
async function untilFreed(held: () => string[]): Promise<void> {
  for (let i = 0; i < 200 && held().length > 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
  assertEqual(held(), [], 'held');
}

/** Compiles every shader once, however many detectors are opened on a device. */
function compileOnce(device: GPUDevice): void {
  const modules = new Map<string, GPUShaderModule>();
  const pipelines = new Map<GPUShaderModule, Promise<GPUComputePipeline>>();
  const createModule = device.createShaderModule.bind(device);
  const createPipeline = device.createComputePipelineAsync.bind(device);
  device.createShaderModule = (descriptor) => {
    const module = modules.get(descriptor.code) ?? createModule(descriptor);
    modules.set(descriptor.code, module);
    return module;
  };
  device.createComputePipelineAsync = (descriptor) => {
    const { module } = descriptor.compute;
    const pipeline = pipelines.get(module) ?? createPipeline(descriptor);
    pipelines.set(module, pipeline);
    return pipeline;
  };
}

const tests: GpuTest[] = [
  {
    name: 'pipelines compile before the weights have come, and a warmup then compiles nothing',
    async run({ device }) {
      const download = stalledDownload();
      const { reported, onProgress } = whenReported('compile');
      const creating = create({ weights: download.weights, device, onProgress });
      await Promise.race([reported, creating]);
      download.finish();
      const detector = await creating;
      let compiled = 0;
      const compile = device.createComputePipelineAsync.bind(device);
      device.createComputePipelineAsync = (descriptor) => {
        compiled++;
        return compile(descriptor);
      };
      await detector.warmup();
      assertEqual(compiled, 0, 'pipelines compiled by warmup()');
      detector.dispose();
    },
  },
  {
    name: 'a download that breaks off while pipelines compile is a failed load, and leaves nothing',
    async run({ device }) {
      const watched = watchDevice(device);
      const download = stalledDownload();
      const { reported, onProgress } = whenReported('compile');
      const creating = create({ weights: download.weights, device, onProgress });
      await Promise.race([reported, creating]);
      download.breakOff();
      const { message } = await assertRejects(() => creating, 'load-failed', 'a broken download');
      assert(message.includes('the line is dead'), message);
      await untilFreed(watched.held);
    },
  },
  {
    name: 'a shader that is refused ends the download',
    async run({ device }) {
      const watched = watchDevice(device);
      const download = stalledDownload();
      Object.defineProperty(device, 'createComputePipelineAsync', {
        value: () => Promise.reject(new Error('no such thing')),
      });
      const { message } = await assertRejects(
        () => create({ weights: download.weights, device }),
        'gpu-error',
        'a refused shader',
      );
      assert(message.includes('no such thing'), message);
      assert(download.cancelled() !== undefined, 'the download goes on');
      await untilFreed(watched.held);
    },
  },
  {
    name: 'an abort at any stage rejects with its reason, and leaves nothing',
    async run({ device }) {
      compileOnce(device);
      const watched = watchDevice(device);
      const reason = new Error('enough');
      const rejectsAt = async (what: string, isThen: (progress: Progress) => boolean) => {
        const download = stalledDownload();
        if (!what.startsWith('stalled')) download.finish();
        const controller = new AbortController();
        const failed: unknown = await create({
          weights: download.weights,
          device,
          signal: controller.signal,
          onProgress: (progress) => {
            assert(!controller.signal.aborted, `${what}: progress after the abort`);
            if (isThen(progress)) controller.abort(reason);
          },
        }).catch((error: unknown) => error);
        assert(failed === reason, `${what}: ${failed}`);
        if (what.startsWith('stalled')) assert(download.cancelled() !== undefined, `${what}: still loading`);
        await untilFreed(watched.held);
      };
      await rejectsAt('stalled, first bytes', ({ stage }) => stage === 'weights');
      await rejectsAt('stalled, compiling', ({ stage }) => stage === 'compile');
      await rejectsAt(
        'loaded',
        ({ stage, done, total }) => stage === 'weights' && done === total && done > 0,
      );
      await rejectsAt('compiled', ({ stage, done, total }) => stage === 'compile' && done === total);
    },
  },
  {
    name: 'a sum that is not that of the weights names both',
    async run({ device }) {
      compileOnce(device);
      const watched = watchDevice(device);
      const weights = smallWeights();
      const sha256 = await sha256Of(weights);
      const other = sha256.replace(/./g, (digit) => (digit === 'a' ? 'b' : 'a'));
      const { message } = await assertRejects(
        () => create({ weights, device, sha256: other }),
        'checksum-mismatch',
        'another sum',
      );
      assert(message.includes(other) && message.includes(sha256), message);
      await untilFreed(watched.held);
      (await create({ weights, device, sha256: sha256.toUpperCase() })).dispose();
    },
  },
  {
    name: 'kept weights are not asked for again, unless their sum is another; without a Cache API they are',
    async run({ device }) {
      compileOnce(device);
      const address = 'http://weights.example/small.safetensors';
      const [file, changed] = [smallWeights(), smallWeights()];
      changed[changed.length - 1] ^= 1;
      let served = file;
      let requests = 0;
      const { fetch } = globalThis;
      globalThis.fetch = async () => {
        requests++;
        return new Response(served);
      };
      const open = async (more: Partial<CreateOptions> = {}) => {
        const before = requests;
        (await create({ weights: address, device, cache: true, ...more })).dispose();
        return requests - before;
      };
      const isKept = typeof caches !== 'undefined';
      if (isKept) await caches.delete('dbnet-webgpu');
      try {
        assertEqual(await open(), 1, 'requests of the first time');
        assertEqual(await open({ sha256: await sha256Of(file) }), isKept ? 0 : 1, 'requests of the second');
        assertEqual(await open({ cache: false }), 1, 'requests without cache');
        served = changed;
        const sha256 = await sha256Of(changed);
        assertEqual(await open({ sha256 }), 1, 'requests where the file was changed');
        assertEqual(await open({ sha256 }), isKept ? 0 : 1, 'requests after that');
        // What is no network is not kept.
        served = new TextEncoder().encode('<!doctype html>') as typeof file;
        await assertRejects(
          () => open({ weights: `${address}?page` }),
          'invalid-safetensors',
          'a page instead of weights',
        );
        served = file;
        assertEqual(await open({ weights: `${address}?page` }), 1, 'requests after a page');
      } finally {
        globalThis.fetch = fetch;
        if (isKept) await caches.delete('dbnet-webgpu');
      }
    },
  },
  {
    name: 'isSupported() says whether there is an adapter, and why there is none',
    async run({ gpu }) {
      const here = await TextDetector.isSupported({ gpu });
      assert(here.supported && here.runsOn.length > 0, `here: ${JSON.stringify(here)}`);
      const none = { requestAdapter: async () => null } as unknown as GPU;
      const refusing = { requestAdapter: () => Promise.reject(new Error('no entry')) } as unknown as GPU;
      for (const [gpu, words] of [
        [none, 'found none'],
        [refusing, 'no entry'],
      ] as const) {
        const support = await TextDetector.isSupported({ gpu });
        assert(!support.supported && support.reason === 'no-adapter', JSON.stringify(support));
        assert(support.message.includes(words), support.message);
      }
    },
  },
];

export default tests;
