/**
 * @file The tail of the DB heads, step by step as the authors' code has it: transposed convolution 2x2, batch norm,
 * ReLU, transposed convolution 2x2, sigmoid; then the differentiable binarization. Nothing is folded or fused.
 */

import { activate } from './activation.ts';
import { given, type Reference, sigmoid } from './reference.ts';

/** Parameters of one head's tail, as PyTorch holds them. */
export interface TailParameters {
  /** `[in, hidden, 2, 2]` */
  up1: ArrayLike<number>;
  /** `[hidden]` */
  bias1: ArrayLike<number>;
  norm: {
    weight: ArrayLike<number>;
    bias: ArrayLike<number>;
    mean: ArrayLike<number>;
    variance: ArrayLike<number>;
  };
  /** `[hidden, 1, 2, 2]` */
  up2: ArrayLike<number>;
  /** `[1]` */
  bias2: ArrayLike<number>;
}

/** Transposed convolution, 2x2, stride 2, weights `[in, out, 2, 2]`: `[h, w, in]` to `[2 h, 2 w, out]`. */
function convolveTransposed(
  input: Reference,
  width: number,
  inChannels: number,
  outChannels: number,
  weights: ArrayLike<number>,
  bias: ArrayLike<number>,
): Reference {
  const height = input.values.length / (width * inChannels);
  const values = new Float64Array(4 * height * width * outChannels);
  const magnitudes = new Float64Array(values.length);
  for (let y = 0; y < 2 * height; y++) {
    for (let x = 0; x < 2 * width; x++) {
      const from = ((y >> 1) * width + (x >> 1)) * inChannels;
      for (let out = 0; out < outChannels; out++) {
        const at = (y * 2 * width + x) * outChannels + out;
        values[at] = bias[out];
        magnitudes[at] = Math.abs(bias[out]);
        for (let c = 0; c < inChannels; c++) {
          const weight = weights[((c * outChannels + out) * 2 + (y % 2)) * 2 + (x % 2)];
          values[at] += input.values[from + c] * weight;
          magnitudes[at] += input.magnitudes[from + c] * Math.abs(weight);
        }
      }
    }
  }
  return { values, magnitudes };
}

/** Batch norm at inference, PyTorch's epsilon, in place. */
function normalize(
  { values, magnitudes }: Reference,
  { weight, bias, mean, variance }: TailParameters['norm'],
) {
  const channels = weight.length;
  for (let i = 0; i < values.length; i++) {
    const c = i % channels;
    const deviation = Math.sqrt(variance[c] + 1e-5);
    values[i] = ((values[i] - mean[c]) / deviation) * weight[c] + bias[c];
    magnitudes[i] =
      ((magnitudes[i] + Math.abs(mean[c])) / deviation) * Math.abs(weight[c]) + Math.abs(bias[c]);
  }
}

/** The logits `[4 height, 4 width]` of one head, from features `[height, width, channels]`. */
export function tailLogits(
  features: ArrayLike<number>,
  width: number,
  parameters: TailParameters,
): Reference {
  const channels = parameters.bias1.length;
  const hidden = convolveTransposed(
    given(features),
    width,
    channels,
    channels,
    parameters.up1,
    parameters.bias1,
  );
  normalize(hidden, parameters.norm);
  activate(hidden, 'relu');
  return convolveTransposed(hidden, 2 * width, channels, 1, parameters.up2, parameters.bias2);
}

/** B = 1 / (1 + exp(-k (P - T))), paper eq. 2. */
export function binarize(P: Float64Array, T: Float64Array, k: number): Float64Array {
  return P.map((p, i) => sigmoid(k * (p - T[i])));
}
