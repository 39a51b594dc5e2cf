/**
 * @file Convolution as one implicit GEMM over any number of sources: M = output pixels, N = output channels,
 * K = the taps and channels of all sources, one after the other. Layout NHWC, batch 1, channels a multiple of 4.
 * The epilogue adds the bias and residuals and applies ReLU.
 *
 * Weights are one K x N row-major matrix; row order: source, kernel row, kernel column, input channel.
 * The main loops stand in `conv2d-direct.ts` and `conv2d-workgroup.ts`.
 */

import { directCode } from './conv2d-direct.ts';
import {
  type Conv2d,
  classCount,
  multiplyAdds,
  type Residual,
  upsampleClasses,
  weightRows,
} from './conv2d-shape.ts';
import { workgroupCode } from './conv2d-workgroup.ts';
import { declare, type Kernel, type TypedBinding, traffic } from './kernel.ts';
import { type Tile, tileName } from './tile.ts';
import { elementBytes, header, type Precision, unroll, wgsl } from './wgsl.ts';

/**
 * A convolution kernel.
 * Bindings: `source0`, ..., `weights`, `bias` if any, `residual0`, ..., `output`; elements `vec4` of `precision`,
 * the bias always f32.
 */
export function conv2d(conv: Conv2d, { tile, precision }: { tile: Tile; precision: Precision }): Kernel {
  const element = elementBytes(precision);
  const pixels = conv.outHeight * conv.outWidth;
  const outputBytes = pixels * conv.outChannels * element;
  const read = (name: string, bytes: number, type = `vec4<${precision}>`) => ({
    name,
    access: 'read' as const,
    bytes,
    type,
  });
  const shape = convShape(conv);
  const typed: TypedBinding[] = [
    ...conv.sources.map((s, i) => read(`source${i}`, s.height * s.width * s.channels * element)),
    read('weights', weightRows(conv) * conv.outChannels * element),
    ...(conv.bias ? [read('bias', conv.outChannels * 4, 'vec4<f32>')] : []),
    ...conv.residuals.map((residual, i) => read(`residual${i}`, residualBytes(residual, outputBytes))),
    {
      name: 'output',
      access: 'read_write' as const,
      bytes: outputBytes * classCount(conv),
      type: `vec4<${precision}>`,
    },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const body =
    tile.kind === 'direct' ? directCode(conv, tile, precision) : workgroupCode(conv, tile, precision);
  return {
    label: `${conv.label} (${tileName(tile)})`,
    code: `${header(precision)}${declarations}\n${storeCode(conv, precision)}${body}`,
    bindings,
    shape,
    dispatch: [...tileGrid(conv, tile), classCount(conv)],
    flops: 2 * multiplyAdds(conv),
    bytes: traffic(typed),
  };
}

/** The sizes that the shader reads; channels as numbers of vec4s. */
function convShape({ outHeight, outWidth, outChannels, sources }: Conv2d): Record<string, number> {
  const shape: Record<string, number> = {
    out_height: outHeight,
    out_width: outWidth,
    out_vectors: outChannels / 4,
  };
  for (const [i, { height, width, channels }] of sources.entries()) {
    shape[`height${i}`] = height;
    shape[`width${i}`] = width;
    shape[`vectors${i}`] = channels / 4;
  }
  return shape;
}

/** Workgroups in x and y. */
function tileGrid({ outHeight, outWidth, outChannels }: Conv2d, tile: Tile): [number, number] {
  const pixels = outHeight * outWidth;
  if (tile.kind === 'direct') {
    const groups = Math.ceil((Math.ceil(pixels / tile.pixels) * Math.ceil(outChannels / tile.channels)) / 64);
    // One dimension takes 65,535 workgroups; what is more goes into rows.
    const rows = Math.ceil(groups / 65535);
    return [Math.ceil(groups / rows), rows];
  }
  return [Math.ceil(pixels / tile.blockPixels), Math.ceil(outChannels / tile.blockChannels)];
}

function residualBytes(residual: Residual, outputBytes: number): number {
  if (residual.kind === 'same') return outputBytes;
  const classes = residual.kind === 'classes' ? upsampleClasses(residual.scale).length ** 2 : 1;
  return (outputBytes / residual.scale ** 2) * classes;
}

/** `store(pixel, channel, sum)`: the epilogue; `channel` counts vec4s, `plane` is the class image. */
function storeCode(conv: Conv2d, precision: Precision): string {
  const scaled = conv.residuals.some((residual) => residual.kind !== 'same');
  return wgsl`
fn store(pixel: u32, channel: u32, plane: u32, sum: vec4<f32>) {
  let at = pixel * shape.out_vectors + channel;
  var value = sum;
  #if ${conv.bias}
  value += bias[channel];
  #endif
  #if ${scaled}
  let y = pixel / shape.out_width;
  let x = pixel % shape.out_width;
  #endif
  ${unroll(conv.residuals.length, (i) => `value += vec4<f32>(residual${i}[${residualIndex(conv.residuals[i])}]);`)}
  #if ${conv.relu}
  value = max(value, vec4<f32>());
  #endif
  output[plane * shape.out_height * shape.out_width * shape.out_vectors + at] = vec4<${precision}>(value);
}
`;
}

/** Where in a residual the value for output pixel `(y, x)` stands. */
function residualIndex(residual: Residual): string {
  if (residual.kind === 'same') return 'at';
  const { scale } = residual;
  const width = `(shape.out_width / ${scale}u)`;
  const low = `(y / ${scale}u) * ${width} + x / ${scale}u`;
  if (residual.kind === 'upsampled') return `(${low}) * shape.out_vectors + channel`;
  const count = upsampleClasses(scale).length;
  const classOf = (axis: string) =>
    count === 2
      ? `(${axis} % 2u)`
      : `select(select(1u, 0u, ${axis} % ${scale}u == 0u), 2u, ${axis} % ${scale}u == ${scale - 1}u)`;
  const plane = `(${classOf('y')} * ${count}u + ${classOf('x')})`;
  return `(${plane} * (shape.out_height / ${scale}u) * ${width} + ${low}) * shape.out_vectors + channel`;
}
