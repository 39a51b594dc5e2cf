@group(0) @binding(0) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> rectified: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { items: u32, pixels: u32, vectors: u32, slices: u32 }
@group(0) @binding(5) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  let vector = item % shape.vectors;
  let slice = item / shape.vectors;
  let begin = slice * shape.pixels / shape.slices;
  let end = (slice + 1u) * shape.pixels / shape.slices;
  let mean = statistics[vector];
  let variance = statistics[shape.vectors + vector];
  let inverse = 1.0 / sqrt(variance + 0.00001);
  var weight = vec4<f32>();
  var bias = vec4<f32>();
  for (var pixel = begin; pixel < end; pixel++) {
    let at = pixel * shape.vectors + vector;
    let incoming = select(vec4<f32>(), gradient[at], rectified[at] > vec4<f32>());
    weight += incoming * ((source[at] - mean) * inverse);
    bias += incoming;
  }
  output[slice * 2u * shape.vectors + vector] = weight;
  output[(slice * 2u + 1u) * shape.vectors + vector] = bias;
}
