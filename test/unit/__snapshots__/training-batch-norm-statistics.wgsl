@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { items: u32, pixels: u32, vectors: u32, slices: u32 }
@group(0) @binding(2) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  let vector = item % shape.vectors;
  let slice = item / shape.vectors;
  let begin = slice * shape.pixels / shape.slices;
  let end = (slice + 1u) * shape.pixels / shape.slices;
  var sum = vec4<f32>();
  for (var pixel = begin; pixel < end; pixel++) { sum += source[pixel * shape.vectors + vector]; }
  let mean = sum / f32(end - begin);
  var squares = vec4<f32>();
  for (var pixel = begin; pixel < end; pixel++) {
    let deviation = source[pixel * shape.vectors + vector] - mean;
    squares += deviation * deviation;
  }
  output[slice * 2u * shape.vectors + vector] = mean;
  output[(slice * 2u + 1u) * shape.vectors + vector] = squares;
}
