/**
 * @file Preprocessing against OpenCV's resize, from bytes and from a texture: the same 8-bit pixels, normalised; where
 * there is alpha, of the picture composed over the background.
 */

import { type GpuContext, openDevice } from '../../src/gpu/device.ts';
import {
  backgroundUniforms,
  type Preprocess,
  preprocess,
  resizeTable,
} from '../../src/kernels/preprocess.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import { contentOf, type PaddedSize, type Size } from '../../src/size.ts';
import { assertEqual, random } from './assert.ts';
import { assertWithin, precisionsOf, sumTolerance } from './precision.ts';
import { compose } from './references/compose.ts';
import type { Reference } from './references/reference.ts';
import { resizeBilinear } from './references/resize.ts';
import { runKernel } from './run-kernel.ts';
import type { GpuTest } from './suite.ts';

interface Case {
  name: string;
  from: Size;
  to: PaddedSize;
  source: Exclude<Preprocess['source'], 'external'>;
  channelOrder?: Preprocess['channelOrder'];
  mean?: Preprocess['mean'];
  std?: Preprocess['std'];
  /** Default: the kernel's. */
  background?: readonly [number, number, number];
}

const plainMean = [122.67891434, 116.66876762, 104.00698793] as const;
const plainStd = [255, 255, 255] as const;

/** Widths such that rows, and the whole, end within a word; the smallest source; up and down, and both at once. */
const cases: readonly Case[] = [
  { name: 'RGB bytes, up', from: { height: 7, width: 5 }, to: { height: 13, width: 67 }, source: 3 },
  {
    name: 'RGB bytes, down, BGR order, a std of its own',
    from: { height: 33, width: 21 },
    to: { height: 10, width: 6 },
    source: 3,
    channelOrder: 'bgr',
    mean: [103.53, 116, 123.675],
    std: [57.375, 57.12, 1],
  },
  { name: 'RGB bytes, half', from: { height: 26, width: 14 }, to: { height: 13, width: 7 }, source: 3 },
  {
    name: 'RGB bytes, up and down',
    from: { height: 3, width: 301 },
    to: { height: 17, width: 65 },
    source: 3,
  },
  { name: 'grey bytes', from: { height: 5, width: 3 }, to: { height: 7, width: 13 }, source: 1 },
  {
    name: 'grey bytes, same size',
    from: { height: 13, width: 7 },
    to: { height: 13, width: 7 },
    source: 1,
    channelOrder: 'bgr',
  },
  { name: 'RGBA bytes', from: { height: 5, width: 33 }, to: { height: 9, width: 7 }, source: 4 },
  {
    name: 'RGBA bytes over a colour, BGR order',
    from: { height: 5, width: 33 },
    to: { height: 9, width: 7 },
    source: 4,
    channelOrder: 'bgr',
    background: [3, 130, 254],
  },
  { name: 'one RGB pixel', from: { height: 1, width: 1 }, to: { height: 3, width: 5 }, source: 3 },
  {
    name: 'one grey pixel, from a column',
    from: { height: 9, width: 1 },
    to: { height: 1, width: 1 },
    source: 1,
  },
  { name: 'texture', from: { height: 5, width: 33 }, to: { height: 11, width: 13 }, source: 'texture' },
  {
    name: 'texture, BGR order',
    from: { height: 7, width: 13 },
    to: { height: 7, width: 13 },
    source: 'texture',
    channelOrder: 'bgr',
  },
  {
    name: 'texture over a colour',
    from: { height: 7, width: 13 },
    to: { height: 7, width: 13 },
    source: 'texture',
    background: [3, 130, 254],
  },
  ...([1, 3, 4, 'texture'] as const).map((source) => ({
    name: `padded, ${source === 'texture' ? source : `${source} channels`}`,
    from: { height: 9, width: 13 },
    to: { height: 32, width: 96, content: { height: 21, width: 70 } },
    source,
    channelOrder: 'bgr' as const,
    std: [58.395, 57.12, 57.375] as const,
  })),
  {
    name: 'padded at the right alone',
    from: { height: 9, width: 13 },
    to: { height: 5, width: 64, content: { height: 5, width: 1 } },
    source: 3,
  },
  {
    name: 'texture of one pixel',
    from: { height: 1, width: 1 },
    to: { height: 2, width: 3 },
    source: 'texture',
  },
];

async function check(
  context: GpuContext,
  { from, to, source, channelOrder = 'rgb', mean = plainMean, std = plainStd, background }: Case,
  precision: Precision,
): Promise<void> {
  const channels = source === 'texture' ? 4 : source;
  const next = random(11);
  const pixels = Uint8Array.from({ length: from.height * from.width * channels }, () => next() * 256);
  const { width, height } = to;
  const form = { label: 'preprocess', width, height, source, channelOrder, mean, std };
  const kernel = preprocess(form, { precision });
  const shape = { ...kernel.shape, ...(background && backgroundUniforms(background)) };
  const texture = source === 'texture' ? upload(context.device, pixels, from) : undefined;
  const { output } = await runKernel(
    context,
    { ...kernel, shape },
    {
      source: texture?.createView() ?? pixels,
      resize: resizeTable(from, to),
    },
  );
  texture?.destroy();

  const hasAlpha = channels === 4;
  const opaque = hasAlpha ? compose(pixels, background ?? [255, 255, 255]) : pixels;
  const shown = hasAlpha ? 3 : channels;
  const content = contentOf(to);
  const resized = resizeBilinear(opaque, from, shown, content);
  const expected = padded(normalized(resized, shown, channelOrder, mean, std), to);
  // A grey value more or less would be 1e-3 of the magnitude or more.
  assertWithin(output, expected, sumTolerance(0, precision), `preprocess, ${precision}`);
  assertEqual(
    output.filter((_, i) => i % 4 === 3).every((value) => value === 0),
    true,
    'the fourth channel is 0',
  );
  const isPadding = (i: number) =>
    (i >> 2) % width >= content.width || Math.floor((i >> 2) / width) >= content.height;
  assertEqual(
    output.every((value, i) => !isPadding(i) || value === 0),
    true,
    'the padding is 0',
  );
}

/** Values of the content in a larger picture of zeros. */
function padded(content: Reference, to: PaddedSize): Reference {
  const { width, height } = contentOf(to);
  const spread = (values: ArrayLike<number>) => {
    const all = new Float64Array(4 * to.width * to.height);
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < 4 * width; x++) all[4 * y * to.width + x] = values[4 * y * width + x];
    }
    return all;
  };
  return { values: spread(content.values), magnitudes: spread(content.magnitudes) };
}

/** (pixel - mean) / std, in the stated order; grey stands for all three channels. */
function normalized(
  pixels: Uint8Array,
  channels: number,
  order: Preprocess['channelOrder'],
  mean: readonly number[],
  std: readonly number[],
): Reference {
  const count = pixels.length / channels;
  const values = new Float64Array(4 * count);
  const magnitudes = new Float64Array(4 * count);
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < 3; c++) {
      const rgb = order === 'rgb' ? c : 2 - c;
      const pixel = pixels[i * channels + (channels === 1 ? 0 : rgb)];
      values[4 * i + c] = (pixel - mean[c]) / std[c];
      magnitudes[4 * i + c] = (pixel + mean[c]) / std[c];
    }
  }
  return { values, magnitudes };
}

function upload(device: GPUDevice, rgba: Uint8Array<ArrayBuffer>, { height, width }: Size): GPUTexture {
  const texture = device.createTexture({
    size: [width, height],
    format: 'rgba8unorm',
    usage: 0x2 | 0x4, // GPUTextureUsage.COPY_DST | TEXTURE_BINDING, which Node has no global for
  });
  device.queue.writeTexture({ texture }, rgba, { bytesPerRow: 4 * width }, [width, height]);
  return texture;
}

const tests: GpuTest[] = cases.map((case_) => ({
  name: case_.name,
  async run({ device }) {
    const context = await openDevice({ device });
    for (const precision of await precisionsOf(context)) await check(context, case_, precision);
  },
}));

export default tests;
