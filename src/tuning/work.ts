/** @file What there is to tune: the classes of a network's convolutions, the most expensive first. */

import type { Graph } from '../graph/graph.ts';
import { inferShapes } from '../graph/infer-shapes.ts';
import type { TensorShape } from '../graph/operation.ts';
import { convolutionOf } from '../graph/operations/conv2d.ts';
import { upsampledConvolutionOf } from '../graph/operations/upsampled-conv2d.ts';
import { suitsWinograd } from '../graph/passes/winograd.ts';
import type { Conv2d } from '../kernels/conv2d.ts';
import { type Convolution, multiplyAdds } from '../kernels/convolution.ts';
import type { Precision } from '../kernels/wgsl.ts';
import { layerClass } from './layer-class.ts';

/** A class of layers. */
export interface ClassWork {
  /** See `layerClass`. */
  name: string;
  /** The layer that stands for the class. */
  conv: Convolution;
  /** How many layers are in it. */
  layers: number;
  /** Floating-point operations of all of them. */
  flops: number;
}

/**
 * The convolutions of a network at a size. Of its other forms (with a threshold head, say) only those are added whose
 * class the first has not, so that the counts are those of the first.
 */
export function convolutions(
  [first, ...others]: readonly Graph[],
  size: { width: number; height: number },
  precision: Precision,
): Convolution[] {
  const convs = convolutionsOf(first, size);
  for (const graph of others) {
    const known = new Set(convs.map((conv) => layerClass(conv, precision)));
    convs.push(...convolutionsOf(graph, size).filter((conv) => !known.has(layerClass(conv, precision))));
  }
  return convs;
}

function convolutionsOf(graph: Graph, size: { width: number; height: number }): Convolution[] {
  const shapes = inferShapes(graph, size);
  const shapeOf = (tensor: string): TensorShape => shapes.get(tensor)!;
  return graph.operations.flatMap((operation): Convolution[] => {
    // The products of Winograd's filtering are measured with the convolution that they stand for.
    if (operation.op === 'conv2d') return [convolutionOf(operation, shapeOf)];
    return operation.op === 'upsampledConv2d'
      ? [upsampledConvolutionOf(operation, shapeOf(operation.input))]
      : [];
  });
}

/** Groups convolutions by class, the most floating-point operations first. */
export function groupByClass(convs: readonly Convolution[], precision: Precision): ClassWork[] {
  const works = new Map<string, ClassWork>();
  for (const conv of convs) {
    const name = layerClass(conv, precision);
    const work = works.get(name) ?? { name, conv, layers: 0, flops: 0 };
    work.layers += 1;
    work.flops += 2 * multiplyAdds(conv);
    works.set(name, work);
  }
  return [...works.values()].sort((a, b) => b.flops - a.flops);
}

/**
 * The convolution with so few rows that it takes at most `maxFlops` floating-point operations, but at least one row
 * (of each upsampled residual, of Winograd's tiles). Where shaders run on the CPU, time is in proportion to the pixels, so that the rest
 * would only make tuning slower.
 */
export function withFewerRows(conv: Conv2d, maxFlops: number): Conv2d;
export function withFewerRows(conv: Convolution, maxFlops: number): Convolution;
export function withFewerRows(conv: Convolution, maxFlops: number): Convolution {
  if (!('sources' in conv)) {
    const height = Math.max(1, Math.floor(conv.height * (maxFlops / (2 * multiplyAdds(conv)))));
    return height >= conv.height ? conv : { ...conv, height };
  }
  const step = Math.max(
    1,
    // Whole tiles of either Winograd size.
    suitsWinograd(conv) ? 4 : 1,
    ...conv.residuals.map((residual) => (residual.kind === 'same' ? 1 : residual.scale)),
  );
  const rowsThatFit = conv.outHeight * (maxFlops / (2 * multiplyAdds(conv)));
  const outHeight = Math.max(step, Math.floor(rowsThatFit / step) * step);
  if (outHeight >= conv.outHeight) return conv;
  return {
    ...conv,
    outHeight,
    sources: conv.sources.map((source) => ({
      ...source,
      height: (source.height / conv.outHeight) * outHeight,
    })),
  };
}
