/**
 * @file Weights of a convolution turned into those of its gradient: the gradient of the input is a convolution of the
 * gradient of the output, with the taps in reverse and the roles of the channels exchanged.
 */

import type { Kernel } from '../kernel.ts';
import { perItem, vectors } from './elementwise.ts';

export interface TransposeWeights {
  label: string;
  /** Taps of the window, `kernel^2`. */
  taps: number;
  /** A multiple of 4. */
  channels: number;
  /** A multiple of 4. */
  outChannels: number;
}

/**
 * `output[taps - 1 - tap, out, in] = source[tap, in, out]`; f32.
 *
 * @example
 * const { code, bindings, dispatch } = transposeWeights({ label: 'weights', taps: 9, channels: 64, outChannels: 128 });
 */
export function transposeWeights({ label, taps, channels, outChannels }: TransposeWeights): Kernel {
  const count = taps * channels * outChannels;
  return perItem({
    label,
    items: count / 16,
    typed: [vectors('source', count), vectors('output', count, 'read_write')],
    shape: { taps, vectors: channels / 4, out_vectors: outChannels / 4 },
    body: `let out_vector = item % shape.out_vectors;
  let vector = item / shape.out_vectors % shape.vectors;
  let tap = item / (shape.out_vectors * shape.vectors);
  let source_at = (tap * shape.vectors + vector) * 4u * shape.out_vectors + out_vector;
  #for k in 0..4
  let row{k} = source[source_at + {k}u * shape.out_vectors];
  #end
  let output_at = ((shape.taps - 1u - tap) * shape.out_vectors + out_vector) * 4u * shape.vectors + vector;
  #for k in 0..4
  output[output_at + {k}u * shape.vectors] = vec4<f32>(row0[{k}], row1[{k}], row2[{k}], row3[{k}]);
  #end`,
    flops: 0,
  });
}
