/**
 * @file Sampling for deformable convolutions (X. Zhu et al., "Deformable ConvNets v2", eq. 1): what the nine taps of each
 * output pixel see is gathered into columns, which a 1x1 {@link conv2d} then multiplies. Layout NHWC, channels in
 * whole vec4s of which those that are left over are zero.
 */

import { declare, type Kernel, type TypedBinding, traffic, vectorsOf, workgroupGrid } from './kernel.ts';
import { elementBytes, header, type Precision, wgsl } from './wgsl.ts';

/** Taps of the window, 3x3. */
export const deformTaps = 9;

/** Channels that say where the taps look: (dy, dx) of each, then the mask's logit of each. */
export const offsetChannels = 3 * deformTaps;

export interface DeformColumns {
  label: string;
  /** Size of the source. */
  height: number;
  width: number;
  channels: number;
  outHeight: number;
  outWidth: number;
  stride: number;
  /** Zeros above and left of the source; how many follow below and right, the output's size says. */
  padding: { top: number; left: number };
  /** Pixels of the offsets. */
  offsetPixels: number;
  /**
   * The offsets are read as a reader would that takes memory of `[18, height, width]` and `[9, height, width]` (mask) for
   * tensors of the output's size: number i of a block is the i-th in the order channel, row, column.
   */
  flatOffsets: boolean;
}

/**
 * Channels of the columns: tap by tap, those of the source as they are stored.
 *
 * @example
 * columnChannels(64);
 */
export const columnChannels = (channels: number): number => deformTaps * 4 * vectorsOf(channels);

/** A thread takes at most so many vec4s of a sample: they share its place and weights. */
const vectorsPerThread = 4;

/** Floating-point operations of a sample's place and weights, about. */
const placeFlops = 30;

/**
 * `columns[y, x, tap, c] = sigmoid(mask) * bilinear(source, y stride + tap / 3 - top + dy, x stride + tap % 3 - left + dx)[c]`
 * with zeros outside of the source. Bindings: `source`, `offsets` `[.., 28]` (single elements), `columns`; elements
 * `vec4` of `precision`. Places and weights are f32.
 *
 * @example
 * const { code, bindings, dispatch } = deformColumns({
 *   label: 'columns',
 *   height: 40,
 *   width: 40,
 *   channels: 256,
 *   outHeight: 40,
 *   outWidth: 40,
 *   stride: 1,
 *   padding: { top: 1, left: 1 },
 *   offsetPixels: 40 * 40,
 *   flatOffsets: false,
 * }, { precision: 'f32' });
 */
export function deformColumns(form: DeformColumns, { precision }: { precision: Precision }): Kernel {
  const { label, height, width, channels, outHeight, outWidth, stride, padding } = form;
  const { offsetPixels, flatOffsets } = form;
  const type = `vec4<${precision}>`;
  const vectors = vectorsOf(channels);
  const stored = 4 * vectorsOf(offsetChannels);
  const pixels = outHeight * outWidth;
  const bytes = (values: number) => values * elementBytes(precision);
  const shape = {
    height,
    width,
    out_width: outWidth,
    out_pixels: pixels,
    offset_pixels: offsetPixels,
    vectors,
  };
  const typed: TypedBinding[] = [
    { name: 'source', access: 'read', bytes: bytes(height * width * 4 * vectors), type },
    { name: 'offsets', access: 'read', bytes: bytes(offsetPixels * stored), type: precision },
    { name: 'columns', access: 'read_write', bytes: bytes(pixels * columnChannels(channels)), type },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${header(precision)}${declarations}
// Number of a pixel and a channel, counted from channel "first" on.
fn offset(first: u32, channel: u32, pixel: u32) -> f32 {
  #if ${flatOffsets}
  let index = channel * shape.out_pixels + pixel;
  return f32(offsets[index % shape.offset_pixels * ${stored}u + first + index / shape.offset_pixels]);
  #else
  return f32(offsets[pixel * ${stored}u + first + channel]);
  #endif
}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let vectors = shape.vectors;
  let slices = (vectors + ${vectorsPerThread - 1}u) / ${vectorsPerThread}u;
  let item = id.y * groups.x * 64u + id.x;
  let sample = item / slices;
  let pixel = sample / ${deformTaps}u;
  if (pixel >= shape.out_pixels) { return; }
  let tap = sample % ${deformTaps}u;
  let row = f32(i32(pixel / shape.out_width * ${stride}u + tap / 3u) - ${padding.top});
  let column = f32(i32(pixel % shape.out_width * ${stride}u + tap % 3u) - ${padding.left});
  let y = row + offset(0u, 2u * tap, pixel);
  let x = column + offset(0u, 2u * tap + 1u, pixel);
  // So written that what is no number is outside.
  let inside = y > -1.0 && y < f32(shape.height) && x > -1.0 && x < f32(shape.width);
  let logit = clamp(offset(${2 * deformTaps}u, tap, pixel), -80.0, 80.0);
  let mask = select(0.0, 1.0 / (1.0 + exp(-logit)), inside);
  let top = select(0.0, floor(y), inside);
  let left = select(0.0, floor(x), inside);
  let down = select(0.0, y - top, inside);
  let right = select(0.0, x - left, inside);
  // A neighbour outside counts nothing; in its place one inside is read.
  let weight_top = select(0.0, mask * (1.0 - down), top >= 0.0);
  let weight_bottom = select(0.0, mask * down, top + 1.0 < f32(shape.height));
  let weight_left = select(0.0, 1.0 - right, left >= 0.0);
  let weight_right = select(0.0, right, left + 1.0 < f32(shape.width));
  let row_top = u32(max(top, 0.0)) * shape.width;
  let row_bottom = min(u32(top + 1.0), shape.height - 1u) * shape.width;
  let column_left = u32(max(left, 0.0));
  let column_right = min(u32(left + 1.0), shape.width - 1u);
  let top_left = (row_top + column_left) * vectors;
  let top_right = (row_top + column_right) * vectors;
  let bottom_left = (row_bottom + column_left) * vectors;
  let bottom_right = (row_bottom + column_right) * vectors;
  for (var v = item % slices; v < vectors; v += slices) {
    let upper = weight_left * vec4<f32>(source[top_left + v]) + weight_right * vec4<f32>(source[top_right + v]);
    let lower = weight_left * vec4<f32>(source[bottom_left + v]) + weight_right * vec4<f32>(source[bottom_right + v]);
    columns[sample * vectors + v] = ${type}(weight_top * upper + weight_bottom * lower);
  }
}
`;
  const samples = pixels * deformTaps;
  return {
    label: `${label} columns`,
    code,
    bindings,
    shape,
    dispatch: [...workgroupGrid(Math.ceil((samples * Math.ceil(vectors / vectorsPerThread)) / 64)), 1],
    flops: samples * (placeFlops + 9 * channels),
    bytes: traffic(typed),
  };
}

/**
 * Weights `[out, in, 3, 3]` as those of a 1x1 convolution `[out, columns]` of what {@link deformColumns} writes.
 *
 * @example
 * const columns = columnWeights({ channels: 64, outChannels: 64 }, new Float32Array(64 * 64 * 9));
 */
export function columnWeights(
  { channels, outChannels }: { channels: number; outChannels: number },
  weights: ArrayLike<number>,
): Float64Array {
  const columns = columnChannels(channels);
  const stored = columns / deformTaps;
  const turned = new Float64Array(outChannels * columns);
  for (let out = 0; out < outChannels; out++) {
    for (let channel = 0; channel < channels; channel++) {
      for (let tap = 0; tap < deformTaps; tap++) {
        turned[out * columns + tap * stored + channel] =
          weights[(out * channels + channel) * deformTaps + tap];
      }
    }
  }
  return turned;
}
