@group(0) @binding(0) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> previous: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { items: u32, width: u32, vectors: u32, scale: u32, stored: u32, offset: u32 }
@group(0) @binding(3) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  let vector = item % shape.vectors + shape.offset;
  let pixel = item / shape.vectors;
  // Rows of all images, one after the other: the batch needs no index of its own.
  let x = pixel % shape.width * shape.scale;
  let y = pixel / shape.width * shape.scale;
  let full_width = shape.width * shape.scale;
  var sum = previous[item];
  for (var row = y; row < y + shape.scale; row++) {
    for (var column = x; column < x + shape.scale; column++) {
      sum += gradient[(row * full_width + column) * shape.stored + vector];
    }
  }
  output[item] = sum;
}
