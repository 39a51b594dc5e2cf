@group(0) @binding(0) var<storage, read> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { items: u32 }
@group(0) @binding(2) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  let word = source[item];
  let pixel = vec3<f32>(vec3<u32>(word, word >> 8u, word >> 16u) & vec3<u32>(255u));
  output[item] = vec4<f32>((pixel.bgr - vec3<f32>(122.5, 116, 104.25)) / vec3<f32>(255, 255, 255), 0.0);
}
