/** @file Gradient of max-pooling 3x3, stride 2, padding 1. NHWC. */

import type { Kernel } from '../kernel.ts';
import { perItem, vectors } from './elementwise.ts';

export interface MaxPoolBackward {
  label: string;
  batch: number;
  /** Size of what was pooled; both even. */
  height: number;
  width: number;
  /** A multiple of 4. */
  channels: number;
}

/**
 * Each window's gradient goes to its largest value; of equal ones to the first, row by row, as in PyTorch.
 * Bindings: `source` (what was pooled), `gradient` (of the pooled), `output`; f32.
 *
 * @example
 * const { code, bindings, dispatch } = maxPoolBackward({ label: 'max-pool', batch: 1, height: 320, width: 320, channels: 64 });
 */
export function maxPoolBackward({ label, batch, height, width, channels }: MaxPoolBackward): Kernel {
  const count = batch * height * width * channels;
  return perItem({
    label,
    items: count / 4,
    typed: [vectors('source', count), vectors('gradient', count / 4), vectors('output', count, 'read_write')],
    shape: { height, width, vectors: channels / 4 },
    body: `let vector = item % shape.vectors;
  let pixel = item / shape.vectors;
  let x = pixel % shape.width;
  let y = pixel / shape.width % shape.height;
  let image = pixel / (shape.width * shape.height);
  let own = source[item];
  var sum = vec4<f32>();
  // The windows that hold this pixel: one along an axis where it is even, two where it is odd.
  for (var window_y = y / 2u; window_y <= min((y + 1u) / 2u, shape.height / 2u - 1u); window_y++) {
    for (var window_x = x / 2u; window_x <= min((x + 1u) / 2u, shape.width / 2u - 1u); window_x++) {
      // The largest: above all that come before, not below any that come after.
      var largest = vec4<bool>(true);
      for (var tap = 0u; tap < 9u; tap++) {
        let other_y = window_y * 2u + tap / 3u - 1u;
        let other_x = window_x * 2u + tap % 3u - 1u;
        if (other_y >= shape.height || other_x >= shape.width) { continue; }
        let other = source[((image * shape.height + other_y) * shape.width + other_x) * shape.vectors + vector];
        let before = other_y < y || (other_y == y && other_x < x);
        largest = largest & select(own >= other, own > other, vec4<bool>(before));
      }
      let at = ((image * (shape.height / 2u) + window_y) * (shape.width / 2u) + window_x) * shape.vectors + vector;
      sum += select(vec4<f32>(), gradient[at], largest);
    }
  }
  output[item] = sum;`,
    flops: 100,
  });
}
