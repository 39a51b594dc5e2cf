/**
 * @file Classes of layers: convolutions so alike that the same tile is the fastest for all of them; same windows,
 * channels and class images, and about as many pixels. What the epilogue adds costs little and does not count.
 */

import { type Graph, kindOf } from '../graph/graph.ts';
import { inferShapes } from '../graph/infer-shapes.ts';
import type { TensorShape } from '../graph/operation.ts';
import { suitsWinograd } from '../graph/passes/winograd.ts';
import type { Conv2d, ConvSource } from '../kernels/conv2d.ts';
import { type Convolution, gemmOf, multiplyAdds } from '../kernels/convolution.ts';
import type { Precision } from '../kernels/wgsl.ts';
import { type WinogradSize, winogradPlanes, winogradTiles } from '../kernels/winograd.ts';
import type { WinogradProducts } from '../kernels/winograd-products.ts';

/** Windows and channels: what the shader's code depends on. `f32 3x3 64 > 128`, `f32 3x3 128 + 1x1/2 64 > 128`. */
function layerFamily(conv: Convolution, precision: Precision): string {
  if ('sources' in conv) return conv2dFamily(conv, precision);
  const { planes } = gemmOf(conv);
  return 'scale' in conv
    ? `${precision} 3x3 ${conv.channels} > ${conv.outChannels} (${planes} classes)`
    : `${precision} 1x1 ${conv.channels} > ${conv.outChannels} (${planes} planes)`;
}

/** The same of a plain convolution. */
export function conv2dFamily(
  conv: { sources: readonly Pick<ConvSource, 'kernel' | 'stride' | 'channels'>[]; outChannels: number },
  precision: Precision,
): string {
  const sources = conv.sources.map(
    ({ kernel, stride, channels }) => `${kernel}x${kernel}${stride === 1 ? '' : `/${stride}`} ${channels}`,
  );
  return `${precision} ${sources.join(' + ')} > ${conv.outChannels}`;
}

/** The power of two that is nearest to the number of output pixels, as its exponent: about 13 for 80x80. */
export const sizeClass = (conv: Convolution): number => Math.round(Math.log2(gemmOf(conv).pixels));

/** The name of a class in tuning tables: `f32 3x3 64 > 64, 2^13 px`. */
export const layerClass = (conv: Convolution, precision: Precision, size: number = sizeClass(conv)): string =>
  classOf(layerFamily(conv, precision), size);

/** The class of a family's layers of a size. */
export const classOf = (family: string, size: number): string => `${family}, 2^${size} px`;

/** A class of layers. */
export interface LayerClass {
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
  // The products of Winograd's filtering are none: they are measured with the convolution that they stand for.
  return graph.operations.flatMap((operation) => kindOf(operation).convolution?.(operation, shapeOf) ?? []);
}

/** Groups convolutions by class, the most floating-point operations first. */
export function groupByClass(convs: readonly Convolution[], precision: Precision): LayerClass[] {
  const classes = new Map<string, LayerClass>();
  for (const conv of convs) {
    const name = layerClass(conv, precision);
    const known = classes.get(name) ?? { name, conv, layers: 0, flops: 0 };
    known.layers += 1;
    known.flops += 2 * multiplyAdds(conv);
    classes.set(name, known);
  }
  return [...classes.values()].sort((a, b) => b.flops - a.flops);
}

/**
 * The convolution with so few rows that it takes at most `maxFlops` floating-point operations, but at least one row
 * (of each upsampled residual, of Winograd's tiles). Where shaders run on the CPU, time is in proportion to the pixels,
 * so that the rest would only make tuning slower.
 */
export function withFewerRows(conv: Convolution, maxFlops: number): Convolution {
  if (!('sources' in conv)) {
    const height = Math.max(1, Math.floor(conv.height * (maxFlops / (2 * multiplyAdds(conv)))));
    return height >= conv.height ? conv : { ...conv, height };
  }
  const step = Math.max(
    1,
    // Whole tiles of either Winograd size.
    canUseWinograd(conv) ? 4 : 1,
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
      height: Math.ceil((source.height / conv.outHeight) * outHeight),
    })),
  };
}

/** True for a convolution that Winograd's filtering can compute. */
export const canUseWinograd = (conv: Convolution): conv is Conv2d =>
  'sources' in conv &&
  suitsWinograd(conv) &&
  conv.outHeight === conv.sources[0].height &&
  conv.outWidth === conv.sources[0].width;

/** The products between Winograd's transforms of a 3x3 convolution of stride 1. */
export function winogradProducts(conv: Convolution, size: WinogradSize): WinogradProducts {
  if (!canUseWinograd(conv)) throw new Error(`'${conv.label}' is no 3x3 convolution of stride 1`);
  const { label, sources, outHeight: height, outWidth: width, outChannels } = conv;
  const tiles = winogradTiles(size, { height, width });
  const planes = winogradPlanes(size);
  return { label: `${label}.F(${size},3)`, planes, ...tiles, channels: sources[0].channels, outChannels };
}
