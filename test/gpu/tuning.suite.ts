/** @file The autotuner on every runtime: right candidates only, nothing left behind, and the same maps as before. */

import { TextDetector } from '../../src/detect/detector.ts';
import type { CreateOptions, Progress } from '../../src/detect/types.ts';
import { type GpuContext, openDevice } from '../../src/gpu/device.ts';
import { PipelineCache } from '../../src/gpu/pipelines.ts';
import type { KernelChoice } from '../../src/graph/operation.ts';
import type { Conv2dOperation } from '../../src/graph/operations/conv2d.ts';
import type { RawImage } from '../../src/input/types.ts';
import { type Conv2d, conv2d } from '../../src/kernels/conv2d.ts';
import { type Convolution, convolution, gemmOf } from '../../src/kernels/convolution.ts';
import type { Kernel } from '../../src/kernels/kernel.ts';
import { type Tile, tileName } from '../../src/kernels/tile.ts';
import type { UpsampledConv2d } from '../../src/kernels/upsampled-conv2d.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import { loadEntries, storeEntries, tuningKey } from '../../src/tuning/cache.ts';
import { candidates } from '../../src/tuning/candidates.ts';
import { Timer } from '../../src/tuning/timing.ts';
import { type TunerOptions, tune } from '../../src/tuning/tune.ts';
import { TunedChoice } from '../../src/tuning/tuned-choice.ts';
import { Workbench } from '../../src/tuning/workbench.ts';
import { assert, assertAllMaps, assertClose, assertEqual, assertRejects, random } from './assert.ts';
import { precisionsOf } from './precision.ts';
import { withPrivateCache } from './private-cache.ts';
import { type Script, scripted, withClock } from './scripted-timer.ts';
import type { GpuTest, GpuTestContext } from './suite.ts';

const direct = (pixels: number, channels: number): Tile => ({ kind: 'direct', pixels, channels });
const small: Tile = {
  kind: 'workgroup',
  blockPixels: 16,
  blockChannels: 32,
  blockDepth: 8,
  pixels: 4,
  channels: 4,
};

function conv(rest: Partial<Conv2d> = {}): Conv2d {
  return {
    label: 'layer',
    sources: [{ height: 8, width: 12, channels: 16, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }],
    outHeight: 8,
    outWidth: 12,
    outChannels: 32,
    bias: true,
    residuals: [{ kind: 'same' }],
    activation: 'relu',
    ...rest,
  };
}

const plain = conv();
/** Two sources, class images added. */
const shortcut = conv({
  sources: [
    { height: 4, width: 8, channels: 16, kernel: 3, stride: 1, padding: { top: 1, left: 1 } },
    { height: 8, width: 16, channels: 8, kernel: 1, stride: 2, padding: { top: 0, left: 0 } },
  ],
  outHeight: 4,
  outWidth: 8,
  residuals: [{ kind: 'classes', scale: 4 }],
});
const classes: UpsampledConv2d = {
  label: 'layer',
  height: 8,
  width: 12,
  channels: 16,
  outChannels: 32,
  scale: 4,
};

/** Sides that are no multiples of Winograd's tiles. */
const odd = conv({
  sources: [{ height: 7, width: 13, channels: 16, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }],
  outHeight: 7,
  outWidth: 13,
});

/** Channels that fill no vectors: one of the image's three, one of more. */
const uneven = [3, 6].map((channels) =>
  conv({
    sources: [{ height: 8, width: 12, channels, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }],
    outChannels: 10,
  }),
);

/** The operation that a convolution is of. */
const operationOf = ({ sources, outChannels }: Conv2d): Pick<Conv2dOperation, 'sources' | 'outChannels'> => ({
  outChannels,
  sources: sources.map(({ channels: inChannels, kernel, stride, padding: { top, left } }) => {
    const padding = { top, left, bottom: top, right: left };
    return { tensor: 'x', weight: 'w', inChannels, kernel, stride, padding };
  }),
});

const tiles = [direct(4, 8), small];

/** Times by parts of labels, the first that is found; what is none of them takes 1 ms. */
const timesOf =
  (times: Readonly<Record<string, number>>): Script =>
  (label) =>
    Object.entries(times).find(([part]) => label.includes(part))?.[1] ?? 1;

const defaults: KernelChoice = {
  precision: 'f32',
  tile: () => direct(8, 4),
  headPixels: 1,
};

async function tuneWith(
  context: GpuContext,
  convs: readonly Convolution[],
  options: Partial<TunerOptions> = {},
  precision: Precision = 'f32',
) {
  return await tune(context, convs, {
    pipelines: new PipelineCache(context),
    standard: { ...defaults, precision },
    tiles,
    budgetMs: 60_000,
    openTimer: scripted(() => 1),
    ...options,
  });
}

/** Makes right kernels for all tiles but one. */
const breaking =
  (broken: Tile, spoil: (kernel: Kernel) => Kernel): typeof convolution =>
  (problem, options) => {
    const kernel = convolution(problem, options);
    return tileName(options.tile) === tileName(broken) && !('planes' in problem) ? spoil(kernel) : kernel;
  };

/** How a shader can be wrong, and what the tuner says of it. */
const faults: { name: string; spoil: (kernel: Kernel) => Kernel; reason: RegExp }[] = [
  {
    name: 'one value of the output is slightly off',
    spoil: replaceInCode('var value = sum;', 'var value = sum; if (at == 77u) { value.y += 0.02; }'),
    reason: /wrong in 1 of/,
  },
  {
    name: 'one pixel is not written',
    spoil: replaceInCode('var value = sum;', 'var value = sum; if (pixel == 5u) { return; }'),
    reason: /wrong in 32 of/,
  },
  {
    name: 'the last tap is left out',
    spoil: replaceInCode('tap_x < 3u', 'tap_x < 2u'),
    reason: /wrong in \d+ of/,
  },
  {
    name: 'not all workgroups are dispatched',
    spoil: (kernel) => ({ ...kernel, dispatch: [1, 1, 1] }),
    reason: /wrong in 1\d\d\d of/,
  },
  {
    name: 'it does not compile',
    spoil: replaceInCode('var value = sum;', 'var value = nothing;'),
    reason: /refused/,
  },
  {
    name: 'its dispatch is refused',
    spoil: (kernel) => ({ ...kernel, dispatch: [70_000, 1, 1] }),
    reason: /failed on this device/,
  },
];

function replaceInCode(from: string, to: string): (kernel: Kernel) => Kernel {
  return (kernel) => {
    assert(kernel.code.includes(from), `the shader has no '${from}': correct this test`);
    return { ...kernel, code: kernel.code.replace(from, to) };
  };
}

/** Buffers of a device that are not destroyed yet. */
function watchBuffers(device: GPUDevice): Set<GPUBuffer> {
  const alive = new Set<GPUBuffer>();
  const create = device.createBuffer.bind(device);
  Object.defineProperty(device, 'createBuffer', {
    value: (descriptor: GPUBufferDescriptor) => {
      const buffer = create(descriptor);
      const destroy = buffer.destroy.bind(buffer);
      alive.add(buffer);
      Object.defineProperty(buffer, 'destroy', {
        value: () => {
          alive.delete(buffer);
          destroy();
        },
      });
      return buffer;
    },
  });
  return alive;
}

function noise(width: number, height: number): RawImage {
  const next = random(3);
  const data = Uint8Array.from({ length: width * height * 3 }, () => Math.floor(next() * 256));
  return { data, width, height, channels: 3 };
}

async function createDetector(context: GpuTestContext, options: Partial<CreateOptions> = {}) {
  const weights = await context.fixture('weights/db-resnet18.safetensors');
  return await TextDetector.create({
    selfTest: false,
    weights,
    gpu: context.gpu,
    device: context.device,
    ...options,
  });
}

const tests: GpuTest[] = [
  {
    name: 'right candidates are timed, for plain layers, two sources and class images',
    async run({ device }) {
      const context = await openDevice({ device });
      for (const precision of await precisionsOf(context)) {
        const seen: number[] = [];
        const {
          classes: tuned,
          unmeasured,
          rejected,
        } = await tuneWith(
          context,
          [plain, plain, shortcut, classes],
          {
            openTimer: scripted(
              timesOf({ 'F(': 8, [tileName(small)]: 1, [tileName(direct(4, 8))]: 2, 'direct 8x4': 4 }),
            ),
            onProgress: (done, total) => seen.push(done / total),
          },
          precision,
        );
        assertEqual(rejected, [], `${precision}: rejected`);
        assertEqual(unmeasured, [], `${precision}: unmeasured`);
        assertEqual(
          tuned.map(({ name, layers }) => [name, layers]),
          [
            [`${precision} 3x3 16 > 32 (9 classes), 2^7 px`, 1],
            [`${precision} 3x3 16 > 32, 2^7 px`, 2],
            [`${precision} 3x3 16 + 1x1/2 8 > 32, 2^5 px`, 1],
          ],
          'classes',
        );
        assertEqual(
          tuned.map(({ winograd }) => winograd !== undefined),
          [false, precision === 'f32', false],
          `${precision}: classes with Winograd`,
        );
        for (const { tile, ms, gflops, standard, name } of tuned) {
          assertEqual([tileName(tile), ms], [tileName(small), 1], `${name}: the fastest`);
          assert(gflops > 0 && Number.isFinite(gflops), `${name}: ${gflops} GFLOP/s`);
          assertEqual(standard, { tile: direct(8, 4), ms: 4 }, `${name}: standard`);
        }
        assertEqual(
          seen,
          seen.toSorted((a, b) => a - b),
          'progress',
        );
        assertEqual(seen.at(-1), 1, 'progress at the end');
      }
    },
  },
  {
    name: 'forms agree where channels fill no vectors',
    async run({ device }) {
      const context = await openDevice({ device });
      const { classes: tuned, rejected } = await tuneWith(context, uneven, { tiles: [direct(4, 8)] });
      assertEqual(rejected, [], 'rejected');
      assertEqual(
        tuned.map(({ name, winograd }) => [name, winograd !== undefined]),
        [
          ['f32 3x3 6 > 10, 2^7 px', true],
          ['f32 3x3 3 > 10, 2^7 px', true],
        ],
        'classes',
      );
    },
  },
  {
    name: 'the timer takes the time of a pass, with timestamp queries and without',
    async run({ gpu, device: fine }) {
      const adapter = await gpu.requestAdapter();
      const plainDevice = await adapter!.requestDevice();
      assert(!plainDevice.features.has('timestamp-query'), 'the device has timestamp queries');
      for (const device of [fine, plainDevice]) {
        const context = await openDevice({ device });
        const timer = await Timer.open(context, { minSampleMs: 0.1 });
        const kernel = conv2d(plain, { tile: small, precision: 'f32' });
        const bench = await Workbench.create(context, new PipelineCache(context), [{ kernel }]);
        const bound = await bench.bind([{ kernel }]);
        const { repetitions, ms } = await timer.calibrate(bound);
        assert(repetitions >= 1 && ms > 0 && Number.isFinite(ms), `${ms} ms, ${repetitions} repetitions`);
        const again = await timer.sample(bound, repetitions);
        assert(again === undefined || again > 0, `${again} ms`);
        for (const owner of [bound, bench, timer]) owner.destroy();
      }
      plainDevice.destroy();
    },
  },
  {
    name: 'a wrong candidate is rejected, whatever is wrong with it',
    async run({ device }) {
      const context = await openDevice({ device });
      const broken = tiles[0];
      // Without ReLU, which would hide errors below 0; of stride 2, so that there is no Winograd form to choose.
      const layer = conv({
        sources: [
          { height: 16, width: 24, channels: 16, kernel: 3, stride: 2, padding: { top: 1, left: 1 } },
        ],
        activation: 'none',
      });
      for (const { name, spoil, reason } of faults) {
        const tuned = await tuneWith(context, [layer], { tiles: [broken], build: breaking(broken, spoil) });
        assertEqual(
          tuned.rejected.map(({ tile }) => tileName(tile)),
          [tileName(broken)],
          name,
        );
        assert(reason.test(tuned.rejected[0].reason), `${name}: ${tuned.rejected[0].reason}`);
        // With one tile left there is nothing to choose from.
        assertEqual(tuned.classes, [], `${name}: classes`);
        assertEqual(tuned.unmeasured.length, 1, `${name}: unmeasured`);
      }
    },
  },
  {
    name: "Winograd's filtering is measured with its transforms, and the products' tile where it may pay",
    async run({ device }) {
      const context = await openDevice({ device });
      const alone = (label: string) => !label.includes(' + ');
      const tuneOdd = async (times: Record<string, number>, products: Record<string, number> = {}) => {
        const seen: number[] = [];
        const { classes: tuned, rejected } = await tuneWith(context, [odd], {
          standardWinograd: () => 2,
          openTimer: scripted((label) => timesOf(alone(label) ? { ...products, ...times } : times)(label)),
          onProgress: (done, total) => seen.push(done / total),
        });
        assertEqual(rejected, [], 'rejected');
        assertEqual(
          seen,
          seen.toSorted((a, b) => a - b),
          'progress',
        );
        return tuned[0];
      };
      const better = tileName(small);
      const faster = await tuneOdd({
        [`F(4,3) (${better})`]: 1,
        'F(4,3)': 2,
        'F(2,3)': 3,
        'layer (direct 8x4)': 5,
        layer: 4,
      });
      assertEqual([faster.ms, faster.winograd], [4, { size: 4, ms: 1 }], 'times of the faster size');
      assertEqual(faster.standard, { tile: direct(8, 4), ms: 3, winograd: 2 }, 'standard');
      const { name, tile, ms } = faster.products ?? {};
      assertEqual([name, tile, ms], ['f32 1x1 16 > 32 (36 planes), 2^3 px', small, 1], 'products');

      // The better tile of the products alone is not worth the change in the whole.
      const kept = await tuneOdd({ 'F(4,3)': 3, 'F(2,3)': 2, layer: 4 }, { [`F(2,3) (${better})`]: 1 });
      assertEqual(kept.winograd, { size: 2, ms: 2 }, 'time with the standard tile');
      assertEqual(
        [kept.products?.tile, kept.products?.ms],
        [direct(8, 4), 2],
        "the standard tile's own time",
      );

      const slower = await tuneOdd({ 'F(': 7, layer: 4 });
      assertEqual([slower.winograd, slower.products], [{ size: 2, ms: 7 }, undefined], 'where it is slower');
    },
  },
  {
    name: "the products that are measured are those of Winograd's size that is kept",
    async run({ device }) {
      const context = await openDevice({ device });
      // One size is the fastest when it is first timed, the other whenever they take turns, as the load may have it.
      let looks = 0;
      const { classes: tuned } = await tuneWith(context, [odd], {
        openTimer: scripted((label) => {
          if (!label.includes('F(')) return 8;
          if (label.includes('F(2,3)')) return 3;
          looks += 1;
          return looks <= 2 ? 2.9 : 6;
        }),
      });
      const [{ winograd, products }] = tuned;
      assertEqual(winograd, { size: 2, ms: 3 }, 'the size that is kept');
      assertEqual(products?.name, 'f32 1x1 16 > 32 (16 planes), 2^5 px', 'products');
    },
  },
  {
    name: "wrong products of Winograd's filtering are rejected",
    async run({ device }) {
      const context = await openDevice({ device });
      const spoil = replaceInCode('var value = sum;', 'var value = sum; if (at == 3u) { value.y += 1.0; }');
      const { classes: tuned, rejected } = await tuneWith(context, [conv({ activation: 'none' })], {
        build: (problem, options) => {
          const kernel = convolution(problem, options);
          return 'planes' in problem ? spoil(kernel) : kernel;
        },
      });
      assertEqual(
        rejected.map(({ winograd }) => winograd),
        [4, 2],
        'rejected sizes',
      );
      for (const { reason } of rejected) assert(/wrong in \d+ of/.test(reason), reason);
      assertEqual([tuned.length, tuned[0].winograd], [1, undefined], 'what is left');
    },
  },
  {
    name: 'a default form that leaves out a value is no reference',
    async run({ device }) {
      const context = await openDevice({ device });
      const spoil = replaceInCode('var value = sum;', 'var value = sum; if (at == 77u) { return; }');
      const tuned = await tuneWith(context, [plain], {
        build: (...options) => spoil(convolution(...options)),
      });
      assertEqual(tuned.classes, [], 'classes');
      assert(/not finite, or not written, in 4 of/.test(tuned.rejected[0].reason), tuned.rejected[0].reason);
    },
  },
  {
    name: 'an abort ends it with its reason; all buffers are freed, then and at the end',
    async run({ device }) {
      const context = await openDevice({ device });
      const alive = watchBuffers(device);
      const abort = new AbortController();
      const reason = new Error('enough');
      let during = 0;
      const caught = await tuneWith(context, [plain, classes], {
        signal: abort.signal,
        onProgress: () => {
          during = alive.size;
          abort.abort(reason);
        },
      }).catch((error: unknown) => error);
      assert(caught === reason, `expected the signal's reason, found ${caught}`);
      assert(during > 4, `expected buffers in use, found ${during}`);
      assertEqual(alive.size, 0, 'buffers after the abort');
      await tuneWith(context, [plain]);
      assertEqual(alive.size, 0, 'buffers at the end');
      const early = await tuneWith(context, [plain], { signal: abort.signal }).catch(
        (error: unknown) => error,
      );
      assert(early === reason, `expected the signal's reason, found ${early}`);
    },
  },
  {
    name: 'without time nothing is measured; a layer larger than the limits is left out',
    async run({ device }) {
      const context = await openDevice({ device });
      const none = await tuneWith(context, [plain, shortcut], { budgetMs: 1e-3 });
      assertEqual([none.classes.length, none.unmeasured.length], [0, 2], 'without time');
      const huge = { ...classes, height: 2048, width: 2048 };
      // On software adapters few rows are measured, which fit.
      const gpu = { ...context, software: false };
      assertEqual((await tuneWith(gpu, [huge])).unmeasured.length, 1, 'too large');
    },
  },
  {
    name: "entries come back from this runtime's cache; those of another key do not",
    async run({ device }) {
      const { adapter } = await openDevice({ device });
      const key = tuningKey(adapter, 'f32');
      const entries = { 'f32 3x3 16 > 32, 2^7 px': { tile: small, ms: 1, gflops: 2 } };
      await withPrivateCache(async () => {
        assertEqual(await loadEntries(key), {}, 'before');
        const place = await storeEntries(key, entries);
        assert(place !== undefined, 'nothing was stored');
        assertEqual(await loadEntries(key), entries, 'after');
        assertEqual(await loadEntries({ ...key, key: `${key.key} newer` }), {}, 'with another version');
        assertEqual(await loadEntries(tuningKey(adapter, 'f16')), {}, 'in another precision');
      });
      assertEqual(await withPrivateCache(() => loadEntries(key)), {}, 'in another cache');
    },
  },
  {
    name: 'tuning a table: what was the fastest is used, stored, and read by the next session',
    async run({ device }) {
      const context = await openDevice({ device });
      await withPrivateCache(async () => {
        const pipelines = new PipelineCache(context);
        const first = new TunedChoice(context, 'f32');
        const before = first.tile(plain);
        // Whatever is taken by default, one of the menu is faster.
        const [fastest] = candidates(gemmOf(plain), {
          precision: 'f32',
          limits: device.limits,
          software: context.software,
        }).filter((tile) => tileName(tile) !== tileName(before));
        const times = { 'F(': 9, [`(${tileName(fastest)})`]: 1, layer: 3 };
        const { report } = await first.tune([plain], pipelines, {
          budgetMs: 60_000,
          openTimer: scripted(timesOf(times)),
        });
        assert(report.stored !== undefined, 'nothing was stored');
        assertEqual(first.tile(plain), fastest, 'the tile that is used');
        assertEqual(first.winograd(operationOf(plain)), undefined, 'Winograd, which was slower');
        const { tile, ms, winograd } = report.table.entries['f32 3x3 16 > 32, 2^7 px'];
        assertEqual([tile, ms, winograd?.ms], [fastest, 1, 9], 'entry');
        assertEqual(await loadEntries(tuningKey(context.adapter, 'f32')), report.table.entries, 'stored');
        const next = new TunedChoice(context, 'f32');
        await next.load();
        assertEqual(next.tile(plain), fastest, 'the tile of the next session');
      });
    },
  },
  {
    name: 'a tuned detector gives the same maps, with a program of its new tiles',
    async run(context) {
      await withPrivateCache(async () => {
        const image = noise(64, 32);
        const size = { width: 64, height: 32 };
        const detector = await createDetector(context);
        const before = await detector.maps(image, { size });
        const stages = new Set<string>();
        const hour = 3_600_000;
        // The time is up with the first candidate: then the fewest that can be compared are timed, and no more.
        const report = await withClock(async (jump) =>
          detector.tune(size, {
            budgetMs: hour,
            onProgress: ({ stage }) => {
              stages.add(stage);
              jump(hour);
            },
          }),
        );
        assertEqual([...stages], ['tune'], 'stages');
        assertEqual(report.classes.length, 1, `classes measured: ${JSON.stringify(report.rejected)}`);
        assert(report.unmeasured.length > 1, 'all was measured, though the time was up');
        assert(report.stored !== undefined, 'nothing was stored');
        assertEqual(
          Object.keys(report.table.entries),
          report.classes.flatMap(({ name, products }) => (products ? [name, products.name] : [name])),
          'table',
        );
        const made = watchBuffers(context.device);
        const after = await detector.maps(image, { size });
        assert(
          [...made].some(({ label }) => label === 'shapes'),
          'the program of the old tiles is still in use',
        );
        detector.dispose();
        assertAllMaps(before);
        assertAllMaps(after);
        for (const name of ['P', 'T', 'B'] as const) {
          assertClose(after[name], before[name], 1e-5, `${name} after tuning`);
        }
      });
    },
  },
  {
    name: 'a detector takes tiles that were stored, of plain convolutions and of products, unless told not to',
    async run(context) {
      await withPrivateCache(async () => {
        const image = noise(64, 32);
        const size = { width: 64, height: 32 };
        const { adapter } = await openDevice({ device: context.device });
        const tile = direct(2, 8);
        // Classes at this size; all others stay as they are by default.
        await storeEntries(tuningKey(adapter, 'f32'), {
          'f32 3x3/2 64 > 128, 2^5 px': { tile, ms: 1, gflops: 1 },
          'f32 3x3 64 > 64, 2^7 px': { tile, ms: 1, gflops: 1, winograd: { size: 2, ms: 0.5 } },
          'f32 1x1 64 > 64 (16 planes), 2^5 px': { tile, ms: 0.2, gflops: 1 },
        });
        const labels: string[] = [];
        const create = context.device.createShaderModule.bind(context.device);
        Object.defineProperty(context.device, 'createShaderModule', {
          value: (descriptor: GPUShaderModuleDescriptor) => {
            labels.push(descriptor.label ?? '');
            return create(descriptor);
          },
        });
        const mapsWith = async (options: Partial<CreateOptions>) => {
          labels.length = 0;
          const detector = await createDetector(context, options);
          const maps = await detector.maps(image, { size });
          assertAllMaps(maps);
          detector.dispose();
          const stored = labels.filter((label) => label.includes('direct 2x8'));
          return { maps, stored, products: stored.filter((label) => label.includes('F(2,3)')) };
        };
        const cached = await mapsWith({});
        assert(cached.products.length > 0, `stored tiles of products are not used: ${labels}`);
        assert(cached.stored.length > cached.products.length, `stored tiles are not used: ${labels}`);
        const off = await mapsWith({ tune: 'off' });
        assertEqual(off.stored, [], "stored tiles that 'off' takes");
        for (const name of ['P', 'T', 'B'] as const)
          assertClose(cached.maps[name], off.maps[name], 1e-5, name);
      });
    },
  },
  {
    name: 'stored times choose between plain convolutions and Winograd, with the same maps',
    async run(context) {
      await withPrivateCache(async () => {
        const { adapter } = await openDevice({ device: context.device });
        const key = tuningKey(adapter, 'f32');
        const image = noise(64, 32);
        const size = { width: 64, height: 32 };
        const run = async (ms: number) => {
          // A class at this size; all others stay as they are by default.
          const entry = { tile: direct(8, 8), ms: 1, gflops: 1, winograd: { size: 2, ms } } as const;
          await storeEntries(key, { 'f32 3x3 64 > 64, 2^7 px': entry });
          const detector = await createDetector(context);
          const maps = await detector.maps(image, { size });
          assertAllMaps(maps);
          const { weights } = detector.memory;
          detector.dispose();
          return { maps, weights };
        };
        const [plain, transformed] = [await run(2), await run(0.5)];
        assert(plain.weights !== transformed.weights, `${plain.weights} bytes of weights either way`);
        for (const name of ['P', 'T', 'B'] as const) {
          assertClose(transformed.maps[name], plain.maps[name], 1e-5, name);
        }
      });
    },
  },
  {
    name: 'tune() and its options: typed errors, abort, dispose',
    async run(context) {
      await withPrivateCache(async () => {
        await assertRejects(
          () => createDetector(context, { tune: 'always' as never }),
          'invalid-argument',
          'tune',
        );
        const detector = await createDetector(context);
        const size = { width: 32, height: 32 };
        const bad = (value: unknown) => value as never;
        for (const options of [
          null,
          { budget: 1 },
          { budgetMs: 0 },
          { budgetMs: '1' },
          { budgetMs: Number.NaN },
        ]) {
          await assertRejects(
            () => detector.tune(size, bad(options)),
            'invalid-argument',
            JSON.stringify(options),
          );
        }
        await assertRejects(() => detector.tune(bad({ width: 33 })), 'invalid-argument', 'size');
        // No machine is so slow that nothing is begun.
        const budgetMs = 3_600_000;
        const reason = new Error('enough');
        const abort = new AbortController();
        const caught = await detector
          .tune(size, { budgetMs, signal: abort.signal, onProgress: () => abort.abort(reason) })
          .catch((error: unknown) => error);
        assert(caught === reason, `expected the signal's reason, found ${caught}`);
        await detector.detect(noise(32, 32), { size });
        const underWay = detector.tune(size, { budgetMs, onProgress: () => detector.dispose() });
        await assertRejects(() => underWay, 'disposed', 'dispose() during tune()');
        await assertRejects(() => detector.tune(size), 'disposed', 'tune() after dispose()');
      });
    },
  },
  {
    name: "create() with 'full' measures where nothing is stored, and only there",
    async run(context) {
      await withPrivateCache(async () => {
        const alive = watchBuffers(context.device);
        const reason = new Error('enough');
        const abort = new AbortController();
        const create = () =>
          createDetector(context, {
            tune: 'full',
            signal: abort.signal,
            onProgress: ({ stage }) => stage === 'tune' && abort.abort(reason),
          });
        const aborted = await withClock(create, { stands: true }).catch((error: unknown) => error);
        assert(aborted === reason, `expected the signal's reason, found ${aborted}`);
        assertEqual(alive.size, 0, 'buffers after the abort');

        const { adapter } = await openDevice({ device: context.device });
        // A layer at the default size, 1024 x 1024.
        const entries = { 'f32 3x3/2 64 > 128, 2^14 px': { tile: direct(4, 8), ms: 1, gflops: 1 } };
        await storeEntries(tuningKey(adapter, 'f32'), entries);
        const stages = new Set<string>();
        const onProgress = ({ stage }: Progress) => stages.add(stage);
        (await createDetector(context, { tune: 'full', onProgress })).dispose();
        assertEqual([...stages].sort(), ['compile', 'weights'], 'stages');
      });
    },
  },
];

export default tests;
