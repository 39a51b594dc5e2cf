enable f16;
@group(0) @binding(0) var<storage, read> source0: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read> source1: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read> source2: array<vec4<f16>>;
@group(0) @binding(3) var<storage, read> source3: array<vec4<f16>>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f16>>;
struct Shape { width: u32 }
@group(0) @binding(5) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= shape.width * 16u) { return; }
  let x = id.x / 16u;
  let y = id.y;
  let channel = id.x % 16u;
  let at = (y * shape.width + x) * 64u + channel;
  output[at + 0u] = source0[((y / 8u) * (shape.width / 8u) + x / 8u) * 16u + channel];
  output[at + 16u] = source1[((y / 4u) * (shape.width / 4u) + x / 4u) * 16u + channel];
  output[at + 32u] = source2[((y / 2u) * (shape.width / 2u) + x / 2u) * 16u + channel];
  output[at + 48u] = source3[((y / 1u) * (shape.width / 1u) + x / 1u) * 16u + channel];
}
