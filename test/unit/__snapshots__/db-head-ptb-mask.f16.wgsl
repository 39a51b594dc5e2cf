enable f16;
@group(0) @binding(0) var<storage, read> features0: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> probability: array<vec2<f32>>;
@group(0) @binding(4) var<storage, read_write> threshold: array<vec2<f32>>;
@group(0) @binding(5) var<storage, read_write> binary: array<vec2<f32>>;
@group(0) @binding(6) var<storage, read_write> mask: array<u32>;
struct Shape { height: u32, width: u32, mask_threshold: f32, mask_of_binary: u32 }
@group(0) @binding(7) var<uniform> shape: Shape;
// Far from 0 the exponential would overflow; the sigmoid is 0 or 1 there in any case. What is not finite stays as it is, so
// that it is noticed; it is told from the bits, since compilers may assume that it does not occur.
fn sigmoid(x: vec4<f32>) -> vec4<f32> {
  let result = 1.0 / (1.0 + exp(-clamp(x, vec4<f32>(-80.0), vec4<f32>(80.0))));
  let bits = bitcast<vec4<u32>>(x);
  let exponent = vec4<u32>(0x7f800000u);
  return bitcast<vec4<f32>>(select(bitcast<vec4<u32>>(result), bits, (bits & exponent) == exponent));
}

// Eight neighbouring feature pixels fill one word in each of two rows; they are always in one workgroup.
var<workgroup> words: array<atomic<u32>, 32>;
// Gives the pixel's bits in the mask's words of two rows.
fn store(pixel: u32, position: u32, p_logits: vec4<f32>, t_logits: vec4<f32>) -> vec2<u32> {
  // In units of two outputs: the upper and the lower pair of the 2x2 block.
  let upper = ((pixel / shape.width) * 4u + (position / 2u) * 2u) * 2u * shape.width + (pixel % shape.width) * 2u + position % 2u;
  let lower = upper + 2u * shape.width;
  let p = sigmoid(p_logits);
  probability[upper] = p.xy;
  probability[lower] = p.zw;
  let t = sigmoid(t_logits);
  let b = sigmoid(50.000000 * (p - t));
  threshold[upper] = t.xy;
  threshold[lower] = t.zw;
  binary[upper] = b.xy;
  binary[lower] = b.zw;
  let compared = select(p, b, shape.mask_of_binary == 1u);
  let above = vec4<u32>(compared > vec4<f32>(shape.mask_threshold));
  return (above.xz | (above.yw << vec2<u32>(1u))) << vec2<u32>((pixel % 8u) * 4u + (position % 2u) * 2u);
}

// Where the word of a pixel stands, in one of the four rows of its maps.
fn mask_at(pixel: u32, row: u32) -> u32 {
  return ((pixel / shape.width) * 4u + row) * (shape.width / 8u) + (pixel % shape.width) / 8u;
}

fn feature(head: u32, pixel: u32, c: u32) -> vec4<f16> {
  return features0[pixel * 32u + head * 16u + c];
}

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
) {
  let first = id.x * 2u;
  let total = shape.height * shape.width;
  let pixel0 = min(first + 0u, total - 1u);
  let pixel1 = min(first + 1u, total - 1u);
  for (var word = thread; word < 32u; word += 64u) { atomicStore(&words[word], 0u); }
  workgroupBarrier();
  // Which of the 2x2 positions of the first transposed convolution.
  for (var position = id.y * 2u; position < id.y * 2u + 2u; position++) {
    // The logits of P and T.
    var p0 = vec4<f32>();
    var t0 = vec4<f32>();
    var p1 = vec4<f32>();
    var t1 = vec4<f32>();
    for (var head = 0u; head < 2u; head++) {
      let head_bias = head * 17u;
      let head_weights = head * 4160u;
      var logits0 = bias[head_bias + 16u];
      var logits1 = bias[head_bias + 16u];
      for (var block = 0u; block < 2u; block++) {
        // The first transposed convolution: 32 hidden channels from all features.
        var hidden0_0 = bias[head_bias + block * 8u + 0u];
        var hidden0_1 = bias[head_bias + block * 8u + 1u];
        var hidden0_2 = bias[head_bias + block * 8u + 2u];
        var hidden0_3 = bias[head_bias + block * 8u + 3u];
        var hidden0_4 = bias[head_bias + block * 8u + 4u];
        var hidden0_5 = bias[head_bias + block * 8u + 5u];
        var hidden0_6 = bias[head_bias + block * 8u + 6u];
        var hidden0_7 = bias[head_bias + block * 8u + 7u];
        var hidden1_0 = bias[head_bias + block * 8u + 0u];
        var hidden1_1 = bias[head_bias + block * 8u + 1u];
        var hidden1_2 = bias[head_bias + block * 8u + 2u];
        var hidden1_3 = bias[head_bias + block * 8u + 3u];
        var hidden1_4 = bias[head_bias + block * 8u + 4u];
        var hidden1_5 = bias[head_bias + block * 8u + 5u];
        var hidden1_6 = bias[head_bias + block * 8u + 6u];
        var hidden1_7 = bias[head_bias + block * 8u + 7u];
        var weight = head_weights + position * 1024u + block * 8u;
        for (var c = 0u; c < 16u; c++) {
          let value0 = feature(head, pixel0, c);
          let value1 = feature(head, pixel1, c);
          let w0_0 = weights[weight + (0u * 16u + 0u)];
          let w0_1 = weights[weight + (1u * 16u + 0u)];
          let w0_2 = weights[weight + (2u * 16u + 0u)];
          let w0_3 = weights[weight + (3u * 16u + 0u)];
          hidden0_0 += vec4<f32>(value0.x * w0_0 + value0.y * w0_1 + value0.z * w0_2 + value0.w * w0_3);
          hidden1_0 += vec4<f32>(value1.x * w0_0 + value1.y * w0_1 + value1.z * w0_2 + value1.w * w0_3);
          let w1_0 = weights[weight + (0u * 16u + 1u)];
          let w1_1 = weights[weight + (1u * 16u + 1u)];
          let w1_2 = weights[weight + (2u * 16u + 1u)];
          let w1_3 = weights[weight + (3u * 16u + 1u)];
          hidden0_1 += vec4<f32>(value0.x * w1_0 + value0.y * w1_1 + value0.z * w1_2 + value0.w * w1_3);
          hidden1_1 += vec4<f32>(value1.x * w1_0 + value1.y * w1_1 + value1.z * w1_2 + value1.w * w1_3);
          let w2_0 = weights[weight + (0u * 16u + 2u)];
          let w2_1 = weights[weight + (1u * 16u + 2u)];
          let w2_2 = weights[weight + (2u * 16u + 2u)];
          let w2_3 = weights[weight + (3u * 16u + 2u)];
          hidden0_2 += vec4<f32>(value0.x * w2_0 + value0.y * w2_1 + value0.z * w2_2 + value0.w * w2_3);
          hidden1_2 += vec4<f32>(value1.x * w2_0 + value1.y * w2_1 + value1.z * w2_2 + value1.w * w2_3);
          let w3_0 = weights[weight + (0u * 16u + 3u)];
          let w3_1 = weights[weight + (1u * 16u + 3u)];
          let w3_2 = weights[weight + (2u * 16u + 3u)];
          let w3_3 = weights[weight + (3u * 16u + 3u)];
          hidden0_3 += vec4<f32>(value0.x * w3_0 + value0.y * w3_1 + value0.z * w3_2 + value0.w * w3_3);
          hidden1_3 += vec4<f32>(value1.x * w3_0 + value1.y * w3_1 + value1.z * w3_2 + value1.w * w3_3);
          let w4_0 = weights[weight + (0u * 16u + 4u)];
          let w4_1 = weights[weight + (1u * 16u + 4u)];
          let w4_2 = weights[weight + (2u * 16u + 4u)];
          let w4_3 = weights[weight + (3u * 16u + 4u)];
          hidden0_4 += vec4<f32>(value0.x * w4_0 + value0.y * w4_1 + value0.z * w4_2 + value0.w * w4_3);
          hidden1_4 += vec4<f32>(value1.x * w4_0 + value1.y * w4_1 + value1.z * w4_2 + value1.w * w4_3);
          let w5_0 = weights[weight + (0u * 16u + 5u)];
          let w5_1 = weights[weight + (1u * 16u + 5u)];
          let w5_2 = weights[weight + (2u * 16u + 5u)];
          let w5_3 = weights[weight + (3u * 16u + 5u)];
          hidden0_5 += vec4<f32>(value0.x * w5_0 + value0.y * w5_1 + value0.z * w5_2 + value0.w * w5_3);
          hidden1_5 += vec4<f32>(value1.x * w5_0 + value1.y * w5_1 + value1.z * w5_2 + value1.w * w5_3);
          let w6_0 = weights[weight + (0u * 16u + 6u)];
          let w6_1 = weights[weight + (1u * 16u + 6u)];
          let w6_2 = weights[weight + (2u * 16u + 6u)];
          let w6_3 = weights[weight + (3u * 16u + 6u)];
          hidden0_6 += vec4<f32>(value0.x * w6_0 + value0.y * w6_1 + value0.z * w6_2 + value0.w * w6_3);
          hidden1_6 += vec4<f32>(value1.x * w6_0 + value1.y * w6_1 + value1.z * w6_2 + value1.w * w6_3);
          let w7_0 = weights[weight + (0u * 16u + 7u)];
          let w7_1 = weights[weight + (1u * 16u + 7u)];
          let w7_2 = weights[weight + (2u * 16u + 7u)];
          let w7_3 = weights[weight + (3u * 16u + 7u)];
          hidden0_7 += vec4<f32>(value0.x * w7_0 + value0.y * w7_1 + value0.z * w7_2 + value0.w * w7_3);
          hidden1_7 += vec4<f32>(value1.x * w7_0 + value1.y * w7_1 + value1.z * w7_2 + value1.w * w7_3);
          weight += 64u;
        }
        // Its ReLU, and what these channels add to the logits of the second.
        let last = head_weights + 4096u + block * 32u;
        {
          let u0 = vec4<f32>(weights[last + (0u * 4u + 0u)]);
          let u1 = vec4<f32>(weights[last + (0u * 4u + 1u)]);
          let u2 = vec4<f32>(weights[last + (0u * 4u + 2u)]);
          let u3 = vec4<f32>(weights[last + (0u * 4u + 3u)]);
          {
            let units = max(hidden0_0, vec4<f32>());
            logits0 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
          {
            let units = max(hidden1_0, vec4<f32>());
            logits1 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
        }
        {
          let u0 = vec4<f32>(weights[last + (1u * 4u + 0u)]);
          let u1 = vec4<f32>(weights[last + (1u * 4u + 1u)]);
          let u2 = vec4<f32>(weights[last + (1u * 4u + 2u)]);
          let u3 = vec4<f32>(weights[last + (1u * 4u + 3u)]);
          {
            let units = max(hidden0_1, vec4<f32>());
            logits0 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
          {
            let units = max(hidden1_1, vec4<f32>());
            logits1 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
        }
        {
          let u0 = vec4<f32>(weights[last + (2u * 4u + 0u)]);
          let u1 = vec4<f32>(weights[last + (2u * 4u + 1u)]);
          let u2 = vec4<f32>(weights[last + (2u * 4u + 2u)]);
          let u3 = vec4<f32>(weights[last + (2u * 4u + 3u)]);
          {
            let units = max(hidden0_2, vec4<f32>());
            logits0 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
          {
            let units = max(hidden1_2, vec4<f32>());
            logits1 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
        }
        {
          let u0 = vec4<f32>(weights[last + (3u * 4u + 0u)]);
          let u1 = vec4<f32>(weights[last + (3u * 4u + 1u)]);
          let u2 = vec4<f32>(weights[last + (3u * 4u + 2u)]);
          let u3 = vec4<f32>(weights[last + (3u * 4u + 3u)]);
          {
            let units = max(hidden0_3, vec4<f32>());
            logits0 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
          {
            let units = max(hidden1_3, vec4<f32>());
            logits1 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
        }
        {
          let u0 = vec4<f32>(weights[last + (4u * 4u + 0u)]);
          let u1 = vec4<f32>(weights[last + (4u * 4u + 1u)]);
          let u2 = vec4<f32>(weights[last + (4u * 4u + 2u)]);
          let u3 = vec4<f32>(weights[last + (4u * 4u + 3u)]);
          {
            let units = max(hidden0_4, vec4<f32>());
            logits0 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
          {
            let units = max(hidden1_4, vec4<f32>());
            logits1 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
        }
        {
          let u0 = vec4<f32>(weights[last + (5u * 4u + 0u)]);
          let u1 = vec4<f32>(weights[last + (5u * 4u + 1u)]);
          let u2 = vec4<f32>(weights[last + (5u * 4u + 2u)]);
          let u3 = vec4<f32>(weights[last + (5u * 4u + 3u)]);
          {
            let units = max(hidden0_5, vec4<f32>());
            logits0 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
          {
            let units = max(hidden1_5, vec4<f32>());
            logits1 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
        }
        {
          let u0 = vec4<f32>(weights[last + (6u * 4u + 0u)]);
          let u1 = vec4<f32>(weights[last + (6u * 4u + 1u)]);
          let u2 = vec4<f32>(weights[last + (6u * 4u + 2u)]);
          let u3 = vec4<f32>(weights[last + (6u * 4u + 3u)]);
          {
            let units = max(hidden0_6, vec4<f32>());
            logits0 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
          {
            let units = max(hidden1_6, vec4<f32>());
            logits1 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
        }
        {
          let u0 = vec4<f32>(weights[last + (7u * 4u + 0u)]);
          let u1 = vec4<f32>(weights[last + (7u * 4u + 1u)]);
          let u2 = vec4<f32>(weights[last + (7u * 4u + 2u)]);
          let u3 = vec4<f32>(weights[last + (7u * 4u + 3u)]);
          {
            let units = max(hidden0_7, vec4<f32>());
            logits0 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
          {
            let units = max(hidden1_7, vec4<f32>());
            logits1 += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
        }
      }
      if (head == 0u) { p0 = logits0; } else { t0 = logits0; }
      if (head == 0u) { p1 = logits1; } else { t1 = logits1; }
    }
    // A loop, since the writes would be compiled as often as there are pixels.
    var ps = array<vec4<f32>, 2>(p0, p1);
    var ts = array<vec4<f32>, 2>(t0, t1);
    for (var i = 0u; i < 2u && first + i < total; i++) {
      let bits = store(first + i, position, ps[i], ts[i]);
      let word = (thread * 2u + i) / 8u * 2u;
      atomicOr(&words[word], bits.x);
      atomicOr(&words[word + 1u], bits.y);
    }
  }
  workgroupBarrier();
  for (var word = thread; word < 32u; word += 64u) {
    let pixel = (id.x - thread) * 2u + word / 2u * 8u;
    if (pixel < total) { mask[mask_at(pixel, id.y * 2u + word % 2u)] = atomicLoad(&words[word]); }
  }
}
