@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> residual: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { items: u32, pixels: u32, vectors: u32 }
@group(0) @binding(5) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  let vector = item % shape.vectors;
  let mean = statistics[vector];
  let variance = statistics[shape.vectors + vector] * (f32(shape.pixels - 1u) / f32(shape.pixels));
  let inverse = 1.0 / sqrt(variance + 0.00001);
  var value = (source[item] - mean) * inverse * affine[vector] + affine[shape.vectors + vector];
  value += residual[item];
  value = max(value, vec4<f32>());
  output[item] = value;
}
