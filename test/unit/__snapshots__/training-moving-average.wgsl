@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> verdict: array<f32>;
@group(0) @binding(2) var<storage, read_write> average: array<vec4<f32>>;
struct Shape { items: u32, rate: f32 }
@group(0) @binding(3) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  if (verdict[2] == 0.0) { return; }
  average[item] += shape.rate * (source[item] - average[item]);
}
