/**
 * @file The network for TensorFlow.js: the steps as JSON, and the parameters in TensorFlow's layouts in one binary
 * file, so that the page has nothing to convert.
 */

import type { Network, Parameter, Step } from './network.ts';

/** What the page reads; offsets count floats in the binary file. */
export interface TfjsModel {
  input: string;
  outputs: readonly string[];
  steps: readonly Step[];
  parameters: Record<string, { shape: readonly number[]; offset: number }>;
}

/** Model and binary file (f32, little-endian). */
export function writeTfjsModel(network: Network): { model: TfjsModel; weights: Uint8Array } {
  const parameters: TfjsModel['parameters'] = {};
  const chunks: Float32Array[] = [];
  let offset = 0;
  for (const [name, parameter] of network.parameters) {
    const { shape, data } = parameter.shape.length === 4 ? filter(parameter) : parameter;
    parameters[name] = { shape, offset };
    chunks.push(data);
    offset += data.length;
  }
  const weights = new Float32Array(offset);
  let at = 0;
  for (const chunk of chunks) {
    weights.set(chunk, at);
    at += chunk.length;
  }
  const { input, outputs, steps } = network;
  return { model: { input, outputs, steps, parameters }, weights: new Uint8Array(weights.buffer) };
}

/**
 * `[out, in, height, width]` to `[height, width, in, out]`; a transposed convolution's `[in, out, height, width]` to
 * `[height, width, out, in]`: in both cases the first two axes, swapped, become the last two.
 */
function filter({ shape, data }: Parameter): Parameter {
  const [first, second, height, width] = shape;
  const taps = height * width;
  const out = new Float32Array(data.length);
  for (let tap = 0; tap < taps; tap++) {
    for (let s = 0; s < second; s++) {
      for (let f = 0; f < first; f++)
        out[(tap * second + s) * first + f] = data[(f * second + s) * taps + tap];
    }
  }
  return { shape: [height, width, second, first], data: out };
}
