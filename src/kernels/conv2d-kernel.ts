/**
 * @file The kernel that all convolutions share: an implicit GEMM (rows: output pixels, columns: output channels, K: the taps and
 * channels of all sources, one after the other) that is cut into tiles. Layout NHWC, channels in whole vec4s.
 * Weights are K x N row-major matrices: row order source, tap, input channel; columns output channels.
 * The loops stand in `conv2d-direct.ts`, `conv2d-quad.ts` and `conv2d-workgroup.ts`.
 */

import { directCode } from './conv2d-direct.ts';
import { epilogueBindings, epilogueUniforms, storeCode } from './conv2d-epilogue.ts';
import { quadCode, quadLoop } from './conv2d-quad.ts';
import { workgroupCode } from './conv2d-workgroup.ts';
import { declare, type Kernel, type TypedBinding, traffic, vectorsOf, workgroupGrid } from './kernel.ts';
import { quadHeader } from './quad.ts';
import { assertTile, directThreads, type Tile, tileName, tileThreads } from './tile.ts';
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
export function convKernel(given: TileLoop, { tile, precision }: TileOptions): Kernel {
  assertTile(tile);
  const loop = tile.kind === 'quad' ? quadLoop(given) : given;
  const { sources, planes, outHeight, outWidth, outChannels, weightRows } = loop;
  const count = planes?.count ?? 1;
  const bytesOf = (values: number) => values * elementBytes(precision);
  const vector = `vec4<${precision}>`;
  const read = (name: string, bytes: number, type: string): TypedBinding => ({
    ...{ name, access: 'read', bytes, type },
  });
  const typed = [
    ...sources.map(({ height, width, channels, planar }, i) =>
      read(
        `source${i}`,
        bytesOf((planar ? count : 1) * height * width * 4 * vectorsOf(channels)),
        tile.kind === 'quad' ? precision : vector,
      ),
    ),
    read('weights', bytesOf(weightRows * 4 * vectorsOf(outChannels)), vector),
    ...epilogueBindings(loop, { precision }, count),
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
  const shape = { ...sizes, ...loop.uniforms, ...epilogueUniforms(loop) };
  const { bindings, declarations } = declare(typed, shape);
  return {
    label: `${loop.label} (${tileName(tile)})`,
    code: `${header(precision)}${tile.kind === 'quad' ? quadHeader : ''}${declarations}\n${storeCode(loop, { precision }, planes)}\n${tileCode(loop, tile, precision)}`,
    bindings,
    shape,
    dispatch: [...tileGrid(loop, tile), count],
    flops: 2 * loop.multiplyAdds,
    bytes: traffic(typed),
  };
}

function tileCode(loop: TileLoop, tile: Tile, precision: Precision): string {
  switch (tile.kind) {
    case 'direct':
      return directCode(loop, tile, precision);
    case 'quad':
      return quadCode(loop, tile, precision);
    case 'workgroup':
      return workgroupCode(loop, tile, precision);
  }
}

/** Workgroups in x and y. */
function tileGrid(
  { outHeight, outWidth, outChannels }: Pick<TileLoop, 'outHeight' | 'outWidth' | 'outChannels'>,
  tile: Tile,
): [number, number] {
  const output = { pixels: outHeight * outWidth, outChannels: 4 * vectorsOf(outChannels) };
  if (tile.kind !== 'workgroup') {
    return workgroupGrid(Math.ceil(directThreads(output, tile) / tileThreads(tile)));
  }
  return [Math.ceil(output.pixels / tile.blockPixels), Math.ceil(output.outChannels / tile.blockChannels)];
}
