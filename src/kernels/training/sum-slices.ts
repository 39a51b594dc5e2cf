/** @file The second half of a sum that was taken in slices: adds the slices up, in order. */

import type { Kernel } from '../kernel.ts';
import { floats, perItem, vectors } from './elementwise.ts';

export interface SumSlices {
  label: string;
  slices: number;
  /** Numbers in a slice. */
  count: number;
}

/** `output[i] = sum over slices of source[slice, i]`; f32. */
export function sumSlices({ label, slices, count }: SumSlices): Kernel {
  const width = count % 4 === 0 ? 4 : 1;
  const numbers = width === 4 ? vectors : floats;
  return perItem({
    label,
    items: count / width,
    typed: [numbers('source', slices * count), numbers('output', count, 'read_write')],
    shape: { slices },
    body: `var sum = source[item];
  for (var slice = 1u; slice < shape.slices; slice++) { sum += source[slice * shape.items + item]; }
  output[item] = sum;`,
    flops: width * slices,
  });
}
