/**
 * @file From pixels to the network's input: alpha, bilinear resize, channel order, normalisation, in one pass.
 * The resize is OpenCV's for 8-bit images (`resizeLinear`: half-pixel centres, no antialias, weights of 11 bits,
 * result rounded to 8 bits), computed in integers, so that it gives the same pixels.
 */

import { roundHalfEven } from '../round.ts';
import { contentOf, type PaddedSize, type Size } from '../size.ts';
import { declare, type Kernel, type TypedBinding, traffic, type UniformValues } from './kernel.ts';
import { elementBytes, header, type Precision, wgsl } from './wgsl.ts';

export interface Preprocess {
  label: string;
  /** Size of the output. The size of the source stands in the `resize` table. */
  height: number;
  width: number;
  /**
   * `texture`: an RGBA texture of 8 bits; `external`: an opaque `GPUExternalTexture` (a video's frame); otherwise interleaved
   * bytes with so many channels. Alpha is straight: not yet multiplied into the colours.
   */
  source: 'texture' | 'external' | 1 | 3 | 4;
  channelOrder: 'rgb' | 'bgr';
  /** In the stated order, in units of pixel values (0 to 255). */
  mean: readonly [number, number, number];
  std: readonly [number, number, number];
}

/** Bits of a resize weight, as OpenCV's `INTER_RESIZE_COEF_BITS`. */
const weightBits = 11;

const textureTypes = { texture: 'texture_2d<f32>', external: 'texture_external' };

/** In place of a weight: this column or row is padding. */
const padding = 0xffffffff;

/**
 * The table of a resize: `[source width, source height]`, then for each output column and then for each output row
 * `[first source index | second source index << 16, weight of the second]`. Weights are of 2048; beyond the content of the
 * target, which the source is resized to, there is padding: `[0, 0xffffffff]`.
 * Computed in f64 on the CPU, since f32 is too coarse for wide images.
 * @param origin where in what is bound the source begins, pixels; textures only.
 */
export function resizeTable(
  source: Size,
  target: PaddedSize,
  origin: { x: number; y: number } = { x: 0, y: 0 },
): Uint32Array<ArrayBuffer> {
  const table = new Uint32Array(2 * (1 + target.width + target.height));
  table.set([source.width, source.height]);
  const content = contentOf(target);
  let at = 2;
  for (const [axis, from, to, end] of [
    ['x', source.width, content.width, target.width],
    ['y', source.height, content.height, target.height],
  ] as const) {
    const clamp = (index: number) => origin[axis] + Math.min(Math.max(index, 0), from - 1);
    for (let i = 0; i < to; i++) {
      const centre = Math.fround((i + 0.5) * (from / to) - 0.5);
      const first = Math.floor(centre);
      // Beyond the border pixel's centre OpenCV gives it all the weight in x, but blends it with itself in y, which
      // cuts off other fractions.
      const outside = axis === 'x' && (first < 0 || first >= from - 1);
      table[at++] = clamp(first) | (clamp(first + 1) << 16);
      table[at++] = outside ? 0 : roundHalfEven((centre - first) * (1 << weightBits));
    }
    for (let i = to; i < end; i++) {
      table[at++] = 0;
      table[at++] = padding;
    }
  }
  return table;
}

/** What the shape of {@link preprocess} says of the colour behind transparent pixels: a word, red in the lowest byte. */
export const backgroundUniforms = ([red, green, blue]: readonly [number, number, number]): UniformValues => ({
  background: red | (green << 8) | (blue << 16),
});

/**
 * `output[y, x] = (resized[y, x] - mean) / std` in the stated channel order, the fourth channel 0. Padding is 0: the mean colour.
 * Bindings: `source`, `resize` ({@link resizeTable}), `output` (`[height, width, 4]`). Grey is used for all three channels.
 * Where the source has alpha, its pixels are first composed over `background` of the shape ({@link backgroundUniforms}; white unless
 * it is changed): round((pixel * alpha + background * (255 - alpha)) / 255). Resized first, the colours that editors leave
 * in transparent pixels would bleed into their neighbours.
 */
export function preprocess(
  { label, height, width, source, channelOrder, mean, std }: Preprocess,
  { precision }: { precision: Precision },
): Kernel {
  const hasAlpha = source === 'texture' || source === 4;
  const shape: UniformValues = hasAlpha ? { width, ...backgroundUniforms([255, 255, 255]) } : { width };
  const typed: TypedBinding[] = [
    typeof source === 'string'
      ? { name: 'source', access: source, bytes: 0, type: textureTypes[source] }
      : { name: 'source', access: 'read', bytes: 0, type: 'u32' },
    { name: 'resize', access: 'read', bytes: 8 * (1 + width + height), type: 'vec2<u32>' },
    {
      name: 'output',
      access: 'read_write',
      bytes: height * width * 4 * elementBytes(precision),
      type: `vec4<${precision}>`,
    },
  ];
  const vector = (values: readonly number[]) =>
    `vec3<f32>(${values.map((value) => literal(value)).join(', ')})`;
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${header(precision)}${declarations}
#if ${source === 1 || source === 3}
fn byte_at(index: u32) -> u32 {
  return (source[index / 4u] >> ((index % 4u) * 8u)) & 255u;
}
#endif
#if ${hasAlpha}
fn compose(rgba: vec4<u32>) -> vec3<u32> {
  let background = vec3<u32>(shape.background & 255u, (shape.background >> 8u) & 255u, (shape.background >> 16u) & 255u);
  return (rgba.rgb * rgba.a + background * (255u - rgba.a) + 127u) / 255u;
}
#endif
fn pixel(x: u32, y: u32) -> vec3<u32> {
  #if ${source === 'texture'}
  return compose(vec4<u32>(textureLoad(source, vec2<u32>(x, y), 0) * 255.0 + 0.5));
  #elif ${source === 'external'}
  return vec3<u32>(saturate(textureLoad(source, vec2<u32>(x, y)).rgb) * 255.0 + 0.5);
  #elif ${source === 4}
  let word = source[y * resize[0].x + x];
  return compose((vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u));
  #elif ${source === 1}
  return vec3<u32>(byte_at(y * resize[0].x + x));
  #else
  let at = (y * resize[0].x + x) * ${source}u;
  return vec3<u32>(byte_at(at), byte_at(at + 1u), byte_at(at + 2u));
  #endif
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= shape.width) { return; }
  let column = resize[1u + id.x];
  let row = resize[1u + shape.width + id.y];
  let at = id.y * shape.width + id.x;
  // No weight: padding.
  if (max(column.y, row.y) > 2048u) {
    output[at] = vec4<${precision}>();
    return;
  }
  let left = column.x & 65535u;
  let right = column.x >> 16u;
  let top = row.x & 65535u;
  let bottom = row.x >> 16u;
  // OpenCV's fixed-point order of operations: horizontal sums of 19 bits, cut to 15, then the vertical sum.
  let upper = (pixel(left, top) * (2048u - column.y) + pixel(right, top) * column.y) >> vec3<u32>(4u);
  let lower = (pixel(left, bottom) * (2048u - column.y) + pixel(right, bottom) * column.y) >> vec3<u32>(4u);
  let resized = (((upper * (2048u - row.y)) >> vec3<u32>(16u)) + ((lower * row.y) >> vec3<u32>(16u)) + 2u) >> vec3<u32>(2u);
  let ordered = vec3<f32>(resized.${channelOrder});
  output[at] = vec4<${precision}>(vec4<f32>((ordered - ${vector(mean)}) / ${vector(std)}, 0.0));
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [Math.ceil(width / 64), height, 1],
    flops: height * width * 3 * 8,
    bytes: traffic(typed),
  };
}

/** A number as an f32 literal. */
function literal(value: number): string {
  const text = String(value);
  return /[.e]/.test(text) ? text : `${text}.0`;
}
