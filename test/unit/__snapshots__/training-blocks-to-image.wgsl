@group(0) @binding(0) var<storage, read> source0: array<f32>;
@group(0) @binding(1) var<storage, read> source1: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
struct Shape { items: u32, width: u32 }
@group(0) @binding(3) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  let x = item % shape.width;
  // Rows of all images, one after the other.
  let y = item / shape.width;
  let outer = (y / 2u % 2u) * 2u + x / 2u % 2u;
  let inner = (y % 2u) * 2u + x % 2u;
  let block = (((y / 4u) * (shape.width / 4u) + x / 4u) * 4u + outer) * 4u + inner;
  output[0u * shape.items + item] = source0[block];
  output[1u * shape.items + item] = source1[block];
}
