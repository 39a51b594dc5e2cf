/** @file The detector as users see it, on every runtime: maps against PyTorch, regions, overlapping calls, failures. */

import { TextDetector } from '../../src/detect/detector.ts';
import type { CreateOptions, DetectOptions } from '../../src/detect/types.ts';
import type { RawImage, SizeOption } from '../../src/input/types.ts';
import { findRegions } from '../../src/postprocess/regions.ts';
import { parseSafetensors, type Safetensors } from '../../src/safetensors/parse.ts';
import { type TensorData, writeSafetensors } from '../../src/safetensors/write.ts';
import type { Box, PaddedSize } from '../../src/size.ts';
import { refusesHostile } from '../helpers/hostile.ts';
import { inOtherRealm } from '../helpers/other-realm.ts';
import { assert, assertAllMaps, assertClose, assertEqual, assertRejects, random } from './assert.ts';
import { compose } from './references/compose.ts';
import { resizeBilinear } from './references/resize.ts';
import { smallWeights } from './small-engine.ts';
import type { GpuTest, GpuTestContext } from './suite.ts';
import { watchDevice } from './watch-device.ts';

const weightsFile = 'weights/db-resnet18.safetensors';

/** One detector for the tests that leave it as it was: weights and shaders are loaded once. */
let shared: Promise<TextDetector> | undefined;

async function sharedDetector({ gpu, fixture }: GpuTestContext): Promise<TextDetector> {
  shared ??= fixture(weightsFile).then((weights) => TextDetector.create({ selfTest: false, weights, gpu }));
  return await shared;
}

async function freshDetector(
  { fixture, ...context }: GpuTestContext,
  options: Partial<CreateOptions>,
): Promise<TextDetector> {
  return await TextDetector.create({
    selfTest: false,
    weights: await fixture(weightsFile),
    gpu: context.gpu,
    ...options,
  });
}

async function reference(context: GpuTestContext): Promise<{ file: Safetensors; image: RawImage }> {
  const file = parseSafetensors(await context.fixture('network.safetensors'));
  const [height, width] = file.tensors.get('image')!.shape;
  return { file, image: { data: file.bytes('image').slice(), width, height, channels: 3 } };
}

function noise(width: number, height: number, channels: 1 | 3 | 4, seed = 1): RawImage {
  const next = random(seed);
  return {
    data: Uint8Array.from({ length: width * height * channels }, () => Math.floor(next() * 256)),
    width,
    height,
    channels,
  };
}

const small = { width: 64, height: 32 };

/** A picture resized to the content of a size by OpenCV's rule, over a colour. */
function paddedBefore(image: RawImage, { width, height, content }: PaddedSize, colour: number[]): RawImage {
  const { channels } = image;
  const opaque = channels === 4 ? compose(image.data, [255, 255, 255]) : image.data;
  const shown = channels === 4 ? 3 : channels;
  const resized = resizeBilinear(opaque, image, shown, content!);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => colour[i % 3]);
  for (let y = 0; y < content!.height; y++) {
    for (let x = 0; x < content!.width; x++) {
      for (let c = 0; c < 3; c++)
        data[3 * (y * width + x) + c] = resized[(y * content!.width + x) * shown + (c % shown)];
    }
  }
  return { data, width, height, channels: 3 };
}

const tests: GpuTest[] = [
  {
    name: 'P and T within 1e-4 of PyTorch, B within 5e-3',
    async run(context) {
      const { file, image } = await reference(context);
      const detector = await sharedDetector(context);
      const { width, height } = image;
      const maps = await detector.maps(image, { size: { width, height } });
      assertAllMaps(maps);
      assertEqual([maps.width, maps.height], [width, height], 'size');
      assertClose(maps.P, file.float32('P'), 1e-4, 'P');
      assertClose(maps.T, file.float32('T'), 1e-4, 'T');
      assertClose(maps.B, file.float32('B'), 5e-3, 'B');
    },
  },
  {
    name: 'detect() finds the regions of the maps, by P and by B, in pixels of the source',
    async run(context) {
      const file = parseSafetensors(await context.fixture('sign.safetensors'));
      const image: RawImage = { data: file.bytes('image').slice(), width: 160, height: 96, channels: 3 };
      const detector = await sharedDetector(context);
      const size = { width: 160, height: 96 };
      const maps = await detector.maps(image, { size });
      assertAllMaps(maps);
      const { P, B } = maps;
      const options = { threshold: 0.3, boxThreshold: 0.4 };
      const target = { width: image.width, height: image.height };
      const byP = await detector.detect(image, { size, ...options });
      const expectedP = findRegions({ data: P, ...size }, { ...options, target });
      assert(byP.regions.length >= 2, `expected the words of the sign, found ${byP.regions.length} regions`);
      assertEqual(byP.regions, expectedP.regions, 'regions by P');
      assertEqual([byP.width, byP.height, byP.truncated], [image.width, image.height, false], 'source');
      const byB = await detector.detect(image, { size, ...options, binarize: 'B' });
      const mask = Uint8Array.from(B, (value) => (value > options.threshold ? 1 : 0));
      assertEqual(
        byB.regions,
        findRegions({ data: P, mask, ...size }, { ...options, target }).regions,
        'regions by B',
      );
      assert(byB.regions.length >= 2, `expected the words by B, found ${byB.regions.length} regions`);
      for (const [stage, ms] of Object.entries(byP.timings)) {
        assert(Number.isFinite(ms) && ms >= 0, `timings.${stage} is ${ms}`);
      }
    },
  },
  {
    name: 'detect() gives the maps of its own run with the regions, in memory of their own',
    async run(context) {
      const file = parseSafetensors(await context.fixture('sign.safetensors'));
      const image: RawImage = { data: file.bytes('image').slice(), width: 160, height: 96, channels: 3 };
      const detector = await sharedDetector(context);
      const size = { width: 160, height: 96 };
      const expected = await detector.maps(image, { size });
      assertAllMaps(expected);
      for (const binarize of ['P', 'B'] as const) {
        const options = { size, binarize, boxThreshold: 0.4 };
        const { maps, regions } = await detector.detect(image, { ...options, maps: true });
        // Another run would overwrite memory that is the detector's.
        const plain = await detector.detect(image, { ...options, maps: false });
        await detector.maps(noise(160, 96, 3), { size });
        assertAllMaps(maps);
        assertEqual(Object.keys(maps).sort(), ['B', 'P', 'T', 'height', 'width'], 'what it holds');
        assertEqual([maps.width, maps.height], [160, 96], 'size');
        for (const name of ['P', 'T', 'B'] as const) {
          assertClose(maps[name], expected[name], 0, `${name} with binarize ${binarize}`);
          assertEqual(maps[name].buffer.byteLength, 160 * 96 * 4, `bytes behind ${name}`);
        }
        assertEqual(regions, plain.regions, `regions by ${binarize}`);
        assert(!('maps' in plain), 'no maps unless they are asked for');
      }
    },
  },
  {
    name: 'the method that `using` calls disposes',
    async run(context) {
      const detector = await freshDetector(context, { device: context.device });
      const symbol: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');
      detector[symbol]();
      await assertRejects(() => detector.detect(noise(64, 32, 3)), 'disposed', 'detect()');
    },
  },
  {
    name: 'grey, RGB and opaque RGBA of the same picture give the same maps',
    async run(context) {
      const detector = await sharedDetector(context);
      const grey = noise(37, 23, 1);
      const spread = (channels: 3 | 4): RawImage => ({
        ...grey,
        channels,
        data: Uint8Array.from({ length: grey.data.length * channels }, (_, i) =>
          i % channels === 3 ? 255 : grey.data[Math.floor(i / channels)],
        ),
      });
      const expected = await detector.maps(grey, { size: small });
      for (const image of [spread(3), spread(4)]) {
        const maps = await detector.maps(image, { size: small });
        assertClose(maps.P, expected.P, 0, `P from ${image.channels} channels`);
      }
    },
  },
  {
    name: 'transparent pixels show what is behind them: white, or the background that is asked for',
    async run(context) {
      const detector = await sharedDetector(context);
      const rgba = noise(37, 23, 4);
      for (const background of [undefined, [12, 200, 3]] as const) {
        const seen = compose(rgba.data, background ?? [255, 255, 255]);
        const expected = await detector.maps({ ...rgba, data: seen, channels: 3 }, { size: small });
        const maps = await detector.maps(rgba, { size: small, background });
        assertClose(maps.P, expected.P, 0, `P over ${background ?? 'white'}`);
      }
      const found = await detector.detect(noise(64, 32, 4), { size: small, background: [0, 0, 0] });
      assertEqual([found.width, found.height], [64, 32], 'detect() takes it too');
    },
  },
  {
    name: 'pixels and options of another realm are what they are',
    async run(context) {
      const foreign = await inOtherRealm<{
        images: RawImage[];
        options: DetectOptions;
        copy: (bytes: Uint8Array) => Uint8Array;
      }>(`{
        images: [Uint8Array, Uint8ClampedArray].map((type) => (
          { data: type.from({ length: 40 * 20 * 3 }, (_, i) => (i * 89 + 41) % 256), width: 40, height: 20, channels: 3 }
        )),
        options: { size: { width: 64, height: 32 }, background: [1, 2, 3] },
        copy: (bytes) => new Uint8Array(bytes),
      }`);
      assert(!(foreign.images[0].data instanceof Uint8Array), 'the other realm has classes of its own');
      const weights = foreign.copy(await context.fixture(weightsFile));
      const detector = await TextDetector.create({ selfTest: false, weights, gpu: context.gpu });
      const here = { ...foreign.images[0], data: Uint8Array.from(foreign.images[0].data) };
      const expected = await detector.maps(here, { size: small });
      for (const image of foreign.images) {
        const { P } = await detector.maps(image, foreign.options);
        assertClose(P, expected.P, 0, `P of a ${Object.prototype.toString.call(image.data)}`);
      }
      detector.dispose();
    },
  },
  {
    name: 'pixels and weights in shared memory are read like others',
    async run(context) {
      // The constructor SharedArrayBuffer is not there in every page.
      const shared = (bytes: ArrayLike<number>) => {
        const pages = Math.ceil(bytes.length / 65536);
        const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
        const view = new Uint8Array(memory.buffer, 0, bytes.length);
        view.set(bytes);
        return view;
      };
      const weights = shared(await context.fixture(weightsFile));
      assertEqual(Object.prototype.toString.call(weights.buffer), '[object SharedArrayBuffer]', 'memory');
      const detector = await TextDetector.create({ selfTest: false, weights, gpu: context.gpu });
      for (const channels of [1, 3, 4] as const) {
        const image = noise(37, 23, channels);
        const expected = await detector.maps(image, { size: small });
        const { P } = await detector.maps({ ...image, data: shared(image.data) }, { size: small });
        assertClose(P, expected.P, 0, `P of ${channels} channels`);
      }
      detector.dispose();
    },
  },
  {
    name: 'an image counts as it is when the call is made, whether it waits or not',
    async run(context) {
      const detector = await freshDetector(context, { device: context.device });
      const frames = [1, 2, 3, 4].map((seed) => noise(64, 32, 3, seed));
      const reused = { ...frames[0], data: new Uint8Array(frames[0].data.length) };
      // The first waits for its shaders, the others for those before them.
      const calls = frames.map((frame) => {
        reused.data.set(frame.data);
        return detector.maps(reused, { size: small });
      });
      reused.data.fill(0);
      const found = await Promise.all(calls);
      for (const [i, frame] of frames.entries()) {
        const expected = await detector.maps(frame, { size: small });
        assertClose(found[i].P, expected.P, 0, `P of frame ${i}`);
        reused.data.set(frame.data);
        const atOnce = detector.maps(reused, { size: small });
        reused.data.fill(0);
        assertClose((await atOnce).P, expected.P, 0, `P of frame ${i}, which does not wait`);
      }
      detector.dispose();
    },
  },
  {
    name: 'calls that overlap give what calls in turn give',
    async run(context) {
      const detector = await sharedDetector(context);
      const images = [noise(64, 32, 3, 1), noise(64, 32, 3, 2), noise(32, 32, 3, 3), noise(64, 32, 3, 4)];
      const call = (image: RawImage) => detector.maps(image, { size: { width: image.width, height: 32 } });
      const inTurn: Float32Array[] = [];
      for (const image of images) inTurn.push((await call(image)).P);
      const together = await Promise.all(images.map(call));
      together.forEach(({ P }, i) => {
        assertClose(P, inTurn[i], 0, `call ${i}`);
      });
    },
  },
  {
    name: 'no buffer, pipeline or bind group is made after the first frame of a size',
    async run(context) {
      const made: string[] = [];
      const device = context.device;
      for (const method of ['createBuffer', 'createBindGroup', 'createComputePipelineAsync'] as const) {
        const original = device[method].bind(device) as (descriptor: unknown) => never;
        Object.defineProperty(device, method, {
          value: (descriptor: unknown) => {
            made.push(method);
            return original(descriptor);
          },
        });
      }
      const detector = await freshDetector(context, { device });
      const frame = (seed: number) => detector.detect(noise(50, 30, 3, seed), { size: small });
      await frame(1);
      assert(made.includes('createBindGroup'), 'the first frame makes bind groups');
      made.length = 0;
      for (const seed of [2, 3, 4]) await frame(seed);
      assertEqual(made, [], 'made by later frames');
      detector.dispose();
    },
  },
  {
    name: 'memory is that of the largest size, however many sizes follow one another',
    async run(context) {
      const detector = await sharedDetector(context);
      const sizes = [32, 64, 96].map((width) => ({ width, height: 32 }));
      const total = () => Object.values(detector.memory).reduce((sum, bytes) => sum + bytes, 0);
      for (const size of sizes) await detector.detect(noise(40, 40, 3), { size });
      const first = total();
      for (let round = 0; round < 3; round++) {
        for (const size of sizes) await detector.detect(noise(40, 40, 3), { size });
      }
      assertEqual(total(), first, 'bytes');
    },
  },
  {
    name: 'progress goes forward and ends; an abort in the middle rejects with its reason and leaves all usable',
    async run(context) {
      const detector = await sharedDetector(context);
      const seen: number[] = [];
      await detector.detect(noise(64, 32, 3), {
        size: small,
        onProgress: ({ stage, done, total }) => {
          if (stage === 'network') seen.push(done / total);
        },
      });
      assertEqual(
        seen,
        seen.toSorted((a, b) => a - b),
        'progress of the network',
      );
      assertEqual([seen[0], seen.at(-1)], [0, 1], 'first and last');
      const abort = new AbortController();
      const reason = new Error('enough');
      const caught = await detector
        .detect(noise(64, 32, 3), {
          size: small,
          signal: abort.signal,
          onProgress: ({ stage }) => stage === 'network' && abort.abort(reason),
        })
        .catch((error: unknown) => error);
      assert(caught === reason, `expected the signal's reason, found ${caught}`);
      const before = await detector
        .maps(noise(64, 32, 3), { signal: AbortSignal.abort(reason) })
        .catch((error: unknown) => error);
      assert(before === reason, `expected the signal's reason, found ${before}`);
      await detector.detect(noise(64, 32, 3), { size: small });
    },
  },
  {
    name: 'a passed device survives dispose() with nothing left on it, and a disposed detector says so',
    async run(context) {
      const watched = watchDevice(context.device);
      const detector = await freshDetector(context, { device: context.device });
      const underWay = detector.detect(noise(64, 32, 3), { size: small }).catch((error: unknown) => error);
      detector.dispose();
      detector.dispose();
      await assertRejects(() => detector.detect(noise(64, 32, 3)), 'disposed', 'detect()');
      await assertRejects(() => detector.maps(noise(64, 32, 3)), 'disposed', 'maps()');
      await assertRejects(() => detector.warmup(small), 'disposed', 'warmup()');
      await assertRejects(
        async () => {
          throw await underWay;
        },
        'disposed',
        'the call under way',
      );
      assertEqual(watched.held(), [], 'held on the device');
      const buffer = context.device.createBuffer({ size: 16, usage: 0x80 });
      buffer.destroy();
    },
  },
  {
    name: 'a lost device is reported as lost',
    async run(context) {
      const adapter = await context.gpu.requestAdapter();
      const device = await adapter!.requestDevice();
      const detector = await freshDetector(context, { device });
      device.destroy();
      await device.lost;
      await assertRejects(
        () => detector.detect(noise(64, 32, 3), { size: small }),
        'device-lost',
        'detect()',
      );
      detector.dispose();
    },
  },
  {
    name: 'sizes beyond the limits of the device are refused with the limit',
    async run(context) {
      const detector = await freshDetector(context, { device: context.device });
      const size = { width: 4096, height: 4096 };
      const error = await assertRejects(
        () => detector.maps(noise(8, 8, 3), { size }),
        'limit-exceeded',
        'maps()',
      );
      assert(error.message.includes('maxStorageBufferBindingSize'), error.message);
      await detector.detect(noise(64, 32, 3), { size: small });
      detector.dispose();
    },
  },
  {
    name: 'images of 1x1 and of 16384 pixels width',
    async run(context) {
      const detector = await sharedDetector(context);
      const one = await detector.detect(noise(1, 1, 3), { size: { shortSide: 32 } });
      assertEqual([one.width, one.height, one.regions.length], [1, 1, 0], '1x1');
      const wide = await detector.detect(noise(16384, 3, 3), { size: { shortSide: 32, maxLongSide: 256 } });
      assertEqual([wide.width, wide.height], [16384, 3], 'wide');
    },
  },
  {
    name: 'wrong images, options and weights give typed errors',
    async run(context) {
      const detector = await sharedDetector(context);
      const image = noise(8, 8, 3);
      const bad = (value: unknown) => value as never;
      const images: unknown[] = [
        undefined,
        null,
        'sign.jpg',
        {},
        { ...image, channels: 2 },
        { ...image, width: 9 },
        { ...image, width: 0 },
        { ...image, height: 1.5 },
        { ...image, data: [...image.data] },
        { ...image, width: 70000, height: 1, data: new Uint8Array(210000) },
      ];
      for (const [index, wrong] of images.entries()) {
        await assertRejects(() => detector.detect(bad(wrong)), 'invalid-image', `image ${index}`);
      }
      const options: unknown[] = [
        null,
        { treshold: 0.3 },
        { threshold: Number.NaN },
        { threshold: '0.3' },
        { boxThreshold: 2 },
        { unclipRatio: -1 },
        { maxCandidates: 0 },
        { minSize: Number.NaN },
        { shape: 'circle' },
        { score: 'medium' },
        { binarize: 'T' },
        { background: 'white' },
        { background: [255, 255] },
        { background: [0, 0, 256] },
        { background: [0, 0, 0.5] },
        { size: 736 },
        { size: { width: 100, height: 64 } },
        { size: { width: 64 } },
        { size: { width: 64, height: 64, shortSide: 64 } },
        { size: { shortSide: Number.NaN } },
        { size: { longSide: 64 } },
      ];
      for (const [index, wrong] of options.entries()) {
        await assertRejects(() => detector.detect(image, bad(wrong)), 'invalid-argument', `options ${index}`);
      }
      await assertRejects(() => detector.maps(image, bad({ shape: 'quad' })), 'invalid-argument', 'maps()');
      await assertRejects(
        () => detector.maps(image, bad({ background: null })),
        'invalid-argument',
        'maps()',
      );
      const detect = (options: object) => detector.detect(image, { size: small, ...options });
      const empty = ['undefined', '{}', 'no prototype'];
      await refusesHostile('image', (v) => detector.detect(v as RawImage, { size: small }));
      await refusesHostile('options of detect()', (v) => detector.detect(image, v as object), empty);
      for (const name of ['size', 'binarize', 'scoreOn', 'shape', 'onProgress', 'signal', 'unclipRatio']) {
        const right = {
          size: empty,
          onProgress: ['undefined', 'a function'],
          unclipRatio: ['undefined', 'zero', '0.5'],
        };
        await refusesHostile(name, (v) => detect({ [name]: v }), right[name as 'size'] ?? ['undefined']);
      }
      for (const call of [detector.detect.bind(detector), detector.maps.bind(detector)]) {
        await refusesHostile(
          'regionOfInterest',
          (v) => call(image, { size: small, regionOfInterest: v as Box }),
          ['undefined'],
        );
      }
      for (const name of ['x', 'y', 'width', 'height']) {
        const part = { x: 0, y: 0, width: 8, height: 8 };
        const right = name === 'x' || name === 'y' ? ['zero'] : [];
        await refusesHostile(name, (v) => detect({ regionOfInterest: { ...part, [name]: v } }), right);
      }
      await refusesHostile('source of stream()', (v) => detector.stream(v as AsyncIterable<RawImage>).next());
      const none = (async function* () {})();
      await refusesHostile('options of stream()', (v) => detector.stream(none, v as object).next(), empty);
      for (const name of ['inFlight', 'split', 'maps']) {
        const right = ['undefined', ...(name === 'inFlight' ? [] : ['true'])];
        await refusesHostile(name, (v) => detector.stream(none, { [name]: v }).next(), right);
      }
      await assertRejects(() => detect({ split: true }), 'invalid-argument', 'split with a size');
      const both = { split: true, maps: true };
      await assertRejects(() => detector.detect(image, both), 'invalid-argument', 'split with maps');
      await refusesHostile('options of maps()', (v) => detector.maps(image, v as object), empty);
      await refusesHostile('size of warmup()', (v) => detector.warmup(v as typeof small), empty);
      await refusesHostile('options of warmup()', (v) => detector.warmup(small, v as object), empty);
      for (const name of ['image', 'outputs', 'scoreOn']) {
        await refusesHostile(name, (v) => detector.warmup(small, { [name]: v }), ['undefined']);
      }
      await refusesHostile(
        'channels',
        (v) => detector.warmup(small, { image: { ...small, channels: v as 3 } }),
        ['undefined'],
      );
      const two = bad({ image: { ...small, channels: 2 } });
      await assertRejects(() => detector.warmup(small, two), 'invalid-argument', 'warmup() with 2 channels');
      await refusesHostile('size of tune()', (v) => detector.tune(v as typeof small), empty);
      await refusesHostile('options of tune()', (v) => detector.tune(small, v as object), empty);
      for (const name of ['budgetMs', 'onProgress', 'signal']) {
        const right = ['undefined', ...(name === 'budgetMs' ? ['0.5', '1e300', 'Infinity'] : ['a function'])];
        await refusesHostile(name, (v) => detector.tune(small, { [name]: v }), right);
      }
      const { gpu } = context;
      const create = (more: object) =>
        TextDetector.create({ selfTest: false, gpu, weights: new Uint8Array(4), ...more });
      await assertRejects(() => create({}), 'invalid-safetensors', 'four bytes as weights');
      await assertRejects(() => create({ wieghts: 1 }), 'invalid-argument', 'unknown option');
      await assertRejects(() => create({ precision: 'f64' }), 'invalid-argument', 'precision');
      const weights = await context.fixture(weightsFile);
      const noAdapter = { requestAdapter: async () => null } as unknown as GPU;
      await assertRejects(() => create({ weights, gpu: noAdapter }), 'no-webgpu', 'no adapter');
      await assertRejects(
        () => create({ weights, input: { channelOrder: 'grb' } }),
        'invalid-argument',
        'input',
      );
    },
  },
  {
    name: 'weights without a threshold head detect, and say so when T or B is asked for',
    async run(context) {
      const file = parseSafetensors(await context.fixture(weightsFile));
      const kept = [...file.tensors].filter(([name]) => !name.startsWith('decoder.thresh.'));
      const tensors: [string, TensorData][] = kept.map(([name, { shape }]) => [
        name,
        { dtype: 'F32', shape, data: file.float32(name) },
      ]);
      const weights = writeSafetensors(tensors, { ...file.metadata });
      const detector = await TextDetector.create({ selfTest: false, weights, gpu: context.gpu });
      assertEqual(detector.info.weights.hasThresholdHead, false, 'hasThresholdHead');
      assertEqual(detector.info.weights.parameters, 12_176_513, 'parameters');
      const image = noise(64, 32, 3);
      await detector.detect(image, { size: small });
      const maps = await detector.maps(image, { size: small });
      assertEqual(Object.keys(maps), ['P', 'width', 'height'], 'maps');
      const { maps: withRegions } = await detector.detect(image, { size: small, maps: true });
      assertEqual(withRegions, maps, 'maps of detect()');
      const { P } = await (await sharedDetector(context)).maps(image, { size: small });
      assertClose(maps.P, P, 1e-6, 'P alone and with T and B');
      for (const [what, call] of Object.entries({
        "binarize: 'B'": () => detector.detect(image, { binarize: 'B' }),
        "outputs: 'PTB'": () => detector.warmup(small, { outputs: 'PTB' }),
      })) {
        const { message } = await assertRejects(call, 'missing-threshold-head', what);
        assert(message.startsWith(`${what} needs the threshold map, but these weights give`), message);
      }
      detector.dispose();
    },
  },
  {
    name: 'weights that give P alone have one network: maps() after detect() makes nothing anew',
    async run({ device }) {
      const detector = await TextDetector.create({ selfTest: false, weights: smallWeights(false), device });
      const both = await TextDetector.create({ selfTest: false, weights: smallWeights(true), device });
      assert(detector.memory.weights < both.memory.weights, 'P alone has fewer weights');
      both.dispose();
      const image = noise(64, 32, 3);
      await detector.detect(image, { size: small });
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
      await detector.maps(image, { size: small });
      assertEqual(made, [], 'made by maps()');
      detector.dispose();
    },
  },
  {
    name: 'images run at the size that the rule of the weights says',
    async run({ device }) {
      const image = noise(50, 30, 3);
      for (const [size, expected] of [
        [
          { rule: 'shortSide', value: 64 },
          { width: 96, height: 64 },
        ],
        [
          { rule: 'fit', shortSide: 40, longSide: 100 },
          { width: 96, height: 64, content: { width: 67, height: 40 } },
        ],
        [
          { rule: 'fit', shortSide: 64, longSide: 64 },
          { width: 64, height: 64, content: { width: 64, height: 38 } },
        ],
        [
          { rule: 'limit', side: 'long', value: 96, longest: 960 },
          { width: 64, height: 32 },
        ],
        [
          { rule: 'limit', side: 'short', value: 96, longest: 128 },
          { width: 128, height: 64 },
        ],
        [
          { rule: 'fixed', width: 32, height: 96 },
          { width: 32, height: 96 },
        ],
      ] as const) {
        const weights = smallWeights(false, { size });
        const detector = await TextDetector.create({ selfTest: false, weights, device });
        assertEqual(
          detector.info.weights.size,
          { ...size, ...(size.rule !== 'fixed' && { multipleOf: 32 }) },
          'info',
        );
        const { network } = await detector.detect(image);
        assertEqual(network, expected, `network by ${JSON.stringify(size)}`);
        const { P, ...rest } = await detector.maps(image);
        assertEqual(rest, expected, 'size of the maps');
        detector.dispose();
      }
    },
  },
  {
    name: 'padding is the mean colour: as if the image had been resized and padded before; regions are of the image alone',
    async run({ device }) {
      const mean = [120, 110, 100];
      const recipe = { channelOrder: 'rgb', mean, std: [58.395, 57.12, 57.375] };
      const weights = smallWeights(true, { ...recipe, size: { rule: 'fit', shortSide: 40, longSide: 90 } });
      const detector = await TextDetector.create({ selfTest: false, weights, device });
      // Other contents of the same network, and of the same picture, one after the other.
      const calls: [RawImage, SizeOption][] = [
        [noise(50, 30, 3, 1), {}],
        [noise(50, 30, 3, 1), { maxScale: 1.1 }],
        [noise(50, 30, 3, 1), { maxScale: 1.2 }],
        [noise(30, 50, 1, 2), { maxScale: 1.2 }],
      ];
      for (const [image, size] of calls) {
        const maps = await detector.maps(image, { size });
        const { P, width, height, content } = maps;
        assert(content, `${width}x${height} is padded`);
        const before = await detector.maps(paddedBefore(image, { width, height, content }, mean), {
          size: { width, height },
        });
        assertAllMaps(maps);
        assertAllMaps(before);
        for (const name of ['P', 'T', 'B'] as const) assertClose(maps[name], before[name], 0, name);
        const target = { width: image.width, height: image.height };
        const threshold = P.toSorted()[Math.floor(P.length / 2)];
        const thresholds = { threshold, boxThreshold: 0, minSize: 0 };
        const { regions } = findRegions({ data: P, width, height, content }, { ...thresholds, target });
        assert(regions.length > 0, 'no regions');
        for (const binarize of ['P', 'B'] as const) {
          const found = await detector.detect(image, { size, ...thresholds, binarize });
          assertEqual(found.network, { width, height, content }, 'network');
          if (binarize === 'P') assertEqual(found.regions, regions, 'regions');
          for (const [x, y] of found.regions.flatMap(({ points }) => points))
            assert(x >= 0 && x <= image.width && y >= 0 && y <= image.height, `${x}, ${y} is outside`);
        }
      }
      detector.dispose();
    },
  },
  {
    name: 'weights whose numbers cannot be folded, stored or computed with are an error, never no regions',
    async run(context) {
      const file = parseSafetensors(await context.fixture(weightsFile));
      const create = (changed: string, change: (value: number, index: number) => number, options = {}) => {
        const tensors: [string, TensorData][] = [...file.tensors.keys()].map((name) => {
          const { shape } = file.tensors.get(name)!;
          const data = file.float32(name);
          return [name, { dtype: 'F32', shape, data: name === changed ? data.map(change) : data }];
        });
        const weights = writeSafetensors(tensors, { ...file.metadata });
        return TextDetector.create({ selfTest: false, weights, device: context.device, ...options });
      };
      const norm = 'backbone.layer2.0.bn1';
      const negative = await assertRejects(
        () => create(`${norm}.running_var`, (value, i) => (i === 3 ? -1 : value)),
        'incompatible-weights',
        'a negative variance',
      );
      assert(/-1 at index 3 of 'backbone.layer2.0.bn1.running_var'/.test(negative.message), negative.message);
      const huge = await assertRejects(
        () => create(`${norm}.weight`, () => 3e38),
        'incompatible-weights',
        'weights that become infinite when they are folded',
      );
      assert(huge.message.includes('backbone.layer2.0.conv1'), huge.message);
      const detector = await create('decoder.binarize.6.weight', (_, i) => (i % 2 === 0 ? 3e38 : -3e38));
      await assertRejects(
        () => detector.detect(noise(64, 32, 3), { size: small }),
        'incompatible-weights',
        'a P that is not finite',
      );
      await assertRejects(
        () => detector.maps(noise(64, 32, 3), { size: small }),
        'incompatible-weights',
        'maps that are not finite',
      );
      detector.dispose();
      // P is right, and neither T nor B: the mask alone would say that there is no text.
      const other = await create('decoder.thresh.6.weight', (_, i) => (i % 2 === 0 ? 3e38 : -3e38));
      const error = await assertRejects(
        () => other.detect(noise(64, 32, 3), { size: small, binarize: 'B' }),
        'incompatible-weights',
        'a B that is not finite',
      );
      assert(error.message.includes('in B'), error.message);
      await other.detect(noise(64, 32, 3), { size: small });
      other.dispose();
    },
  },
  {
    name: 'f16 where the device compiles it: P within 5e-3; elsewhere a typed error and auto gives f32',
    async run(context) {
      const { file, image } = await reference(context);
      if (!context.device.features.has('shader-f16')) {
        await assertRejects(
          () => freshDetector(context, { precision: 'f16' }),
          'unsupported-precision',
          'f16',
        );
        return;
      }
      const detector = await freshDetector(context, { precision: 'f16' });
      assertEqual(detector.info.precision, 'f16', 'precision');
      const { P } = await detector.maps(image, { size: { width: image.width, height: image.height } });
      assertClose(P, file.float32('P'), 5e-3, 'P');
      detector.dispose();
    },
  },
];

export default tests;
