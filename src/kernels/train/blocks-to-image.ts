/**
 * @file Two transposed convolutions 2x2 with stride 2 turn one pixel into a block of 4x4. Training computes them as
 * 1x1 convolutions, so that a block's 16 values stand together: `[y, x, (dy1, dx1), (dy2, dx2)]`. These kernels put
 * them where they belong in the image, and back.
 */

import type { Kernel } from '../kernel.ts';
import { floats, perItem } from './elementwise.ts';

export interface BlocksToImage {
  label: string;
  batch: number;
  /** Size of the image, multiples of 4. */
  height: number;
  width: number;
}

/** WGSL: `block`, where the value of pixel `item` of the image stands among the blocks. */
const blockIndex = `let x = item % shape.width;
  // Rows of all images, one after the other.
  let y = item / shape.width;
  let outer = (y / 2u % 2u) * 2u + x / 2u % 2u;
  let inner = (y % 2u) * 2u + x % 2u;
  let block = (((y / 4u) * (shape.width / 4u) + x / 4u) * 4u + outer) * 4u + inner;`;

/**
 * `output[map, image, y, x]` from the blocks of each map. Bindings: `source0`, ..., `output`; f32.
 *
 * @example
 * const { code, bindings, dispatch } = blocksToImage({ label: 'maps', batch: 1, height: 640, width: 640 }, 2);
 */
export function blocksToImage({ label, batch, height, width }: BlocksToImage, maps: number): Kernel {
  const count = batch * height * width;
  return perItem({
    label,
    items: count,
    typed: [
      ...Array.from({ length: maps }, (_, map) => floats(`source${map}`, count)),
      floats('output', maps * count, 'read_write'),
    ],
    shape: { width },
    body: `${blockIndex}
  #for m in 0..${maps}
  output[{m}u * shape.items + item] = source{m}[block];
  #end`,
    flops: 0,
  });
}

/**
 * The inverse of {@link blocksToImage}; also its gradient. Bindings: `source`, `output0`, ...; f32.
 *
 * @example
 * const { code, bindings, dispatch } = imageToBlocks({ label: 'gradients', batch: 1, height: 640, width: 640 }, 2);
 */
export function imageToBlocks({ label, batch, height, width }: BlocksToImage, maps: number): Kernel {
  const count = batch * height * width;
  return perItem({
    label,
    items: count,
    typed: [
      floats('source', maps * count),
      ...Array.from({ length: maps }, (_, map) => floats(`output${map}`, count, 'read_write')),
    ],
    shape: { width },
    body: `${blockIndex}
  #for m in 0..${maps}
  output{m}[block] = source[{m}u * shape.items + item];
  #end`,
    flops: 0,
  });
}
