@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { items: u32, pixels: u32, vectors: u32, slices: u32 }
@group(0) @binding(2) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  let vector = item;
  var count = 0.0;
  var mean = vec4<f32>();
  var squares = vec4<f32>();
  for (var slice = 0u; slice < shape.slices; slice++) {
    let begin = slice * shape.pixels / shape.slices;
    let end = (slice + 1u) * shape.pixels / shape.slices;
    let added = f32(end - begin);
    let total = count + added;
    let delta = source[slice * 2u * shape.vectors + vector] - mean;
    mean += delta * (added / total);
    squares += source[(slice * 2u + 1u) * shape.vectors + vector] + delta * delta * (count * added / total);
    count = total;
  }
  output[vector] = mean;
  output[shape.vectors + vector] = squares / max(count - 1.0, 1.0);
}
