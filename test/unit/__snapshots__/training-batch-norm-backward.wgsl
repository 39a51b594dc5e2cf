@group(0) @binding(0) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> rectified: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> statistics: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> affine: array<vec4<f32>>;
@group(0) @binding(5) var<storage, read> sums: array<vec4<f32>>;
@group(0) @binding(6) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { items: u32, pixels: u32, vectors: u32 }
@group(0) @binding(7) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  let at = item;
  let vector = item % shape.vectors;
  let mean = statistics[vector];
  let variance = statistics[shape.vectors + vector] * (f32(shape.pixels - 1u) / f32(shape.pixels));
  let inverse = 1.0 / sqrt(variance + 0.00001);
  let incoming = select(vec4<f32>(), gradient[at], rectified[at] > vec4<f32>());
  let normalised = (source[at] - mean) * inverse;
  let centred = incoming - (sums[shape.vectors + vector] + normalised * sums[vector]) / f32(shape.pixels);
  output[item] = affine[vector] * inverse * centred;
}
