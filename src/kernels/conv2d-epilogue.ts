/** @file What follows the sums of a convolution: bias, factors, residuals, activation, affine and the write. */

import { type Activation, activations } from './activation.ts';
import { f32, type TypedBinding, type UniformValues, vectorsOf } from './kernel.ts';
import { upsampleClasses } from './upsample-classes.ts';
import { elementBytes, elementOf, type KernelOptions, wgsl } from './wgsl.ts';

/**
 * What the epilogue adds to the sums.
 * - `same`: a tensor of the output's shape.
 * - `upsampled`: a tensor `scale` times smaller, nearest-upsampled.
 * - `classes`: the class images of `upsampledConv2d`, `scale` times smaller.
 */
export type Residual = { kind: 'same' } | { kind: 'upsampled' | 'classes'; scale: number };

/** `scale * value + shift`, the same for all channels. */
export interface Affine {
  scale: number;
  shift: number;
}

export interface Epilogue {
  outHeight: number;
  outWidth: number;
  outChannels: number;
  bias: boolean;
  /** Multiplies every channel by a factor (`channelGate`), after the bias. */
  scaled?: boolean;
  /** Added before the activation. */
  residuals: readonly Residual[];
  activation: Activation;
  /** After the activation. Its numbers stand in the uniform, so that layers share a pipeline. */
  affine?: Affine;
}

/** The members of the uniform that the epilogue reads besides `out_height`, `out_width` and `out_vectors`. */
export const epilogueUniforms = ({ affine }: Pick<Epilogue, 'affine'>): UniformValues =>
  affine ? { affine_scale: f32(affine.scale), affine_shift: f32(affine.shift) } : {};

/** The planes of an output, one after the other, and what WGSL calls the number of one. */
export interface Planes {
  name: string;
  count: number;
}

/** The bindings that the epilogue reads and writes: `bias` and `factors` if any, `residual0`, ..., `output`. */
export function epilogueBindings(
  { outHeight, outWidth, outChannels, bias, scaled, residuals }: Epilogue,
  options: KernelOptions,
  planes = 1,
): TypedBinding[] {
  const { type, sumType } = elementOf(options);
  const vectors = vectorsOf(outChannels);
  const bytes = planes * outHeight * outWidth * vectors * 4 * elementBytes(options.precision);
  const byChannel = (name: string): TypedBinding => ({
    name,
    access: 'read',
    bytes: vectors * 16,
    type: sumType,
  });
  return [
    ...(bias ? [byChannel('bias')] : []),
    ...(scaled ? [byChannel('factors')] : []),
    ...residuals.map((residual, i) => ({
      name: `residual${i}`,
      access: 'read' as const,
      bytes: residualBytes(residual, bytes),
      type,
    })),
    { name: 'output', access: 'read_write', bytes, type },
  ];
}

function residualBytes(residual: Residual, outputBytes: number): number {
  if (residual.kind === 'same') return outputBytes;
  const classes = residual.kind === 'classes' ? upsampleClasses(residual.scale).length ** 2 : 1;
  return (outputBytes / residual.scale ** 2) * classes;
}

/**
 * `store(pixel, channel, sum)`: the epilogue; `channel` counts vec4s, or single channels where there are quads, and so does
 * `shape.out_vectors`. Where there are planes, their number is a parameter before `sum`.
 */
export function storeCode(
  { outChannels, bias, scaled = false, residuals, activation, affine }: Epilogue,
  options: KernelOptions,
  planes?: Planes,
): string {
  const { size, type, sumType } = elementOf(options);
  const { declarations, statement } = activations[activation];
  // What carries no data stays zero.
  const unused =
    size === 1
      ? `channel >= ${outChannels}u`
      : `vec4<bool>(${[0, 1, 2, 3].map((lane) => lane >= outChannels % 4).join(', ')}) & vec4<bool>(channel == shape.out_vectors - 1u)`;
  const plane = planes?.name ?? '';
  const resized = residuals.some(({ kind }) => kind !== 'same');
  return wgsl`${declarations?.(sumType) ?? ''}
#if ${planes !== undefined}
fn store(pixel: u32, channel: u32, ${plane}: u32, sum: ${sumType}) {
  let at = (${plane} * shape.out_height * shape.out_width + pixel) * shape.out_vectors + channel;
#else
fn store(pixel: u32, channel: u32, sum: ${sumType}) {
  let at = pixel * shape.out_vectors + channel;
#endif
  var value = sum;
  #if ${bias}
  value += bias[channel];
  #endif
  #if ${scaled}
  value *= factors[channel];
  #endif
  #if ${resized}
  let y = pixel / shape.out_width;
  let x = pixel % shape.out_width;
  #endif
  ${residuals.map((residual, i) => `value += ${sumType}(residual${i}[${residualIndex(residual)}]);`).join('\n')}
  ${statement(sumType)}
  #if ${affine !== undefined}
  value = shape.affine_scale * value + shape.affine_shift;
  #if ${outChannels % 4 > 0}
  value = select(value, ${sumType}(), ${unused});
  #endif
  #endif
  output[at] = ${type}(value);
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
  const classImage = `(${classOf('y')} * ${count}u + ${classOf('x')})`;
  return `(${classImage} * (shape.out_height / ${scale}u) * ${width} + ${low}) * shape.out_vectors + channel`;
}
