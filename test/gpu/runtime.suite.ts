/** @file The runtime on a device: pipelines, memory, recorded programs, replay, readback, errors. */

import { Arena } from '../../src/gpu/arena.ts';
import { ConstantStore } from '../../src/gpu/constants.ts';
import { assertUsable, checked, type GpuContext, openDevice } from '../../src/gpu/device.ts';
import { PipelineCache } from '../../src/gpu/pipelines.ts';
import { type Externals, Program, type SharedResources } from '../../src/gpu/program.ts';
import { ReadbackPool } from '../../src/gpu/readback.ts';
import { run, SubmitSize } from '../../src/gpu/run.ts';
import type { Graph } from '../../src/graph/graph.ts';
import type { Constant } from '../../src/graph/operation.ts';
import { externals, type Plan, plan } from '../../src/graph/plan.ts';
import type { Kernel } from '../../src/kernels/kernel.ts';
import { maxPool } from '../../src/kernels/max-pool.ts';
import { resizeTable } from '../../src/kernels/preprocess.ts';
import { winogradWeights } from '../../src/kernels/winograd-weights.ts';
import {
  assert,
  assertClose,
  assertEqual,
  assertRejects,
  poison,
  randomFloats,
  readBuffer,
  USAGE,
} from './assert.ts';
import { maxPool as maxPoolReference, pool3x3 } from './references/max-pool.ts';
import { upsampleNearest } from './references/upsample.ts';
import type { GpuTest } from './suite.ts';
import { watchDevice } from './watch-device.ts';

/** A network of two layers: the image plus its own pooled and upsampled form. */
const graph: Graph = {
  parameters: () => new Float32Array(),
  input: 'image',
  operations: [
    {
      op: 'maxPool',
      ...{ name: 'pool', output: 'pool', input: 'image' },
      ...{ kernel: 3, stride: 2, padding: { top: 1, left: 1, bottom: 1, right: 1 } },
    },
    { op: 'upsampleAdd', name: 'sum', output: 'sum', lateral: 'image', top: 'pool' },
  ],
  outputs: ['sum'],
};

const planOf = (side: number): Plan =>
  plan(
    graph,
    { height: side, width: side },
    { source: 1, channelOrder: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] },
    { precision: 'f32', tile: () => ({ kind: 'direct', pixels: 4, channels: 4 }), headPixels: 1 },
  );

/** The network's answer for a grey image of that side. */
function expectedSum(pixels: Uint8Array, side: number): Float64Array {
  const image = Float64Array.from({ length: 4 * pixels.length }, (_, i) => (i % 4 < 3 ? pixels[i >> 2] : 0));
  const small = { height: side / 2, width: side / 2, channels: 4 };
  const top = upsampleNearest(
    maxPoolReference(image, pool3x3({ height: side, width: side, channels: 4 })),
    small,
    2,
  );
  return image.map((value, i) => value + top[i]);
}

const greyImage = (side: number, seed: number) => Uint8Array.from(randomFloats(side * side, seed, 0, 256));

/** Pixels and resize table on the device. */
function upload(device: GPUDevice, pixels: Uint8Array<ArrayBuffer>, side: number): Externals {
  const table = resizeTable({ width: side, height: side }, { width: side, height: side });
  const buffers = [pixels, table].map((data) => {
    const buffer = device.createBuffer({ size: data.byteLength, usage: USAGE.STORAGE | USAGE.COPY_DST });
    device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  });
  return new Map([
    [externals.source, buffers[0]],
    [externals.resize, buffers[1]],
  ]);
}

const open = async (device: GPUDevice): Promise<SharedResources> => {
  const context = await openDevice({ device });
  const pipelines = new PipelineCache(context);
  return {
    context,
    pipelines,
    constants: new ConstantStore(context, pipelines),
    arena: new Arena(context),
  };
};

const runAll = (context: GpuContext, program: Program, given: Externals): Promise<void> =>
  run(context, program.steps(given), { submitSize: new SubmitSize(context), finish: () => {} });

const sumOf = async (device: GPUDevice, program: Program, side: number): Promise<Float32Array> =>
  new Float32Array(await readBuffer(device, program.tensor('sum').buffer)).subarray(0, side * side * 4);

const pool = (side: number): Kernel =>
  maxPool({ label: 'pool', ...pool3x3({ height: side, width: side, channels: 4 }) }, { precision: 'f32' });
const otherCode: Kernel = { ...pool(8), code: `// another\n${pool(8).code}` };

const tests: GpuTest[] = [
  {
    name: 'kernels of the same code share a pipeline',
    async run({ device }) {
      const cache = new PipelineCache(await openDevice({ device }));
      const [first, again, other] = await Promise.all([
        cache.get(pool(8)),
        // Neither the label nor the size of the image makes another code.
        cache.get({ ...pool(4), label: 'another label' }),
        cache.get(otherCode),
      ]);
      assert(first === again, 'expected one pipeline for one code');
      assert(first !== other, 'expected two pipelines for two codes');
      assertEqual(cache.size, 2, 'pipelines');
      cache.keepOnly(new Set([otherCode.code]));
      assertEqual(cache.size, 1, 'pipelines that are kept');
      assert((await cache.get(otherCode)) === other, 'expected the kept pipeline');
    },
  },
  {
    name: 'a shader that is refused gives the source with the message under its line, every time',
    async run({ device }) {
      const cache = new PipelineCache(await openDevice({ device }));
      const kernel = pool(8);
      const code = kernel.code.replace('var largest =', 'var largest : u32 =');
      const line = code.split('\n').findIndex((text) => text.includes(': u32 =')) + 1;
      for (const attempt of [1, 2]) {
        const error = await assertRejects(
          () => cache.get({ ...kernel, code }),
          'gpu-error',
          `attempt ${attempt}`,
        );
        assert(error.message.includes("the shader 'pool' was refused"), error.message);
        const lines = error.message.split('\n');
        const at = lines.findIndex((text) => text.includes(`${line} | `));
        assert(at > 0 && /\^ error: /.test(lines[at + 1]), error.message);
        assertEqual(cache.size, 0, 'pipelines after a failure');
      }
      await cache.get(kernel);
    },
  },
  {
    name: 'activation buffers grow, are counted, and stay within the limits',
    async run({ device }) {
      const arena = new Arena(await openDevice({ device }));
      arena.reserve([256, 1024]);
      const [first, second] = [arena.get(0), arena.get(1)];
      const { generation } = arena;
      arena.reserve([128, 1024]);
      assert(arena.get(0) === first && arena.get(1) === second, 'expected the same buffers for less');
      assertEqual(arena.generation, generation, 'generation after less');
      arena.reserve([512, 16, 64]);
      assert(
        arena.get(0) !== first && arena.get(1) === second,
        'expected only the smaller one to be replaced',
      );
      assert(arena.generation > generation, 'expected a new generation');
      assertEqual(arena.bytes, 512 + 1024 + 64, 'bytes');
      const limit = Math.min(device.limits.maxBufferSize, device.limits.maxStorageBufferBindingSize);
      const error = await assertRejects(() => arena.reserve([limit + 4]), 'limit-exceeded', 'too large');
      assert(
        error.message.includes(`${limit + 4}`) && /maxBufferSize|maxStorageBuffer/.test(error.message),
        error.message,
      );
      arena.destroy();
      assertEqual(arena.bytes, 0, 'bytes after destroy');
    },
  },
  {
    name: 'constants are computed and uploaded once, as halves where asked',
    async run({ device }) {
      const { constants } = await open(device);
      let calls = 0;
      const data = () => {
        calls++;
        return randomFloats(64, 1);
      };
      const all = new Map([
        ['single', { name: 'single', precision: 'f32' as const, data }],
        ['half', { name: 'half', precision: 'f16' as const, data }],
      ]);
      await constants.upload(all);
      const buffer = constants.get('single');
      await constants.upload(all);
      assertEqual(calls, 2, 'computations');
      assert(constants.get('single') === buffer, 'expected the same buffer');
      assertEqual([buffer.size, constants.get('half').size, constants.bytes], [256, 128, 384], 'bytes');
      let thrown = false;
      try {
        constants.get('unknown');
      } catch {
        thrown = true;
      }
      assert(thrown, 'expected an error for a constant that was not uploaded');
      constants.destroy();
    },
  },
  {
    name: 'constants that their precision cannot hold are an error each time, and leave nothing',
    async run({ device }) {
      const watched = watchDevice(device);
      const { constants } = await open(device);
      const of = (precision: 'f32' | 'f16', value: number) =>
        new Map([
          ['good', { name: 'good', precision, data: () => randomFloats(64, 1) }],
          ['bad', { name: 'bad', precision, data: () => Float32Array.of(0, value, 0, 0) }],
        ]);
      for (const [precision, value] of [
        ['f32', Number.POSITIVE_INFINITY],
        ['f32', Number.NaN],
        ['f16', 70_000],
        ['f32', Number.NaN],
      ] as const) {
        const error = await assertRejects(
          () => constants.upload(of(precision, value)),
          'incompatible-weights',
          `${value} as ${precision}`,
        );
        assert(error.message.includes(`'bad'`) && error.message.includes(`found ${value}`), error.message);
        assertEqual(watched.held(), [], 'held after a failure');
      }
      // The product of weights and batch norm's scale, which the device computes.
      const form = { label: 'bad', channels: 4, outChannels: 4, size: 2 } as const;
      const scaled = (factor: number): [string, Constant] => [
        'bad',
        {
          name: 'bad',
          precision: 'f32',
          data: () => new Float32Array(4 * 4 * 9).fill(1e30),
          transform: {
            kernel: () => winogradWeights(form, { precision: 'f32' }),
            scale: () => Float32Array.of(1, 1, factor, 1),
            growth: 1,
          },
        },
      ];
      const error = await assertRejects(
        () => constants.upload(new Map([scaled(2 ** 66)])),
        'incompatible-weights',
        'a product',
      );
      assert(error.message.includes(`'bad'`) && /found \d.*e\+49/.test(error.message), error.message);
      assertEqual(watched.held(), [], 'held after a failure');
      await constants.upload(new Map([scaled(2)]));
      constants.destroy();
      await constants.upload(of('f32', 70_000));
      assertEqual(constants.bytes, 256 + 16, 'bytes');
      constants.destroy();
    },
  },
  {
    name: 'nothing can be made in memory that is closed, and closing frees what is there',
    async run({ device }) {
      const watched = watchDevice(device);
      const { memory, close } = await openDevice({ device });
      const descriptor = { size: 16, usage: USAGE.STORAGE };
      const [first, second] = [memory.createBuffer(descriptor), memory.createBuffer(descriptor)];
      memory.createTexture({ size: [4, 4], format: 'rgba8unorm', usage: 0x4 });
      memory.free(first, undefined);
      memory.free(first);
      assertEqual(watched.held().length, 2, 'held');
      close();
      close();
      assertEqual(watched.held(), [], 'held after close()');
      memory.free(second);
      await assertRejects(() => memory.createBuffer(descriptor), 'disposed', 'a buffer afterwards');
    },
  },
  {
    name: 'a program is replayed without new bind groups, and follows new images and new buffers',
    async run({ device }) {
      const opened = await open(device);
      const { context } = opened;
      const compiled: number[] = [];
      const small = await Program.build(planOf(32), opened, (done, total) => compiled.push(done / total));
      assertEqual(compiled, [1 / 3, 2 / 3, 1], 'compile progress');
      const [image, other] = [greyImage(32, 1), greyImage(32, 2)];
      const given = upload(device, image, 32);
      await runAll(context, small, given);
      assertClose(await sumOf(device, small, 32), expectedSum(image, 32), 0, 'first run');

      const recorded = [...small.steps(given)];
      assert(
        small.steps(given).every((step, i) => step === recorded[i]),
        'expected the same steps again',
      );
      const second = upload(device, other, 32);
      assertEqual(
        small.steps(second).map((step, i) => step === recorded[i]),
        [false, true, true],
        'steps that stay when the image is another buffer',
      );
      await runAll(context, small, second);
      assertClose(await sumOf(device, small, 32), expectedSum(other, 32), 0, 'second image');

      const before = opened.pipelines.size;
      const large = await Program.build(planOf(64), opened);
      assertEqual(opened.pipelines.size, before, 'pipelines after another size');
      const largeImage = greyImage(64, 3);
      await runAll(context, large, upload(device, largeImage, 64));
      assertClose(await sumOf(device, large, 64), expectedSum(largeImage, 64), 0, 'larger program');
      // The larger program has replaced the buffers: the smaller one must notice.
      await runAll(context, small, given);
      assertClose(await sumOf(device, small, 32), expectedSum(image, 32), 0, 'smaller program again');
    },
  },
  {
    name: 'a program gets new buffers where the arena was emptied, as after a size that did not fit',
    async run({ device }) {
      const own = await open(device);
      const program = await Program.build(planOf(8), own);
      const pixels = greyImage(8, 7);
      const given = upload(device, pixels, 8);
      own.arena.destroy();
      assertEqual(own.arena.bytes, 0, 'bytes of an empty arena');
      await runAll(own.context, program, given);
      assertClose(await sumOf(device, program, 8), expectedSum(pixels, 8), 1e-4, 'the sum');
    },
  },
  {
    name: 'a long frame is cut into submits with progress between them',
    async run({ device }) {
      const opened = await open(device);
      const program = await Program.build(planOf(32), opened);
      const image = greyImage(32, 4);
      const steps = program.steps(upload(device, image, 32)).map((step) => ({ ...step, flops: 1e15 }));
      const progress: number[] = [];
      let finished = 0;
      await run(opened.context, steps, {
        submitSize: new SubmitSize(opened.context),
        finish: () => finished++,
        onProgress: (done, total) => progress.push(done / total),
      });
      assertEqual(progress, [0, 1 / 3, 2 / 3], 'progress');
      assertEqual(finished, 1, 'calls of finish');
      assertClose(await sumOf(device, program, 32), expectedSum(image, 32), 0, 'result');
    },
  },
  {
    name: 'an abort between submits ends the run with its reason',
    async run({ device }) {
      const opened = await open(device);
      const program = await Program.build(planOf(32), opened);
      poison(device, program.tensor('sum').buffer);
      const steps = program
        .steps(upload(device, greyImage(32, 5), 32))
        .map((step) => ({ ...step, flops: 1e15 }));
      const controller = new AbortController();
      const reason = new Error('enough');
      let thrown: unknown;
      try {
        await run(opened.context, steps, {
          submitSize: new SubmitSize(opened.context),
          finish: () => {},
          onProgress: (done) => done > 0 && controller.abort(reason),
          signal: controller.signal,
        });
      } catch (error) {
        thrown = error;
      }
      assert(thrown === reason, `expected the signal's reason, found ${thrown}`);
      const sum = await sumOf(device, program, 32);
      assert(sum.every(Number.isNaN), 'expected the last step not to have run');
    },
  },
  {
    name: 'readback buffers are used again and hold what was copied',
    async run({ device }) {
      const readback = new ReadbackPool(await openDevice({ device }));
      const values = randomFloats(64, 6);
      const source = device.createBuffer({ size: 256, usage: USAGE.COPY_SRC | USAGE.COPY_DST });
      device.queue.writeBuffer(source, 0, values);
      const [first, second] = [await readback.acquire(256), await readback.acquire(128)];
      assert(first !== second, 'expected two buffers while both are held');
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(source, 0, first, 0, 256);
      device.queue.submit([encoder.finish()]);
      const mapped = await readback.map(first, 128);
      assertEqual([...new Float32Array(mapped)], [...values.subarray(0, 32)], 'mapped values');
      readback.release(first);
      readback.release(second);
      assert((await readback.acquire(100)) === second, 'expected the smallest buffer that fits');
      assert((await readback.acquire(100)) === first, 'expected the other free buffer');
      readback.release(second);
      await readback.acquire(512);
      assertEqual(readback.bytes, 256 + 512, 'bytes after a free buffer made room for a larger one');
      readback.destroy();
      assertEqual(readback.bytes, 0, 'bytes after destroy');
    },
  },
  {
    name: 'what the device complains of is an error with the name of the action',
    async run({ device }) {
      const context = await openDevice({ device });
      const tooLarge = () => device.createBuffer({ size: 2 ** 45, usage: USAGE.STORAGE }).size;
      const invalid = () => device.createBuffer({ size: 16, usage: USAGE.MAP_READ | USAGE.STORAGE }).size;
      for (const work of [tooLarge, invalid]) {
        const error = await assertRejects(() => checked(context, 'the action', work), 'gpu-error', 'checked');
        assert(error.message.startsWith('the action failed on this device'), error.message);
      }
      assertEqual(await checked(context, 'the action', () => 7), 7, 'result');
      const reason = new Error('mine');
      let thrown: unknown;
      await checked(context, 'the action', () => Promise.reject(reason)).catch((error) => {
        thrown = error;
      });
      assert(thrown === reason, 'expected the rejection of the work itself');
    },
  },
  {
    name: 'a device of its own has more than the least limits and is destroyed on close',
    async run({ gpu }) {
      const context = await openDevice({ gpu });
      const { limits } = context.device;
      const adapter = (await gpu.requestAdapter({ powerPreference: 'high-performance' }))!;
      assertEqual(limits.maxBufferSize, adapter.limits.maxBufferSize, 'maxBufferSize');
      context.close();
      await context.device.lost;
      await assertRejects(() => assertUsable(context), 'disposed', 'assertUsable');
      await assertRejects(() => checked(context, 'anything', () => 1), 'disposed', 'checked');
    },
  },
  {
    name: "a caller's device is left alone on close",
    async run({ device }) {
      const context = await openDevice({ device });
      context.close();
      await device.queue.onSubmittedWorkDone();
      assert(context.lost === undefined, 'expected the device to live on');
      const buffer = device.createBuffer({ size: 16, usage: USAGE.COPY_SRC });
      assertEqual(new Uint8Array(await readBuffer(device, buffer)).length, 16, 'bytes read');
    },
  },
  {
    name: 'without an adapter the error says what to do',
    async run() {
      const gpu = { requestAdapter: async () => null } as unknown as GPU;
      const error = await assertRejects(() => openDevice({ gpu }), 'no-webgpu', 'openDevice');
      assert(error.message.includes('driver'), error.message);
    },
  },
];

export default tests;
