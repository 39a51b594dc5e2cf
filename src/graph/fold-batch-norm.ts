/**
 * @file From named entries to layers: each convolution takes up the batch norm that follows it.
 * Identity: norm(W x + b) = (g / s) W x + (g / s) (b - m) + beta, with s = sqrt(variance + eps). In f64.
 */

import type { DbHeadWeights } from '../kernels/db-head.ts';
import type { ConvEntry, Entry, HeadEntry } from './dbnet.ts';
import type { ConvParameters, Graph, Layer } from './layers.ts';

/** Epsilon of PyTorch's BatchNorm2d. */
export const batchNormEpsilon = 1e-5;

/** Where parameters come from: `[...]` as numbers, by name. */
export type ParameterSource = (name: string) => ArrayLike<number>;

/** The graph of a network whose parameters come from `source`. `k` is the steepness of the binarization. */
export function foldBatchNorm(entries: readonly Entry[], source: ParameterSource, k: number): Graph {
  const layers = entries.map((entry): Layer => {
    switch (entry.op) {
      case 'conv2d':
        return {
          op: 'conv2d',
          name: entry.weight.replace(/\.weight$/, ''),
          output: entry.output,
          sources: [
            {
              tensor: entry.input,
              kernel: entry.kernel,
              stride: entry.stride,
              padding: (entry.kernel - 1) / 2,
            },
          ],
          residuals: entry.residual ? [{ tensor: entry.residual, kind: 'same' }] : [],
          outChannels: entry.outChannels,
          bias: entry.norm !== undefined,
          relu: entry.relu,
          parameters: () => convParameters(entry, source),
        };
      case 'dbHead':
        return {
          op: 'dbHead',
          name: 'dbHead',
          outputs: entry.outputs,
          features: entry.heads.map(({ input }) => input),
          channels: entry.channels,
          k,
          parameters: () => headParameters(entry, source),
        };
      default:
        return { name: entry.output, ...entry };
    }
  });
  return { input: 'image', layers, outputs: entries.flatMap((e) => (e.op === 'dbHead' ? e.outputs : [])) };
}

/** Scale and shift per channel that a batch norm comes to at inference. */
function normScaleShift(
  prefix: string,
  source: ParameterSource,
): { scale: Float64Array; shift: Float64Array } {
  const [gamma, beta, mean, variance] = ['weight', 'bias', 'running_mean', 'running_var'].map((part) =>
    source(`${prefix}.${part}`),
  );
  const scale = Float64Array.from(gamma, (g, i) => g / Math.sqrt(variance[i] + batchNormEpsilon));
  return { scale, shift: scale.map((s, i) => beta[i] - s * mean[i]) };
}

function convParameters(entry: ConvEntry, source: ParameterSource): ConvParameters {
  if (!entry.norm) return { weights: [Float64Array.from(source(entry.weight))] };
  const { scale, shift } = normScaleShift(entry.norm, source);
  return {
    get weights() {
      const weights = Float64Array.from(source(entry.weight));
      const perOutput = weights.length / entry.outChannels;
      for (let i = 0; i < weights.length; i++) weights[i] *= scale[Math.floor(i / perOutput)];
      return [weights];
    },
    bias: shift,
  };
}

function headParameters(entry: HeadEntry, source: ParameterSource): DbHeadWeights[] {
  return entry.heads.map(({ prefix }) => {
    const { scale, shift } = normScaleShift(`${prefix}.4`, source);
    // [in, out, 2, 2]: the output channel is the second axis.
    const up1 = Float64Array.from(
      source(`${prefix}.3.weight`),
      (w, i) => w * scale[(i >> 2) % entry.channels],
    );
    const bias1 = Float64Array.from(source(`${prefix}.3.bias`), (b, i) => b * scale[i] + shift[i]);
    return { up1, bias1, up2: source(`${prefix}.6.weight`), bias2: source(`${prefix}.6.bias`) };
  });
}
