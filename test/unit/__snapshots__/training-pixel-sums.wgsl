@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
struct Shape { items: u32, pixels: u32, channels: u32, slices: u32 }
@group(0) @binding(2) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  let channel = item % shape.channels;
  let slice = item / shape.channels;
  let begin = slice * shape.pixels / shape.slices;
  let end = (slice + 1u) * shape.pixels / shape.slices;
  var sum = 0.0;
  for (var pixel = begin; pixel < end; pixel++) { sum += source[pixel * shape.channels + channel]; }
  output[item] = sum;
}
