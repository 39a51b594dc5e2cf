/** @file What follows the sums of a convolution: bias, residuals, ReLU and the write. Shared with Winograd's output. */

import { type Conv2d, type Residual, upsampleClasses } from './conv2d-shape.ts';
import type { TypedBinding } from './kernel.ts';
import { elementBytes, type Precision, wgsl } from './wgsl.ts';

export type Epilogue = Pick<
  Conv2d,
  'outHeight' | 'outWidth' | 'outChannels' | 'bias' | 'residuals' | 'relu' | 'batch'
>;

/** The bindings that the epilogue reads and writes: `bias` if any, `residual0`, ..., `output`. */
export function epilogueBindings(conv: Epilogue, planes: number, precision: Precision): TypedBinding[] {
  const type = `vec4<${precision}>`;
  const outputBytes = conv.outHeight * conv.outWidth * conv.outChannels * elementBytes(precision);
  const bias: TypedBinding = { name: 'bias', access: 'read', bytes: conv.outChannels * 4, type: 'vec4<f32>' };
  return [
    ...(conv.bias ? [bias] : []),
    ...conv.residuals.map((residual, i): TypedBinding => {
      return {
        name: `residual${i}`,
        access: 'read',
        bytes: residualBytes(residual, outputBytes * (conv.batch ?? 1)),
        type,
      };
    }),
    { name: 'output', access: 'read_write', bytes: outputBytes * planes, type },
  ];
}

function residualBytes(residual: Residual, outputBytes: number): number {
  if (residual.kind === 'same') return outputBytes;
  const classes = residual.kind === 'classes' ? upsampleClasses(residual.scale).length ** 2 : 1;
  return (outputBytes / residual.scale ** 2) * classes;
}

/** `store(pixel, channel, sum)`: the epilogue; `channel` counts vec4s, `plane` is the class image. */
export function storeCode(conv: Epilogue, precision: Precision): string {
  const scaled = conv.residuals.some((residual) => residual.kind !== 'same');
  return wgsl`
fn store(pixel: u32, channel: u32, plane: u32, sum: vec4<f32>) {
  #if ${conv.batch !== undefined}
  let at = (plane * shape.out_height * shape.out_width + pixel) * shape.out_vectors + channel;
  #else
  let at = pixel * shape.out_vectors + channel;
  #endif
  var value = sum;
  #if ${conv.bias}
  value += bias[channel];
  #endif
  #if ${scaled}
  let y = pixel / shape.out_width;
  let x = pixel % shape.out_width;
  #endif
  ${conv.residuals.map((residual, i) => `value += vec4<f32>(residual${i}[${residualIndex(residual)}]);`).join('\n')}
  #if ${conv.relu}
  value = max(value, vec4<f32>());
  #endif
  #if ${conv.batch !== undefined}
  output[at] = vec4<${precision}>(value);
  #else
  output[plane * shape.out_height * shape.out_width * shape.out_vectors + at] = vec4<${precision}>(value);
  #endif
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
