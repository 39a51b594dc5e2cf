/**
 * @file Winograd's minimal filtering: a 3x3 convolution of stride 1 and padding 1 as products per position of a
 * transformed tile. Y = A^T [(G g G^T) . (B^T d B)] A (Lavin and Gray, "Fast Algorithms for Convolutional Neural
 * Networks", eq. 8): F(2,3) takes 16 products for 4 outputs, F(4,3) 36 for 16, where the plain sum takes 36 and 144.
 */

import type { Size } from '../size.ts';

/** Outputs per tile along an axis. */
export type WinogradSize = 2 | 4;

interface Matrices {
  /** Input transform, `[size + 2, size + 2]`. */
  BT: readonly (readonly number[])[];
  /** Weight transform, `[size + 2, 3]`. */
  G: readonly (readonly number[])[];
  /** Output transform, `[size, size + 2]`. */
  AT: readonly (readonly number[])[];
}

export const winogradMatrices: Record<WinogradSize, Matrices> = {
  2: {
    BT: [
      [1, 0, -1, 0],
      [0, 1, 1, 0],
      [0, -1, 1, 0],
      [0, 1, 0, -1],
    ],
    G: [
      [1, 0, 0],
      [1 / 2, 1 / 2, 1 / 2],
      [1 / 2, -1 / 2, 1 / 2],
      [0, 0, 1],
    ],
    AT: [
      [1, 1, 1, 0],
      [0, 1, -1, -1],
    ],
  },
  4: {
    BT: [
      [4, 0, -5, 0, 1, 0],
      [0, -4, -4, 1, 1, 0],
      [0, 4, -4, -1, 1, 0],
      [0, -2, -1, 2, 1, 0],
      [0, 2, -1, -2, 1, 0],
      [0, 4, 0, -5, 0, 1],
    ],
    G: [
      [1 / 4, 0, 0],
      [-1 / 6, -1 / 6, -1 / 6],
      [-1 / 6, 1 / 6, -1 / 6],
      [1 / 24, 1 / 12, 1 / 6],
      [1 / 24, -1 / 12, 1 / 6],
      [0, 0, 1],
    ],
    AT: [
      [1, 1, 1, 1, 1, 0],
      [0, 1, -1, 2, -2, 0],
      [0, 1, 1, 4, 4, 0],
      [0, 1, -1, 8, -8, 1],
    ],
  },
};

/**
 * Positions of a transformed tile: planes of the transformed tensors.
 *
 * @example
 * winogradPlanes(4); // 36
 */
export const winogradPlanes = (size: WinogradSize): number => (size + 2) ** 2;

/**
 * Tiles that cover `height` x `width`.
 *
 * @example
 * winogradTiles(4, { height: 160, width: 158 }); // { height: 40, width: 40 }
 */
export const winogradTiles = (size: WinogradSize, { height, width }: Size): Size => ({
  height: Math.ceil(height / size),
  width: Math.ceil(width / size),
});

/** WGSL that declares `to{i}_{j}`: the matrix times the values `from{i}_{j}`, `columns` of them in a row. */
export function multiplyLeft(
  to: string,
  matrix: readonly (readonly number[])[],
  from: string,
  columns: number,
): string {
  const names = matrix.flatMap((row, i) =>
    Array.from(
      { length: columns },
      (_, j) => `let ${to}${i}_${j} = ${combine(row, (k) => `${from}${k}_${j}`)};`,
    ),
  );
  return names.join('\n');
}

/** A row of a matrix times the values that `name` gives, as WGSL; zeros and ones are left out. */
export function combine(row: readonly number[], name: (index: number) => string): string {
  const terms = row.flatMap((factor, index) => {
    if (factor === 0) return [];
    const magnitude = Math.abs(factor);
    const value =
      magnitude === 1
        ? name(index)
        : `${Number.isInteger(magnitude) ? magnitude.toFixed(1) : magnitude} * ${name(index)}`;
    return [`${factor < 0 ? '-' : '+'} ${value}`];
  });
  return terms.join(' ').replace(/^\+ /, '');
}
