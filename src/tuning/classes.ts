/**
 * @file Classes of layers: convolutions so alike that the same tile is the fastest for all of them; same windows,
 * channels and class images, and about as many pixels. What the epilogue adds costs little and does not count.
 */

import { inferShapes, type TensorShape } from '../graph/infer-shapes.ts';
import type { Graph } from '../graph/layers.ts';
import { suitsWinograd } from '../graph/passes/winograd.ts';
import { convShape } from '../graph/plan.ts';
import { type Conv2d, type ConvSource, classCount, multiplyAdds } from '../kernels/conv2d-shape.ts';
import type { Precision } from '../kernels/wgsl.ts';
import { type WinogradSize, winogradPlanes, winogradTiles } from '../kernels/winograd.ts';

/** Windows and channels: what the shader's code depends on. `f32 3x3 64 > 128`, `f32 3x3 128 + 1x1/2 64 > 128`. */
function layerFamily(conv: Conv2d, precision: Precision): string {
  const source = ({ kernel, stride, channels, usedChannels = channels }: ConvSource) =>
    `${kernel}x${kernel}${stride === 1 ? '' : `/${stride}`} ${usedChannels}`;
  const count = classCount(conv);
  const planes = count === 1 ? '' : ` (${count} ${conv.planes ? 'planes' : 'classes'})`;
  return `${precision} ${conv.sources.map(source).join(' + ')} > ${conv.outChannels}${planes}`;
}

/** The power of two that is nearest to the number of output pixels, as its exponent: about 13 for 80x80. */
export function sizeClass({ outHeight, outWidth }: Pick<Conv2d, 'outHeight' | 'outWidth'>): number {
  return Math.round(Math.log2(outHeight * outWidth));
}

/** The name of a class in tuning tables: `f32 3x3 64 > 64, 2^13 px`. */
export function layerClass(conv: Conv2d, precision: Precision, size: number = sizeClass(conv)): string {
  return `${layerFamily(conv, precision)}, 2^${size} px`;
}

/** A class of layers. */
export interface LayerClass {
  name: string;
  /** The layer that stands for the class. */
  conv: Conv2d;
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
): Conv2d[] {
  const convs = convolutionsOf(first, size);
  for (const graph of others) {
    const known = new Set(convs.map((conv) => layerClass(conv, precision)));
    convs.push(...convolutionsOf(graph, size).filter((conv) => !known.has(layerClass(conv, precision))));
  }
  return convs;
}

function convolutionsOf(graph: Graph, size: { width: number; height: number }): Conv2d[] {
  const shapes = inferShapes(graph, size);
  const shapeOf = (tensor: string): TensorShape => shapes.get(tensor)!;
  return graph.layers.flatMap((layer) =>
    // The products of Winograd's filtering are measured with the convolution that they stand for.
    layer.op === 'conv2d' && !layer.planes ? [convShape(layer, shapeOf)] : [],
  );
}

/** Groups convolutions by class, the most floating-point operations first. */
export function groupByClass(convs: readonly Conv2d[], precision: Precision): LayerClass[] {
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
export function withFewerRows(conv: Conv2d, maxFlops: number): Conv2d {
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

/** The products between Winograd's transforms of a 3x3 convolution of stride 1, as a convolution. */
export function winogradProducts(conv: Conv2d, size: WinogradSize): Conv2d {
  const { channels } = conv.sources[0];
  const tiles = winogradTiles(size, { height: conv.outHeight, width: conv.outWidth });
  return {
    label: `${conv.label}.F(${size},3)`,
    sources: [{ ...tiles, channels, kernel: 1, stride: 1, padding: 0 }],
    outHeight: tiles.height,
    outWidth: tiles.width,
    outChannels: conv.outChannels,
    bias: false,
    residuals: [],
    relu: false,
    planes: winogradPlanes(size),
  };
}
