/**
 * @file Gradient of a convolution's weights: a GEMM whose K dimension is the output's pixels. Layout NHWC.
 * A thread keeps a block of input channels x output channels of one tap in registers and walks over the pixels of
 * its slice of the output's rows; `sumSlices` adds the slices up. No atomics, so that sums come in a fixed order.
 */

import { declare, type Kernel, type TypedBinding, traffic, vectorsOf, workgroupGrid } from '../kernel.ts';
import { wgsl } from '../wgsl.ts';

export interface Conv2dWeightGradient {
  label: string;
  /** Images in source and gradient. */
  batch: number;
  height: number;
  width: number;
  channels: number;
  kernel: number;
  stride: number;
  padding: number;
  outHeight: number;
  outWidth: number;
  outChannels: number;
  /** Into how many slices the rows of the output (of all images) are cut. */
  slices: number;
}

/** Vectors of input and of output channels that one thread takes: 2x2, more of one where the other has but one. */
function block({ channels, outChannels }: Conv2dWeightGradient): { inputs: number; outputs: number } {
  const most = (vectors: number, wanted: number) =>
    vectors % wanted === 0 ? wanted : vectors % 2 === 0 ? 2 : 1;
  const [vectors, outVectors] = [vectorsOf(channels), vectorsOf(outChannels)];
  if (vectors === 1) return { inputs: 1, outputs: most(outVectors, 4) };
  if (outVectors === 1) return { inputs: most(vectors, 4), outputs: 1 };
  return { inputs: most(vectors, 2), outputs: most(outVectors, 2) };
}

/** Threads of one slice. */
export function weightGradientThreads(conv: Conv2dWeightGradient): number {
  const { inputs, outputs } = block(conv);
  return (conv.kernel ** 2 * vectorsOf(conv.channels) * vectorsOf(conv.outChannels)) / (inputs * outputs);
}

/**
 * `output[slice, tap, in, out] = sum over the slice's pixels of source[pixel at tap, in] * gradient[pixel, out]`,
 * in the row order of `packConvWeights`. Bindings: `source`, `gradient` (of the output), `output`; all f32.
 *
 * @example
 * const { code, bindings, dispatch } = conv2dWeightGradient({
 *   label: 'weights',
 *   batch: 2,
 *   height: 160,
 *   width: 160,
 *   channels: 64,
 *   kernel: 3,
 *   stride: 1,
 *   padding: 1,
 *   outHeight: 160,
 *   outWidth: 160,
 *   outChannels: 64,
 *   slices: 8,
 * });
 */
export function conv2dWeightGradient(conv: Conv2dWeightGradient): Kernel {
  const {
    batch,
    height,
    width,
    channels,
    kernel,
    stride,
    padding,
    outHeight,
    outWidth,
    outChannels,
    slices,
  } = conv;
  const { inputs, outputs } = block(conv);
  const [vectors, outVectors] = [vectorsOf(channels), vectorsOf(outChannels)];
  const type = 'vec4<f32>';
  const shape = {
    batch,
    height,
    width,
    vectors,
    out_height: outHeight,
    out_width: outWidth,
    out_vectors: outVectors,
    slices,
  };
  const typed: TypedBinding[] = [
    { name: 'source', access: 'read', bytes: batch * height * width * vectors * 16, type },
    { name: 'gradient', access: 'read', bytes: batch * outHeight * outWidth * outVectors * 16, type },
    {
      name: 'output',
      access: 'read_write',
      bytes: slices * kernel ** 2 * vectors * outVectors * 64,
      type,
    },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${declarations}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  let columns = shape.out_vectors / ${outputs}u;
  let rows = shape.vectors / ${inputs}u;
  let out_vector = (item % columns) * ${outputs}u;
  let vector = (item / columns % rows) * ${inputs}u;
  let tap = item / (columns * rows) % ${kernel * kernel}u;
  let slice = item / (columns * rows * ${kernel * kernel}u);
  if (slice >= shape.slices) { return; }
  let tap_y = tap / ${kernel}u;
  let tap_x = tap % ${kernel}u;
  let height = shape.height;
  let width = shape.width;
  let vectors = shape.vectors;
  let out_height = shape.out_height;
  let out_width = shape.out_width;
  let out_vectors = shape.out_vectors;
  // Between these columns of the output the tap falls inside the source: no test is left for the inner loop.
  #if ${padding === 0}
  let begin = 0u;
  #else
  let begin = select(0u, (${padding + stride - 1}u - tap_x) / ${stride}u, tap_x < ${padding}u);
  #endif
  let end = select(0u, min(out_width, (width + ${padding}u - 1u - tap_x) / ${stride}u + 1u), tap_x < width + ${padding}u);
  let all_rows = shape.batch * out_height;
  let last = (slice + 1u) * all_rows / shape.slices;
  #for i in 0..${inputs}
  #for k in 0..4
  #for j in 0..${outputs}
  var sum{i}{k}_{j} = vec4<f32>();
  #end
  #end
  #end
  for (var row = slice * all_rows / shape.slices; row < last; row++) {
    // Above the image the subtraction wraps around and fails the comparison as well.
    let y = (row % out_height) * ${stride}u + tap_y - ${padding}u;
    if (y >= height) { continue; }
    var source_at = ((row / out_height * height + y) * width + begin * ${stride}u + tap_x - ${padding}u) * vectors + vector;
    var gradient_at = (row * out_width + begin) * out_vectors + out_vector;
    for (var x = begin; x < end; x++) {
      #for i in 0..${inputs}
      let value{i} = source[source_at + {i}u];
      #end
      #for j in 0..${outputs}
      let gradient{j} = gradient[gradient_at + {j}u];
      #end
      #for i in 0..${inputs}
      #for k in 0..4
      #for j in 0..${outputs}
      sum{i}{k}_{j} += value{i}[{k}] * gradient{j};
      #end
      #end
      #end
      source_at += ${stride}u * vectors;
      gradient_at += out_vectors;
    }
  }
  let output_at = ((slice * ${kernel * kernel}u + tap) * vectors + vector) * 4u * out_vectors + out_vector;
  #for i in 0..${inputs}
  #for k in 0..4
  #for j in 0..${outputs}
  output[output_at + ({i}u * 4u + {k}u) * out_vectors + {j}u] = sum{i}{k}_{j};
  #end
  #end
  #end
}
`;
  return {
    label: conv.label,
    code,
    bindings,
    shape,
    dispatch: [...workgroupGrid(Math.ceil((weightGradientThreads(conv) * slices) / 64)), 1],
    flops: 2 * batch * outHeight * outWidth * kernel ** 2 * channels * outChannels,
    bytes: traffic(typed),
  };
}
