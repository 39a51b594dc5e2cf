enable f16;
@group(0) @binding(0) var<storage, read> products: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> residual0: array<vec4<f16>>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f16>>;
struct Shape { out_height: u32, out_width: u32, out_vectors: u32 }
@group(0) @binding(4) var<uniform> shape: Shape;
fn store(pixel: u32, channel: u32, sum: vec4<f32>) {
  let at = pixel * shape.out_vectors + channel;
  var value = sum;
  value += bias[channel];
  value += vec4<f32>(residual0[at]);
  value = max(value, vec4<f32>());
  output[at] = vec4<f16>(value);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let columns = (shape.out_width + 1u) / 2u;
  let rows = (shape.out_height + 1u) / 2u;
  if (id.x >= columns * shape.out_vectors) { return; }
  let channel = id.x % shape.out_vectors;
  let tile = id.y * columns + id.x / shape.out_vectors;
  let plane = rows * columns * shape.out_vectors;
  let at = tile * shape.out_vectors + channel;
  let d0_0 = vec4<f32>(products[(0u * 4u + 0u) * plane + at]);
  let d0_1 = vec4<f32>(products[(0u * 4u + 1u) * plane + at]);
  let d0_2 = vec4<f32>(products[(0u * 4u + 2u) * plane + at]);
  let d0_3 = vec4<f32>(products[(0u * 4u + 3u) * plane + at]);
  let d1_0 = vec4<f32>(products[(1u * 4u + 0u) * plane + at]);
  let d1_1 = vec4<f32>(products[(1u * 4u + 1u) * plane + at]);
  let d1_2 = vec4<f32>(products[(1u * 4u + 2u) * plane + at]);
  let d1_3 = vec4<f32>(products[(1u * 4u + 3u) * plane + at]);
  let d2_0 = vec4<f32>(products[(2u * 4u + 0u) * plane + at]);
  let d2_1 = vec4<f32>(products[(2u * 4u + 1u) * plane + at]);
  let d2_2 = vec4<f32>(products[(2u * 4u + 2u) * plane + at]);
  let d2_3 = vec4<f32>(products[(2u * 4u + 3u) * plane + at]);
  let d3_0 = vec4<f32>(products[(3u * 4u + 0u) * plane + at]);
  let d3_1 = vec4<f32>(products[(3u * 4u + 1u) * plane + at]);
  let d3_2 = vec4<f32>(products[(3u * 4u + 2u) * plane + at]);
  let d3_3 = vec4<f32>(products[(3u * 4u + 3u) * plane + at]);
  // e = A^T M, and Y = e A.
  let e0_0 = d0_0 + d1_0 + d2_0;
  let e0_1 = d0_1 + d1_1 + d2_1;
  let e0_2 = d0_2 + d1_2 + d2_2;
  let e0_3 = d0_3 + d1_3 + d2_3;
  let e1_0 = d1_0 - d2_0 - d3_0;
  let e1_1 = d1_1 - d2_1 - d3_1;
  let e1_2 = d1_2 - d2_2 - d3_2;
  let e1_3 = d1_3 - d2_3 - d3_3;
  var sums = array<vec4<f32>, 4>(
    e0_0 + e0_1 + e0_2,
    e0_1 - e0_2 - e0_3,
    e1_0 + e1_1 + e1_2,
    e1_1 - e1_2 - e1_3,
  );
  for (var i = 0u; i < 4u; i++) {
    let y = id.y * 2u + i / 2u;
    let x = id.x / shape.out_vectors * 2u + i % 2u;
    if (y < shape.out_height && x < shape.out_width) { store(y * shape.out_width + x, channel, sums[i]); }
  }
}
