/**
 * @file The kernel that all convolutions share: an implicit GEMM (rows: output pixels, columns: output channels, K: the taps and
 * channels of all sources, one after the other) that is cut into tiles. Layout NHWC, channels in whole vec4s.
 * Weights are K x N row-major matrices: row order source, tap, input channel; columns output channels.
 * The loops stand in `conv2d-direct.ts` and `conv2d-workgroup.ts`.
 */

import { directCode } from './conv2d-direct.ts';
import { epilogueBindings, epilogueUniforms, storeCode } from './conv2d-epilogue.ts';
import { workgroupCode } from './conv2d-workgroup.ts';
import { declare, type Kernel, type TypedBinding, traffic, vectorsOf, workgroupGrid } from './kernel.ts';
import { assertTile, directThreads, type Tile, tileName, tileThreads, usesQuads } from './tile.ts';
import type { TileLoop } from './tile-loop.ts';
import { elementBytes, header, type Precision } from './wgsl.ts';

export interface TileOptions {
  tile: Tile;
  precision: Precision;
}

/**
 * The kernel. Bindings: `source0`, ..., `weights`, `bias` and `factors` if any, `residual0`, ..., `output`;
 * elements `vec4` of `precision`, bias and factors always f32.
 *
 * @throws DBNetError `invalid-argument` for a tile that is none.
 */
export function convKernel(loop: TileLoop, { tile, precision }: TileOptions): Kernel {
  assertTile(tile);
  const { sources, planes, outHeight, outWidth, outChannels, weightRows } = loop;
  const count = planes?.count ?? 1;
  const bytesOf = (values: number) => values * elementBytes(precision);
  const read = (name: string, bytes: number): TypedBinding => ({
    name,
    access: 'read',
    bytes,
    type: `vec4<${precision}>`,
  });
  const typed = [
    ...sources.map(({ height, width, channels, planar }, i) =>
      read(`source${i}`, bytesOf((planar ? count : 1) * height * width * 4 * vectorsOf(channels))),
    ),
    read('weights', bytesOf(weightRows * 4 * vectorsOf(outChannels))),
    ...epilogueBindings(loop, precision, count),
  ];
  const sizes: Record<string, number> = {
    out_height: outHeight,
    out_width: outWidth,
    out_vectors: vectorsOf(outChannels),
  };
  for (const [i, { height, width, channels }] of sources.entries()) {
    sizes[`height${i}`] = height;
    sizes[`width${i}`] = width;
    sizes[`vectors${i}`] = vectorsOf(channels);
  }
  const shape = { ...sizes, ...epilogueUniforms(loop) };
  const { bindings, declarations } = declare(typed, shape);
  const body =
    tile.kind === 'direct' ? directCode(loop, tile, precision) : workgroupCode(loop, tile, precision);
  return {
    label: `${loop.label} (${tileName(tile)})`,
    code: `${header(precision)}${usesQuads(tile) ? 'enable subgroups;\n' : ''}${declarations}\n${storeCode(loop, precision, planes)}\n${body}`,
    bindings,
    shape,
    dispatch: [...tileGrid(loop, tile), count],
    flops: 2 * loop.multiplyAdds,
    bytes: traffic(typed),
  };
}

/** Workgroups in x and y. */
function tileGrid(
  { outHeight, outWidth, outChannels }: Pick<TileLoop, 'outHeight' | 'outWidth' | 'outChannels'>,
  tile: Tile,
): [number, number] {
  const output = { pixels: outHeight * outWidth, outChannels: 4 * vectorsOf(outChannels) };
  if (tile.kind === 'direct') {
    const threads = directThreads({ ...output, ...(tile.row ? { width: outWidth } : {}) }, tile);
    return workgroupGrid(Math.ceil(threads / tileThreads(tile)));
  }
  return [Math.ceil(output.pixels / tile.blockPixels), Math.ceil(output.outChannels / tile.blockChannels)];
}
