/**
 * @file Convolution as one implicit GEMM over any number of sources: M = output pixels, N = output channels,
 * K = the taps and channels of all sources, one after the other. Layout NHWC, batch 1, channels a multiple of 4.
 * The epilogue adds the bias and residuals and applies ReLU.
 *
 * Weights are one K x N row-major matrix; row order: source, kernel row, kernel column, input channel.
 * The main loops stand in `conv2d-direct.ts` and `conv2d-workgroup.ts`.
 */

import { directCode } from './conv2d-direct.ts';
import { epilogueBindings, storeCode } from './conv2d-epilogue.ts';
import { type Conv2d, classCount, multiplyAdds, weightRows } from './conv2d-shape.ts';
import { workgroupCode } from './conv2d-workgroup.ts';
import { declare, type Kernel, type TypedBinding, traffic, workgroupGrid } from './kernel.ts';
import { type Tile, tileName } from './tile.ts';
import { elementBytes, header, type Precision } from './wgsl.ts';

/**
 * A convolution kernel.
 * Bindings: `source0`, ..., `weights`, `bias` if any, `residual0`, ..., `output`; elements `vec4` of `precision`,
 * the bias always f32.
 */
export function conv2d(conv: Conv2d, { tile, precision }: { tile: Tile; precision: Precision }): Kernel {
  const element = elementBytes(precision);
  const read = (name: string, bytes: number) => ({
    name,
    access: 'read' as const,
    bytes,
    type: `vec4<${precision}>`,
  });
  const shape = convShape(conv);
  const typed: TypedBinding[] = [
    ...conv.sources.map((s, i) =>
      read(`source${i}`, (conv.planes ?? conv.batch ?? 1) * s.height * s.width * s.channels * element),
    ),
    read('weights', weightRows(conv) * conv.outChannels * element),
    ...epilogueBindings(conv, classCount(conv), precision),
  ];
  const { bindings, declarations } = declare(typed, shape);
  const body =
    tile.kind === 'direct' ? directCode(conv, tile, precision) : workgroupCode(conv, tile, precision);
  return {
    label: `${conv.label} (${tileName(tile)})`,
    code: `${header(precision)}${declarations}\n${storeCode(conv, precision)}${body}`,
    bindings,
    shape,
    dispatch: [...tileGrid(conv, tile), classCount(conv)],
    flops: 2 * multiplyAdds(conv),
    bytes: traffic(typed),
  };
}

/** The sizes that the shader reads; channels as numbers of vec4s. */
function convShape({ outHeight, outWidth, outChannels, sources }: Conv2d): Record<string, number> {
  const shape: Record<string, number> = {
    out_height: outHeight,
    out_width: outWidth,
    out_vectors: outChannels / 4,
  };
  for (const [i, { height, width, channels }] of sources.entries()) {
    shape[`height${i}`] = height;
    shape[`width${i}`] = width;
    shape[`vectors${i}`] = channels / 4;
  }
  return shape;
}

/** Workgroups in x and y. */
function tileGrid({ outHeight, outWidth, outChannels }: Conv2d, tile: Tile): [number, number] {
  const pixels = outHeight * outWidth;
  if (tile.kind === 'direct') {
    const threads = Math.ceil(pixels / tile.pixels) * Math.ceil(outChannels / tile.channels);
    return workgroupGrid(Math.ceil(threads / 64));
  }
  return [Math.ceil(pixels / tile.blockPixels), Math.ceil(outChannels / tile.blockChannels)];
}
