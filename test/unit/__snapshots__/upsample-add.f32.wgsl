@group(0) @binding(0) var<storage, read> lateral: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> top: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { width: u32 }
@group(0) @binding(3) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= shape.width * 16u) { return; }
  let x = id.x / 16u;
  let channel = id.x % 16u;
  let at = id.y * shape.width * 16u + id.x;
  output[at] = lateral[at] + top[((id.y / 2u) * (shape.width / 2u) + x / 2u) * 16u + channel];
}
