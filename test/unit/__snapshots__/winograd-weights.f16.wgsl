enable f16;
@group(0) @binding(0) var<storage, read> weights: array<f32>;
@group(0) @binding(1) var<storage, read_write> transformed: array<vec4<f16>>;
struct Shape { vectors: u32, out_vectors: u32, channels: u32, out_channels: u32, out_step: u32, channel_step: u32, tap_step: u32, scale_start: u32 }
@group(0) @binding(2) var<uniform> shape: Shape;
fn weights_at(at: vec4<u32>) -> vec4<f32> {
  return vec4<f32>(weights[at.x], weights[at.y], weights[at.z], weights[at.w]);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let at = id.y * groups.x * 64u + id.x;
  if (at >= shape.vectors) { return; }
  let channel = at / shape.out_vectors;
  let out = at % shape.out_vectors * 4u + vec4<u32>(0u, 1u, 2u, 3u);
  // What fills the last vec4s up: others' weights times zero.
  let is_there = (out < vec4<u32>(shape.out_channels)) & vec4<bool>(channel < shape.channels);
  let filters = select(vec4<u32>(), out, is_there);
  let factors = select(vec4<f32>(), weights_at(filters + shape.scale_start), is_there);
  let start = filters * shape.out_step + min(channel, shape.channels - 1u) * shape.channel_step;
  let g0_0 = factors * weights_at(start + (0u * 3u + 0u) * shape.tap_step);
  let g0_1 = factors * weights_at(start + (0u * 3u + 1u) * shape.tap_step);
  let g0_2 = factors * weights_at(start + (0u * 3u + 2u) * shape.tap_step);
  let g1_0 = factors * weights_at(start + (1u * 3u + 0u) * shape.tap_step);
  let g1_1 = factors * weights_at(start + (1u * 3u + 1u) * shape.tap_step);
  let g1_2 = factors * weights_at(start + (1u * 3u + 2u) * shape.tap_step);
  let g2_0 = factors * weights_at(start + (2u * 3u + 0u) * shape.tap_step);
  let g2_1 = factors * weights_at(start + (2u * 3u + 1u) * shape.tap_step);
  let g2_2 = factors * weights_at(start + (2u * 3u + 2u) * shape.tap_step);
  // e = G g, and e G^T.
  let e0_0 = 0.25 * g0_0;
  let e0_1 = 0.25 * g0_1;
  let e0_2 = 0.25 * g0_2;
  let e1_0 = - 0.16666666666666666 * g0_0 - 0.16666666666666666 * g1_0 - 0.16666666666666666 * g2_0;
  let e1_1 = - 0.16666666666666666 * g0_1 - 0.16666666666666666 * g1_1 - 0.16666666666666666 * g2_1;
  let e1_2 = - 0.16666666666666666 * g0_2 - 0.16666666666666666 * g1_2 - 0.16666666666666666 * g2_2;
  let e2_0 = - 0.16666666666666666 * g0_0 + 0.16666666666666666 * g1_0 - 0.16666666666666666 * g2_0;
  let e2_1 = - 0.16666666666666666 * g0_1 + 0.16666666666666666 * g1_1 - 0.16666666666666666 * g2_1;
  let e2_2 = - 0.16666666666666666 * g0_2 + 0.16666666666666666 * g1_2 - 0.16666666666666666 * g2_2;
  let e3_0 = 0.041666666666666664 * g0_0 + 0.08333333333333333 * g1_0 + 0.16666666666666666 * g2_0;
  let e3_1 = 0.041666666666666664 * g0_1 + 0.08333333333333333 * g1_1 + 0.16666666666666666 * g2_1;
  let e3_2 = 0.041666666666666664 * g0_2 + 0.08333333333333333 * g1_2 + 0.16666666666666666 * g2_2;
  let e4_0 = 0.041666666666666664 * g0_0 - 0.08333333333333333 * g1_0 + 0.16666666666666666 * g2_0;
  let e4_1 = 0.041666666666666664 * g0_1 - 0.08333333333333333 * g1_1 + 0.16666666666666666 * g2_1;
  let e4_2 = 0.041666666666666664 * g0_2 - 0.08333333333333333 * g1_2 + 0.16666666666666666 * g2_2;
  let e5_0 = g2_0;
  let e5_1 = g2_1;
  let e5_2 = g2_2;
  transformed[(0u * 6u + 0u) * shape.vectors + at] = vec4<f16>(0.25 * e0_0);
  transformed[(0u * 6u + 1u) * shape.vectors + at] = vec4<f16>(- 0.16666666666666666 * e0_0 - 0.16666666666666666 * e0_1 - 0.16666666666666666 * e0_2);
  transformed[(0u * 6u + 2u) * shape.vectors + at] = vec4<f16>(- 0.16666666666666666 * e0_0 + 0.16666666666666666 * e0_1 - 0.16666666666666666 * e0_2);
  transformed[(0u * 6u + 3u) * shape.vectors + at] = vec4<f16>(0.041666666666666664 * e0_0 + 0.08333333333333333 * e0_1 + 0.16666666666666666 * e0_2);
  transformed[(0u * 6u + 4u) * shape.vectors + at] = vec4<f16>(0.041666666666666664 * e0_0 - 0.08333333333333333 * e0_1 + 0.16666666666666666 * e0_2);
  transformed[(0u * 6u + 5u) * shape.vectors + at] = vec4<f16>(e0_2);
  transformed[(1u * 6u + 0u) * shape.vectors + at] = vec4<f16>(0.25 * e1_0);
  transformed[(1u * 6u + 1u) * shape.vectors + at] = vec4<f16>(- 0.16666666666666666 * e1_0 - 0.16666666666666666 * e1_1 - 0.16666666666666666 * e1_2);
  transformed[(1u * 6u + 2u) * shape.vectors + at] = vec4<f16>(- 0.16666666666666666 * e1_0 + 0.16666666666666666 * e1_1 - 0.16666666666666666 * e1_2);
  transformed[(1u * 6u + 3u) * shape.vectors + at] = vec4<f16>(0.041666666666666664 * e1_0 + 0.08333333333333333 * e1_1 + 0.16666666666666666 * e1_2);
  transformed[(1u * 6u + 4u) * shape.vectors + at] = vec4<f16>(0.041666666666666664 * e1_0 - 0.08333333333333333 * e1_1 + 0.16666666666666666 * e1_2);
  transformed[(1u * 6u + 5u) * shape.vectors + at] = vec4<f16>(e1_2);
  transformed[(2u * 6u + 0u) * shape.vectors + at] = vec4<f16>(0.25 * e2_0);
  transformed[(2u * 6u + 1u) * shape.vectors + at] = vec4<f16>(- 0.16666666666666666 * e2_0 - 0.16666666666666666 * e2_1 - 0.16666666666666666 * e2_2);
  transformed[(2u * 6u + 2u) * shape.vectors + at] = vec4<f16>(- 0.16666666666666666 * e2_0 + 0.16666666666666666 * e2_1 - 0.16666666666666666 * e2_2);
  transformed[(2u * 6u + 3u) * shape.vectors + at] = vec4<f16>(0.041666666666666664 * e2_0 + 0.08333333333333333 * e2_1 + 0.16666666666666666 * e2_2);
  transformed[(2u * 6u + 4u) * shape.vectors + at] = vec4<f16>(0.041666666666666664 * e2_0 - 0.08333333333333333 * e2_1 + 0.16666666666666666 * e2_2);
  transformed[(2u * 6u + 5u) * shape.vectors + at] = vec4<f16>(e2_2);
  transformed[(3u * 6u + 0u) * shape.vectors + at] = vec4<f16>(0.25 * e3_0);
  transformed[(3u * 6u + 1u) * shape.vectors + at] = vec4<f16>(- 0.16666666666666666 * e3_0 - 0.16666666666666666 * e3_1 - 0.16666666666666666 * e3_2);
  transformed[(3u * 6u + 2u) * shape.vectors + at] = vec4<f16>(- 0.16666666666666666 * e3_0 + 0.16666666666666666 * e3_1 - 0.16666666666666666 * e3_2);
  transformed[(3u * 6u + 3u) * shape.vectors + at] = vec4<f16>(0.041666666666666664 * e3_0 + 0.08333333333333333 * e3_1 + 0.16666666666666666 * e3_2);
  transformed[(3u * 6u + 4u) * shape.vectors + at] = vec4<f16>(0.041666666666666664 * e3_0 - 0.08333333333333333 * e3_1 + 0.16666666666666666 * e3_2);
  transformed[(3u * 6u + 5u) * shape.vectors + at] = vec4<f16>(e3_2);
  transformed[(4u * 6u + 0u) * shape.vectors + at] = vec4<f16>(0.25 * e4_0);
  transformed[(4u * 6u + 1u) * shape.vectors + at] = vec4<f16>(- 0.16666666666666666 * e4_0 - 0.16666666666666666 * e4_1 - 0.16666666666666666 * e4_2);
  transformed[(4u * 6u + 2u) * shape.vectors + at] = vec4<f16>(- 0.16666666666666666 * e4_0 + 0.16666666666666666 * e4_1 - 0.16666666666666666 * e4_2);
  transformed[(4u * 6u + 3u) * shape.vectors + at] = vec4<f16>(0.041666666666666664 * e4_0 + 0.08333333333333333 * e4_1 + 0.16666666666666666 * e4_2);
  transformed[(4u * 6u + 4u) * shape.vectors + at] = vec4<f16>(0.041666666666666664 * e4_0 - 0.08333333333333333 * e4_1 + 0.16666666666666666 * e4_2);
  transformed[(4u * 6u + 5u) * shape.vectors + at] = vec4<f16>(e4_2);
  transformed[(5u * 6u + 0u) * shape.vectors + at] = vec4<f16>(0.25 * e5_0);
  transformed[(5u * 6u + 1u) * shape.vectors + at] = vec4<f16>(- 0.16666666666666666 * e5_0 - 0.16666666666666666 * e5_1 - 0.16666666666666666 * e5_2);
  transformed[(5u * 6u + 2u) * shape.vectors + at] = vec4<f16>(- 0.16666666666666666 * e5_0 + 0.16666666666666666 * e5_1 - 0.16666666666666666 * e5_2);
  transformed[(5u * 6u + 3u) * shape.vectors + at] = vec4<f16>(0.041666666666666664 * e5_0 + 0.08333333333333333 * e5_1 + 0.16666666666666666 * e5_2);
  transformed[(5u * 6u + 4u) * shape.vectors + at] = vec4<f16>(0.041666666666666664 * e5_0 - 0.08333333333333333 * e5_1 + 0.16666666666666666 * e5_2);
  transformed[(5u * 6u + 5u) * shape.vectors + at] = vec4<f16>(e5_2);
}
