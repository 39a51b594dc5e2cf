/**
 * @file The steady state: once a size is known its frames make no GPU object, and memory is that of the largest size, however
 * many follow one another. Counted on the device. With a network of few channels.
 */

import { TextDetector } from '../../src/detect/detector.ts';
import type { CreateOptions } from '../../src/detect/types.ts';
import type { ImageSource, RawImage } from '../../src/input/types.ts';
import { assert, assertEqual, assertRejects, random } from './assert.ts';
import { smallWeights } from './small-engine.ts';
import type { GpuTest, GpuTestContext } from './suite.ts';
import { watchDevice } from './watch-device.ts';

/** Bits of `GPUTextureUsage`, which Node has no global for. */
const usage = { copyFrom: 0x1, copyTo: 0x2, binding: 0x4 };

const warmups = 5;
const count = 10;

const small = { width: 64, height: 32 };
const large = { width: 64, height: 96 };

const open = ({ device }: Pick<GpuTestContext, 'device'>, more: Partial<CreateOptions> = {}) =>
  TextDetector.create({
    weights: smallWeights(true, { size: { rule: 'shortSide', value: 32 } }),
    device,
    ...more,
  });

/** Opaque RGBA. */
function picture(width: number, height: number): RawImage {
  const next = random(width);
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) =>
    i % 4 === 3 ? 255 : next() * 256,
  );
  return { data, width, height, channels: 4 };
}

function textureOf(device: GPUDevice, { data, width, height }: RawImage): GPUTexture {
  const texture = device.createTexture({
    size: [width, height],
    format: 'rgba8unorm',
    usage: usage.copyFrom | usage.copyTo | usage.binding,
  });
  device.queue.writeTexture({ texture }, new Uint8Array(data), { bytesPerRow: 4 * width }, [width, height]);
  return texture;
}

function canvasOf({ data, width, height }: RawImage): OffscreenCanvas {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')!.putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  return canvas;
}

function frameOf({ data, width, height }: RawImage): VideoFrame {
  const init = { codedWidth: width, codedHeight: height, timestamp: 0 };
  return new VideoFrame(new Uint8Array(data), { ...init, format: 'RGBX' });
}

/** Calls of frames that make nothing. */
const nothing = (frames: number) => ({ createCommandEncoder: frames, submit: frames });
/** Calls of `count` frames that are read where they are: in a submit of its own, from what is bound anew. */
const bound = { ...nothing(2 * count), createBindGroup: count };

const sorted = (calls: Record<string, number>) => Object.entries(calls).sort(([a], [b]) => (a < b ? -1 : 1));

/** Whether this platform hands over images of its own. */
const hasImages = ({ device, runtime }: GpuTestContext) => {
  const has = typeof device.queue.copyExternalImageToTexture === 'function' && runtime === 'chromium';
  assertEqual(has, runtime === 'chromium', 'images of the platform');
  return has;
};

const tests: GpuTest[] = [
  {
    name: 'frames make no object but what a new source is bound with: of one size, of several in turn, and streamed',
    async run(context) {
      const { device } = context;
      const watched = watchDevice(device);
      const detector = await open(context);
      const image = picture(48, 32);
      const texture = textureOf(device, image);
      const frames: VideoFrame[] = [];
      const sources: [string, () => ImageSource, Record<string, number>][] = [
        ['pixels', () => image, nothing(count)],
        ['texture', () => texture, { ...bound, createView: count }],
      ];
      // A texture serves what is no wider and no taller.
      const inTurn: ImageSource[] = [image, picture(70, 90), picture(90, 20)];
      if (hasImages(context)) {
        const canvas = canvasOf(image);
        const bitmap = await createImageBitmap(canvas);
        const nextFrame = () => {
          frames.push(frameOf(image));
          return frames.at(-1)!;
        };
        sources.push(
          ['canvas', () => canvas, nothing(count)],
          ['bitmap', () => bitmap, nothing(count)],
          ['frame', nextFrame, { ...bound, importExternalTexture: count }],
        );
        inTurn.push(canvasOf(picture(90, 80)), canvasOf(picture(50, 70)));
      }

      for (const [name, source, expected] of sources) {
        const detect = async (number: number) => {
          for (let i = 0; i < number; i++) await detector.detect(source(), { size: small });
        };
        await detect(warmups);
        assertEqual(sorted(await watched.callsDuring(() => detect(count))), sorted(expected), name);
      }

      const round = async () => {
        for (const one of inTurn) {
          for (const size of [small, large]) await detector.detect(one, { size });
          await detector.maps(one, { size: small });
        }
      };
      await round();
      const calls = await watched.callsDuring(round);
      assertEqual(sorted(calls), sorted(nothing(3 * inTurn.length)), 'sizes, results and images in turn');

      for (const [name, source, expected] of sources) {
        const stream = async (number: number) => {
          const images = (async function* () {
            for (let i = 0; i < number; i++) yield source();
          })();
          for await (const _ of detector.stream(images, { size: small, inFlight: 2 }));
        };
        await stream(warmups);
        const { submit, createCommandEncoder, ...made } = await watched.callsDuring(() => stream(count));
        // A texture that waits is copied.
        assertEqual(createCommandEncoder, submit, `encoders of a stream of ${name}`);
        const { submit: _, createCommandEncoder: __, ...bindings } = expected;
        assertEqual(sorted(made), sorted(bindings), `a stream of ${name}`);
      }
      for (const frame of frames) frame.close();
      detector.dispose();
      texture.destroy();
      assertEqual(watched.held(), [], 'held after dispose()');
    },
  },
  {
    name: 'memory is that of the largest of 20 sizes, and of the largest that is kept',
    async run(context) {
      const watched = watchDevice(context.device);
      const sizes = Array.from({ length: 20 }, (_, i) => ({
        width: 32 * (1 + ((7 * i) % 5)),
        height: 32 * (1 + ((3 * i) % 4)),
      }));
      const largest = { width: 160, height: 128 };
      const image = picture(120, 90);
      const few = await open(context, { maxCachedSizes: 2 });
      const programs = () => watched.held().filter((label) => label === 'shapes').length;
      const memoryAfter = async (detector: TextDetector, size: typeof small) => {
        await detector.detect(image, { size });
        return detector.memory;
      };
      const ofLarge = await memoryAfter(few, large);
      const ofLargest = await memoryAfter(few, largest);
      for (const size of sizes) {
        await few.detect(image, { size });
        assert(programs() <= 2, `programs: expected 2, found ${programs()}`);
      }
      for (const size of [large, small]) await few.detect(image, { size });
      assertEqual(await memoryAfter(few, large), ofLarge, 'memory of the sizes that are kept');
      few.dispose();

      const all = await open(context, { maxCachedSizes: 20 });
      for (const size of sizes) await all.detect(image, { size });
      assertEqual(programs(), 20, 'programs');
      assertEqual(all.memory, ofLargest, 'memory after 20 sizes');
      all.dispose();
      for (const maxCachedSizes of [0, 1.5, Number.NaN, '2' as never]) {
        await assertRejects(() => open(context, { maxCachedSizes }), 'invalid-argument', 'maxCachedSizes');
      }
    },
  },
  {
    name: 'memory of images is that of one, memory of results that of four; calls that wait end with dispose()',
    async run(context) {
      const detector = await open(context);
      const detect = (image: ImageSource) => detector.detect(image, { size: small });
      const images = [picture(96, 16), picture(16, 96), picture(40, 40)];
      await detect(images[2]);
      const one = detector.memory;
      for (const image of images) await detect(image);
      assertEqual(detector.memory, one, 'memory after images of several sizes');
      if (hasImages(context)) {
        for (const image of images) await detect(canvasOf(image));
        assertEqual(detector.memory, { ...one, input: one.input + 40 * 40 * 4 }, 'with a texture');
      }
      const calls = () => Promise.allSettled(Array.from({ length: 12 }, () => detect(images[0])));
      const { regions } = await detect(images[0]);
      for (const end of await calls()) {
        assertEqual(end.status === 'fulfilled' && end.value.regions, regions, 'regions');
      }
      const results = detector.memory.readback / one.readback;
      assert(results <= 4, `readback buffers: expected at most 4, found ${results}`);
      const waiting = calls();
      detector.dispose();
      for (const end of await waiting) {
        assertEqual(end.status === 'rejected' && end.reason.code, 'disposed', 'a call that waits');
      }
      assertEqual(Object.values(detector.memory), [0, 0, 0, 0], 'memory after dispose()');
    },
  },
];

export default tests;
