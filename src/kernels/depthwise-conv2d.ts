/**
 * @file Depthwise convolution: every channel with a window of its own. Layout NHWC, channels in whole vec4s of which
 * those that are left over are zero.
 */

import { type Epilogue, epilogueBindings, epilogueUniforms, storeCode } from './conv2d-epilogue.ts';
import { declare, type Kernel, type TypedBinding, traffic, vectorsOf } from './kernel.ts';
import { elementBytes, elementOf, header, type KernelOptions, wgsl } from './wgsl.ts';

export interface DepthwiseConv2d
  extends Pick<Epilogue, 'outHeight' | 'outWidth' | 'bias' | 'activation' | 'affine'> {
  label: string;
  /** Size of the source. */
  height: number;
  width: number;
  channels: number;
  /** Side of the square window. */
  kernel: number;
  stride: number;
  /** Zeros above and left of the source; how many follow below and right, the output's size says. */
  padding: { top: number; left: number };
}

/** Neighbouring output pixels of a thread: they share their weights and most of what they read. */
const pixels = 4;

/**
 * `output[y, x, c]` = the sum over the window of `source[y stride + i - top, x stride + j - left, c] weights[i, j, c]`.
 * Bindings: `source`, `weights` ({@link packDepthwiseWeights}), `bias` if any (`packBias`), `output`; elements `vec4` of
 * `precision`, the bias always f32. Sums are f32.
 *
 * @example
 * const { code, bindings, dispatch } = depthwiseConv2d({
 *   label: 'depthwise 3x3',
 *   height: 160,
 *   width: 160,
 *   channels: 64,
 *   kernel: 3,
 *   stride: 1,
 *   padding: { top: 1, left: 1 },
 *   outHeight: 160,
 *   outWidth: 160,
 *   bias: true,
 *   activation: 'relu',
 * }, { precision: 'f32' });
 */
export function depthwiseConv2d(conv: DepthwiseConv2d, options: KernelOptions): Kernel {
  const { precision } = options;
  const { label, height, width, channels, outHeight, outWidth, kernel, stride, padding } = conv;
  const epilogue: Epilogue = { ...conv, outChannels: channels, residuals: [] };
  const { size, type, sumType } = elementOf(options);
  const stored = 4 * vectorsOf(channels);
  const vectors = stored / size;
  const bytes = (values: number) => values * stored * elementBytes(precision);
  const columns = (pixels - 1) * stride + kernel;
  const shape = {
    height,
    width,
    out_height: outHeight,
    out_width: outWidth,
    out_vectors: vectors,
    ...epilogueUniforms(conv),
  };
  const typed: TypedBinding[] = [
    { name: 'source', access: 'read', bytes: bytes(height * width), type },
    { name: 'weights', access: 'read', bytes: bytes(kernel * kernel), type },
    ...epilogueBindings(epilogue, options),
  ];
  const { bindings, declarations } = declare(typed, shape);
  // Which pixels use a column of the source, and with which tap.
  const products = Array.from({ length: columns }, (_, column) =>
    Array.from({ length: pixels }, (_, pixel) => ({ pixel, tap: column - pixel * stride }))
      .filter(({ tap }) => tap >= 0 && tap < kernel)
      .map(({ pixel, tap }) => `sum${pixel} += value${column} * w${tap};`)
      .join('\n'),
  ).join('\n');
  const code = wgsl`${header(precision)}${declarations}
${storeCode(epilogue, options)}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let groups = (shape.out_width + ${pixels - 1}u) / ${pixels}u;
  if (id.x >= groups * shape.out_vectors) { return; }
  let channel = id.x % shape.out_vectors;
  let x = id.x / shape.out_vectors * ${pixels}u;
  let y = id.y;
  // Left of the source the subtraction wraps around, so that one comparison tests both sides.
  let left = x * ${stride}u - ${padding.left}u;
  #for p in 0..${pixels}
  var sum{p} = ${sumType}();
  #end
  for (var tap_y = 0u; tap_y < ${kernel}u; tap_y++) {
    let row = y * ${stride}u + tap_y - ${padding.top}u;
    if (row >= shape.height) { continue; }
    #for k in 0..${kernel}
    let w{k} = ${sumType}(weights[(tap_y * ${kernel}u + {k}u) * shape.out_vectors + channel]);
    #end
    // The columns that the pixels share.
    #for c in 0..${columns}
    let inside{c} = left + {c}u < shape.width;
    let at{c} = select(0u, (row * shape.width + left + {c}u) * shape.out_vectors + channel, inside{c});
    let value{c} = select(${sumType}(), ${sumType}(source[at{c}]), inside{c});
    #end
    ${products}
  }
  #for p in 0..${pixels}
  if (x + {p}u < shape.out_width) { store(y * shape.out_width + x + {p}u, channel, sum{p}); }
  #end
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [Math.ceil((Math.ceil(outWidth / pixels) * vectors) / 64), outHeight, 1],
    flops: 2 * outHeight * outWidth * channels * kernel * kernel,
    bytes: traffic(typed),
  };
}

/**
 * Packs weights `[channels, 1, kernel, kernel]` as {@link depthwiseConv2d} binds them: `[kernel, kernel, channels]`.
 *
 * @example
 * const weights = packDepthwiseWeights({ channels: 64, kernel: 3 }, new Float32Array(64 * 9));
 */
export function packDepthwiseWeights(
  { channels, kernel }: Pick<DepthwiseConv2d, 'channels' | 'kernel'>,
  weights: ArrayLike<number>,
): Float32Array<ArrayBuffer> {
  const area = kernel * kernel;
  const stored = 4 * vectorsOf(channels);
  const packed = new Float32Array(area * stored);
  for (let tap = 0; tap < area; tap++) {
    for (let channel = 0; channel < channels; channel++) {
      packed[tap * stored + channel] = weights[channel * area + tap];
    }
  }
  return packed;
}
