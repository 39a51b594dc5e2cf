/** @file From bytes to what the network reads, without resizing: crops are cut to size before. */

import type { Kernel } from '../kernel.ts';
import { perItem, vectors } from './elementwise.ts';

export interface NormalizePixels {
  label: string;
  /** Pixels of all images together. */
  pixels: number;
  channelOrder: 'rgb' | 'bgr';
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
}

/**
 * `output = (pixel - mean) / std` in the network's channel order, the fourth channel 0.
 * Bindings: `source` (RGBA bytes, a u32 per pixel), `output` (vec4<f32>).
 *
 * @example
 * const { code, bindings, dispatch } = normalizePixels({ label: 'pixels', pixels: 640 * 640, channelOrder: 'rgb', mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] });
 */
export function normalizePixels({ label, pixels, channelOrder, mean, std }: NormalizePixels): Kernel {
  const vector = (values: readonly number[]) => `vec3<f32>(${values.join(', ')})`;
  return perItem({
    label,
    items: pixels,
    typed: [
      { name: 'source', access: 'read', bytes: pixels * 4, type: 'u32' },
      vectors('output', pixels * 4, 'read_write'),
    ],
    body: `let word = source[item];
  let pixel = vec3<f32>(vec3<u32>(word, word >> 8u, word >> 16u) & vec3<u32>(255u));
  output[item] = vec4<f32>((pixel.${channelOrder} - ${vector(mean)}) / ${vector(std)}, 0.0);`,
    flops: 6,
  });
}
