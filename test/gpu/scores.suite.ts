/** @file Scores on the GPU: sums over spans against f64, held maps, and the same regions as with scores on the CPU. */

import { TextDetector } from '../../src/detector/detector.ts';
import type { DetectOptions, Maps, RawImage, Region } from '../../src/detector/types.ts';
import type { Kernel } from '../../src/kernels/kernel.ts';
import { spanSums } from '../../src/kernels/span-sums.ts';
import { findRegions } from '../../src/postprocess/regions.ts';
import { type GpuContext, openDevice } from '../../src/runtime/gpu-context.ts';
import { HeldMaps } from '../../src/runtime/held-maps.ts';
import { PipelineCache } from '../../src/runtime/pipelines.ts';
import { parseSafetensors } from '../../src/safetensors/parse.ts';
import { assert, assertClose, assertEqual, assertRejects, random, randomFloats } from './assert.ts';
import { assertWithin } from './precision.ts';
import type { Reference } from './references/reference.ts';
import { runKernel } from './run-kernel.ts';
import { openSmallEngine } from './small-engine.ts';
import type { GpuTest, GpuTestContext } from './suite.ts';

type Groups = readonly (readonly (readonly [first: number, length: number])[])[];

/** The sums by their definition. */
function reference(values: Float32Array, groups: Groups): Reference {
  const add = (of: (value: number) => number) =>
    Float64Array.from(groups, (spans) =>
      spans
        .flatMap(([first, length]) => [...values.subarray(first, first + length)])
        .reduce((sum, value) => sum + of(value), 0),
    );
  return { values: add((value) => value), magnitudes: add(Math.abs) };
}

/** As the kernel reads them. */
function packed(groups: Groups) {
  const starts = [0];
  for (const spans of groups) starts.push(starts[starts.length - 1] + spans.length);
  return {
    groups: groups.length,
    spans: Uint32Array.from(groups.flat(2)),
    starts: Uint32Array.from(starts),
  };
}

async function check(context: GpuContext, values: Float32Array, groups: Groups, what: string) {
  const { spans, starts } = packed(groups);
  const lengths = groups.map((list) => list.map(([, length]) => length));
  const pixels = lengths.flat().reduce((sum, length) => sum + length, 0);
  // One rounding per value of a thread's part of a span, per part, and per level of the tree.
  const parts = lengths.map((list) => 64 + list.reduce((sum, length) => sum + Math.ceil(length / 64), 0));
  const roundings = parts.reduce((most, count) => Math.max(most, count), 0) + 8;
  const form = {
    label: 'sums',
    values: values.length,
    spans: spans.length / 2,
    groups: groups.length,
    pixels,
  };
  for (const by of ['workgroup', 'thread'] as const) {
    const kernel = spanSums(form, { by });
    const { sums } = await runKernel(context, kernel, { values, spans, starts });
    assertWithin(sums, reference(values, groups), roundings * 2 ** -24, `${what}, by ${by}`);
    const again = await runKernel(context, kernel, { values, spans, starts });
    assertEqual([...again.sums], [...sums], `${what}, by ${by}, once more`);
  }
}

function randomGroups(count: number, values: number, seed: number): Groups {
  const next = random(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: Math.floor(next() * 9) }, () => {
      const first = Math.floor(next() * values);
      return [first, Math.floor(next() * (values - first))] as const;
    }),
  );
}

const weightsFile = 'weights/db-resnet18.safetensors';

async function open(context: GpuTestContext, device?: GPUDevice): Promise<TextDetector> {
  return await TextDetector.create({
    weights: await context.fixture(weightsFile),
    gpu: context.gpu,
    device,
    tune: 'off',
  });
}

const size = { width: 160, height: 96 };

async function sign({ fixture }: GpuTestContext): Promise<RawImage> {
  const file = parseSafetensors(await fixture('sign.safetensors'));
  return { data: file.bytes('image').slice(), ...size, channels: 3 };
}

/** The same regions as from `maps` in memory, with scores within 1e-5; how many. */
async function compare(
  detector: TextDetector,
  image: RawImage,
  { P, B }: Maps,
  { binarize, ...options }: DetectOptions & { threshold: number },
): Promise<number> {
  const { regions, truncated } = await detector.detect(image, { ...options, size, binarize, scoreOn: 'gpu' });
  const mask = Uint8Array.from(binarize === 'B' ? B : P, (value) => (value > options.threshold ? 1 : 0));
  const expected = findRegions({ data: P, mask, ...size }, { ...options, target: size });
  const what = JSON.stringify({ binarize, ...options });
  const pointsOf = (list: readonly Region[]) => list.map(({ points }) => points);
  assertEqual(pointsOf(regions), pointsOf(expected.regions), `points, ${what}`);
  assertEqual(truncated, expected.truncated, `truncated, ${what}`);
  const scoresOf = (list: readonly Region[]) => list.map(({ score }) => score);
  assertClose(scoresOf(regions), scoresOf(expected.regions), 1e-5, `scores, ${what}`);
  return regions.length;
}

const tests: GpuTest[] = [
  {
    name: 'a held map can be read back as well, for outlines that overlap too much to be added up one by one',
    async run(context) {
      const engine = await openSmallEngine(context.device);
      await engine.compute(
        { kind: 'pixels', ...(await sign(context)) },
        size,
        'P',
        { read: ['P'], hold: 'P', background: [0, 0, 0] },
        {},
        async (maps) => {
          assertClose(await maps.held(), maps.float32('P'), 0, 'the held map');
        },
      );
      engine.dispose();
    },
  },
  {
    name: 'sums over spans: none, one value, a workgroup more or less, rows of an odd map',
    async run({ device }) {
      const context = await openDevice({ device });
      const values = randomFloats(37 * 29, 1);
      const lengths = [0, 1, 2, 63, 64, 65, 127, 129, 1000];
      await check(context, values, [[[0, 1]]], 'one value');
      await check(context, values, [[], [[7, 0]], lengths.map((length) => [3, length] as const)], 'lengths');
      await check(
        context,
        values,
        lengths.map((length) => [[73, length] as const]),
        'one span each',
      );
      const rows = Array.from({ length: 29 }, (_, y) => [[37 * y, 37] as const]);
      await check(context, values, [...rows, rows.flat()], 'rows');
      await check(context, values, randomGroups(301, values.length, 2), 'random groups');
    },
  },
  {
    name: 'sums of more groups than one row of workgroups has',
    async run({ device }) {
      const context = await openDevice({ device });
      const values = randomFloats(71, 3);
      const groups = Array.from({ length: 700 }, (_, i) => [[i % 71, 71 - (i % 71)] as const]);
      const { spans, starts } = packed(groups);
      for (const by of ['workgroup', 'thread'] as const) {
        const form = { label: 'sums', values: 71, spans: 700, groups: 700, pixels: 0 };
        const kernel = spanSums(form, { by });
        // As if a row had 3: so many workgroups as WebGPU allows would take long here.
        const narrow: Kernel = {
          ...kernel,
          shape: { ...kernel.shape, columns: 3 },
          dispatch: [3, Math.ceil(kernel.dispatch[0] / 3), 1],
        };
        const { sums } = await runKernel(context, narrow, { values, spans, starts });
        assertWithin(sums, reference(values, groups), 80 * 2 ** -24, by);
      }
    },
  },
  {
    name: 'held maps are used again, grow with the spans, and show what is not finite',
    async run({ device }) {
      const context = await openDevice({ device });
      const held = new HeldMaps(context, new PipelineCache(context));
      await held.prepare();
      const values = randomFloats(1000, 4, 0, 1);
      const fill = async (bytes: number) => {
        const map = await held.hold(bytes);
        device.queue.writeBuffer(map.buffer, 0, values, 0, bytes / 4);
        return map;
      };
      const few = randomGroups(7, 1000, 5);
      const many = randomGroups(4000, 20, 6);
      const [first, second] = [await fill(4000), await fill(400)];
      assert(first.buffer !== second.buffer, 'expected two copies while both are held');
      for (const groups of [few, many, few]) {
        const sums = await held.sum(first, packed(groups));
        assertWithin(sums, reference(values, groups), 1e-5, `${groups.length} groups`);
      }
      held.release(first);
      held.release(second);
      const { bytes } = held;
      const third = await held.hold(300);
      assert(third.buffer === second.buffer, 'expected the smallest that fits');
      held.release(third);
      assertEqual(held.bytes, bytes, 'bytes after use again');
      values[500] = Number.NaN;
      const row = await fill(4000);
      const [left, right] = await held.sum(row, packed([[[0, 500]], [[500, 500]]]));
      assert(Number.isFinite(left) && Number.isNaN(right), `expected a number and NaN: ${left}, ${right}`);
      held.destroy();
      assertEqual(held.bytes, 0, 'bytes after destroy');
    },
  },
  {
    name: 'regions are those with scores from P in memory: quads, polygons, fast, slow, by P, by B',
    async run(context) {
      const detector = await open(context);
      const image = await sign(context);
      const maps = await detector.maps(image, { size });
      const threshold = 0.3;
      const boxThreshold = 0.4;
      for (const shape of ['quad', 'polygon'] as const) {
        for (const score of ['fast', 'slow'] as const) {
          const found = await compare(detector, image, maps, { shape, score, threshold, boxThreshold });
          assert(found >= 2, `expected the words of the sign, found ${found} regions`);
        }
      }
      const byB = await compare(detector, image, maps, { binarize: 'B', threshold, boxThreshold });
      assert(byB >= 2, `expected the words by B, found ${byB} regions`);
      const all = { threshold: 0.02, boxThreshold: 0, minSize: 0, unclipRatio: 1.5 };
      assert((await compare(detector, image, maps, { ...all, maxCandidates: 2 })) > 0, 'expected a region');
      const none = await compare(detector, image, maps, { threshold: 1 });
      assertEqual(none, 0, 'regions of an empty mask');
      detector.dispose();
    },
  },
  {
    name: 'buffers and bind groups are made once, memory stays, and calls that overlap give the same',
    async run(context) {
      const { device } = context;
      const made: string[] = [];
      for (const method of ['createBuffer', 'createBindGroup', 'createComputePipelineAsync'] as const) {
        const original = device[method].bind(device) as (descriptor: unknown) => never;
        Object.defineProperty(device, method, {
          value: (descriptor: unknown) => {
            made.push(method);
            return original(descriptor);
          },
        });
      }
      const detector = await open(context, device);
      const image = await sign(context);
      const options = { size, threshold: 0.3, boxThreshold: 0.4 };
      await detector.warmup(size, { image: { ...image }, scoreOn: 'gpu' });
      await detector.detect(image, options);
      const expected = (await detector.detect(image, { ...options, scoreOn: 'gpu' })).regions;
      made.length = 0;
      const { memory } = detector;
      for (const scoreOn of ['gpu', 'cpu', 'gpu'] as const)
        await detector.detect(image, { ...options, scoreOn });
      assertEqual(made, [], 'made by later frames');
      assertEqual(detector.memory, memory, 'memory');
      const calls = Array.from({ length: 3 }, () => detector.detect(image, { ...options, scoreOn: 'gpu' }));
      for (const { regions } of await Promise.all(calls)) assertEqual(regions, expected, 'regions');
      detector.dispose();
      assertEqual(detector.memory.readback, 0, 'bytes after dispose()');
    },
  },
  {
    name: 'an abort, dispose() and the loss of the device between mask and sums',
    async run(context) {
      const adapter = await context.gpu.requestAdapter();
      const device = await adapter!.requestDevice();
      const detector = await open(context, device);
      const image = await sign(context);
      const abort = new AbortController();
      const reason = new Error('enough');
      const caught = await detector
        .detect(image, {
          size,
          scoreOn: 'gpu',
          signal: abort.signal,
          onProgress: ({ stage }) => stage === 'postprocess' && abort.abort(reason),
        })
        .catch((error: unknown) => error);
      assert(caught === reason, `expected the signal's reason, found ${caught}`);
      const { memory } = detector;
      await detector.detect(image, { size, scoreOn: 'gpu' });
      assertEqual(detector.memory, memory, 'memory after an abort');
      await assertRejects(
        () => detector.detect(image, { size, scoreOn: 'fpga' as never }),
        'invalid-argument',
        'scoreOn',
      );
      const onProgress = ({ stage }: { stage: string }) => stage === 'postprocess' && detector.dispose();
      await assertRejects(
        () => detector.detect(image, { size, scoreOn: 'gpu', onProgress }),
        'disposed',
        'dispose()',
      );

      const next = await open(context, device);
      let scoring = false;
      const submit = device.queue.submit.bind(device.queue);
      Object.defineProperty(device.queue, 'submit', {
        value: (commands: GPUCommandBuffer[]) => {
          submit(commands);
          if (scoring) device.destroy();
        },
      });
      await assertRejects(
        () =>
          next.detect(image, {
            size,
            scoreOn: 'gpu',
            onProgress: ({ stage }) => {
              scoring = stage === 'postprocess';
            },
          }),
        'device-lost',
        'a lost device',
      );
      next.dispose();
    },
  },
];

export default tests;
