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
  TextDetector.create({ weights: smallWeights(true), device, ...more });

/** Opaque RGBA, or grey. */
function picture(width: number, height: number, channels: 1 | 4 = 4): RawImage {
  const next = random(width);
  const data = Uint8ClampedArray.from({ length: channels * width * height }, (_, i) =>
    channels === 4 && i % 4 === 3 ? 255 : next() * 256,
  );
  return { data, width, height, channels };
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

/** What every frame costs in calls: one submit, and before it another where the image is read where it is. */
const submits = (each: number) => ({ createCommandEncoder: each * count, submit: each * count });
const kept = submits(1);
const bound = { ...submits(2), createBindGroup: count };

const sorted = (calls: Record<string, number>) => Object.entries(calls).sort(([a], [b]) => (a < b ? -1 : 1));

/** Whether this platform hands over images of its own. */
const hasImages = ({ device, runtime }: GpuTestContext) => {
  const has = typeof device.queue.copyExternalImageToTexture === 'function' && runtime === 'chromium';
  assertEqual(has, runtime === 'chromium', 'images of the platform');
  return has;
};

/** Memory of a detector that has computed only this. */
async function memoryOf(
  context: GpuTestContext,
  image: ImageSource,
  size: typeof small,
): Promise<TextDetector['memory']> {
  const detector = await open(context);
  await detector.detect(image, { size });
  const { memory } = detector;
  detector.dispose();
  return memory;
}

const tests: GpuTest[] = [
  {
    name: 'frames of one size make no object but what a new source is bound with',
    async run(context) {
      const { device } = context;
      const watched = watchDevice(device);
      const detector = await open(context);
      const image = picture(48, 32);
      const texture = textureOf(device, image);
      const sources: [string, () => ImageSource, Record<string, number>][] = [
        ['pixels', () => image, kept],
        ['texture', () => texture, { ...bound, createView: count }],
      ];
      if (hasImages(context)) {
        const [canvas, bitmap] = [canvasOf(image), await createImageBitmap(canvasOf(image))];
        const frame = frameOf(image);
        sources.push(
          ['canvas', () => canvas, kept],
          ['bitmap', () => bitmap, kept],
          ['frame', () => frame, { ...bound, importExternalTexture: count }],
        );
      }
      for (const [name, source, expected] of sources) {
        const frames = async (number: number) => {
          for (let i = 0; i < number; i++) await detector.detect(source(), { size: small });
        };
        await frames(warmups);
        const calls = await watched.callsDuring(() => frames(count));
        assertEqual(sorted(calls), sorted(expected), name);
      }
      detector.dispose();
      texture.destroy();
      assertEqual(watched.held(), [], 'held after dispose()');
    },
  },
  {
    name: 'nor do sizes, results and kinds of images that take turns',
    async run(context) {
      const watched = watchDevice(context.device);
      const detector = await open(context);
      const images: ImageSource[] = [picture(48, 32), picture(70, 90), picture(90, 20, 1)];
      // A texture serves what is no wider and no taller.
      if (hasImages(context)) images.push(canvasOf(picture(90, 80)), canvasOf(picture(50, 70)));
      const round = async () => {
        for (const image of images) {
          for (const size of [small, large]) await detector.detect(image, { size });
          await detector.maps(image, { size: small });
        }
      };
      await round();
      const calls = await watched.callsDuring(round);
      const number = 3 * images.length;
      assertEqual(sorted(calls), sorted({ createCommandEncoder: number, submit: number }), 'calls');
      detector.dispose();
    },
  },
  {
    name: 'nor does a stream with two frames on their way',
    async run(context) {
      const { device } = context;
      const watched = watchDevice(device);
      const detector = await open(context);
      const [image, texture] = [picture(48, 32), textureOf(device, picture(48, 32))];
      for (const [source, expected] of [
        [image, kept],
        [texture, { ...bound, createView: count }],
      ] as const) {
        const stream = async (number: number) => {
          async function* frames() {
            for (let i = 0; i < number; i++) yield source;
          }
          let found = 0;
          for await (const _ of detector.stream(frames(), { size: small, inFlight: 2 })) found++;
          assertEqual(found, number, 'frames');
        };
        await stream(warmups);
        assertEqual(sorted(await watched.callsDuring(() => stream(count))), sorted(expected), 'calls');
      }
      detector.dispose();
      texture.destroy();
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
      const expected = await memoryOf(context, image, largest);
      const all = await open(context, { maxCachedSizes: 20 });
      const few = await open(context, { maxCachedSizes: 2 });
      const programs = () => watched.held().filter((label) => label === 'shapes').length;
      for (const size of sizes) await all.detect(image, { size });
      assert(programs() > 10, `programs are kept, found ${programs()}`);
      assertEqual(all.memory, expected, 'memory after 20 sizes');
      all.dispose();
      for (const size of [largest, ...sizes]) {
        await few.detect(image, { size });
        assert(programs() <= 2, `programs: expected 2, found ${programs()}`);
      }
      for (const size of [small, large]) await few.detect(image, { size });
      assertEqual(few.memory, await memoryOf(context, image, large), 'memory of the sizes that are kept');
      few.dispose();
      for (const maxCachedSizes of [0, 1.5, Number.NaN, '2' as never]) {
        await assertRejects(() => open(context, { maxCachedSizes }), 'invalid-argument', 'maxCachedSizes');
      }
    },
  },
  {
    name: 'memory of images is that of one, whichever way they are longer',
    async run(context) {
      const detector = await open(context);
      const images: ImageSource[] = [picture(96, 16), picture(16, 96), picture(40, 40)];
      for (const image of images) await detector.detect(image, { size: small });
      assertEqual(detector.memory, await memoryOf(context, images[2], small), 'memory after pixels');
      if (hasImages(context)) {
        const before = detector.memory.input;
        for (const image of images) await detector.detect(canvasOf(image as RawImage), { size: small });
        assertEqual(detector.memory.input - before, 40 * 40 * 4, 'texture');
      }
      detector.dispose();
    },
  },
  {
    name: 'calls that overlap take the memory of four results, and all come to their end',
    async run(context) {
      const detector = await open(context);
      const image = picture(48, 32);
      const expected = await detector.detect(image, { size: small });
      const { readback } = detector.memory;
      const calls = Array.from({ length: 12 }, () => detector.detect(image, { size: small }));
      for (const { regions } of await Promise.all(calls)) assertEqual(regions, expected.regions, 'regions');
      const buffers = detector.memory.readback / readback;
      assert(buffers <= 4, `readback buffers: expected at most 4, found ${buffers}`);
      const waiting = Array.from({ length: 12 }, () => detector.detect(image, { size: small }));
      const ends = Promise.allSettled(waiting);
      detector.dispose();
      for (const end of await ends) {
        assertEqual(end.status === 'rejected' && end.reason.code, 'disposed', 'a call that waits');
      }
      assertEqual(Object.values(detector.memory), [0, 0, 0, 0], 'memory after dispose()');
    },
  },
];

export default tests;
