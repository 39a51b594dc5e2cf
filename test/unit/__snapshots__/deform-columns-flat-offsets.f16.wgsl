enable f16;
@group(0) @binding(0) var<storage, read> source: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read> offsets: array<f16>;
@group(0) @binding(2) var<storage, read_write> columns: array<vec4<f16>>;
struct Shape { height: u32, width: u32, out_width: u32, out_pixels: u32, offset_pixels: u32, vectors: u32 }
@group(0) @binding(3) var<uniform> shape: Shape;
// Number of a pixel and a channel, counted from channel "first" on.
fn offset(first: u32, channel: u32, pixel: u32) -> f32 {
  let index = channel * shape.out_pixels + pixel;
  return f32(offsets[index % shape.offset_pixels * 28u + first + index / shape.offset_pixels]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let vectors = shape.vectors;
  let slices = (vectors + 3u) / 4u;
  let item = id.y * groups.x * 64u + id.x;
  let sample = item / slices;
  let pixel = sample / 9u;
  if (pixel >= shape.out_pixels) { return; }
  let tap = sample % 9u;
  let row = f32(i32(pixel / shape.out_width * 2u + tap / 3u) - 1);
  let column = f32(i32(pixel % shape.out_width * 2u + tap % 3u) - 1);
  let y = row + offset(0u, 2u * tap, pixel);
  let x = column + offset(0u, 2u * tap + 1u, pixel);
  // So written that what is no number is outside.
  let inside = y > -1.0 && y < f32(shape.height) && x > -1.0 && x < f32(shape.width);
  let logit = clamp(offset(18u, tap, pixel), -80.0, 80.0);
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
    columns[sample * vectors + v] = vec4<f16>(weight_top * upper + weight_bottom * lower);
  }
}
