/** @file A vector several times: the bias of a transposed convolution, once for each of its taps. */

import type { Kernel } from '../kernel.ts';
import { floats, perItem } from './elementwise.ts';

/**
 * `output[i] = source[i % count]` for `times * count` elements; f32.
 *
 * @example
 * const { code, bindings, dispatch } = repeatVector({ label: 'bias', count: 64, times: 4 });
 */
export function repeatVector({
  label,
  count,
  times,
}: {
  label: string;
  count: number;
  times: number;
}): Kernel {
  return perItem({
    label,
    items: times * count,
    typed: [floats('source', count), floats('output', times * count, 'read_write')],
    shape: { count },
    body: 'output[item] = source[item % shape.count];',
    flops: 0,
  });
}
