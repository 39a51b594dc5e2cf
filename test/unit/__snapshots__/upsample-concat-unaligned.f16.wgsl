enable f16;
@group(0) @binding(0) var<storage, read> source0: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read> source1: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f16>>;
struct Shape { width: u32 }
@group(0) @binding(3) var<uniform> shape: Shape;
// One channel of the output: the lanes of a vector come from more than one.
fn lane(y: u32, x: u32, channel: u32) -> f16 {
  if (channel < 6u) { return source0[((y / 2u) * (shape.width / 2u) + x / 2u) * 2u + channel / 4u][channel % 4u]; }
  if (channel < 24u) { return source1[((y / 1u) * (shape.width / 1u) + x / 1u) * 5u + (channel - 6u) / 4u][(channel - 6u) % 4u]; }
  return 0;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= shape.width * 6u) { return; }
  let x = id.x / 6u;
  let y = id.y;
  let channel = id.x % 6u;
  let at = (y * shape.width + x) * 6u + channel;
  output[at] = vec4<f16>(
    lane(y, x, channel * 4u + 0u),
    lane(y, x, channel * 4u + 1u),
    lane(y, x, channel * 4u + 2u),
    lane(y, x, channel * 4u + 3u),
  );
}
