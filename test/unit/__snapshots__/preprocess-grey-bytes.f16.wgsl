enable f16;
@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read> resize: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f16>>;
struct Shape { width: u32 }
@group(0) @binding(3) var<uniform> shape: Shape;
fn byte_at(index: u32) -> u32 {
  return (source[index / 4u] >> ((index % 4u) * 8u)) & 255u;
}

fn pixel(x: u32, y: u32) -> vec3<u32> {
  return vec3<u32>(byte_at(y * resize[0].x + x));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= shape.width) { return; }
  let column = resize[1u + id.x];
  let row = resize[1u + shape.width + id.y];
  let at = id.y * shape.width + id.x;
  // No weight: padding.
  if (max(column.y, row.y) > 2048u) {
    output[at] = vec4<f16>();
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
  let ordered = vec3<f32>(resized.bgr);
  output[at] = vec4<f16>(vec4<f32>((ordered - vec3<f32>(122.5, 116.0, 104.25)) / vec3<f32>(255.0, 255.0, 255.0), 0.0));
}
