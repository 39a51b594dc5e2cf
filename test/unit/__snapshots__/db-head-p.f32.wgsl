@group(0) @binding(0) var<storage, read> features0: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> probability: array<vec2<f32>>;
struct Shape { height: u32, width: u32 }
@group(0) @binding(4) var<uniform> shape: Shape;
// Far from 0 the exponential would overflow; the sigmoid is 0 or 1 there in any case. What is not finite stays as it is, so
// that it is noticed; it is told from the bits, since compilers may assume that it does not occur.
fn sigmoid(x: vec4<f32>) -> vec4<f32> {
  let result = 1.0 / (1.0 + exp(-clamp(x, vec4<f32>(-80.0), vec4<f32>(80.0))));
  let bits = bitcast<vec4<u32>>(x);
  let exponent = vec4<u32>(0x7f800000u);
  return bitcast<vec4<f32>>(select(bitcast<vec4<u32>>(result), bits, (bits & exponent) == exponent));
}

fn feature(head: u32, pixel: u32, c: u32) -> vec4<f32> {
  return features0[pixel * 16u + c];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let first = id.x * 2u;
  let total = shape.height * shape.width;
  let pixel0 = min(first + 0u, total - 1u);
  let pixel1 = min(first + 1u, total - 1u);
  // Which of the 2x2 positions of the first transposed convolution.
  for (var position = id.y * 2u; position < id.y * 2u + 2u; position++) {
    var p0 = vec4<f32>();
    var t0 = vec4<f32>();
    var p1 = vec4<f32>();
    var t1 = vec4<f32>();
    for (var head = 0u; head < 1u; head++) {
      let head_bias = head * 17u;
      let head_weights = head * 4160u;
      var logits0 = bias[head_bias + 16u];
      var logits1 = bias[head_bias + 16u];
      for (var block = 0u; block < 4u; block++) {
        // The first transposed convolution: 16 hidden channels from all features.
        var hidden0_0 = bias[head_bias + block * 4u + 0u];
        var hidden0_1 = bias[head_bias + block * 4u + 1u];
        var hidden0_2 = bias[head_bias + block * 4u + 2u];
        var hidden0_3 = bias[head_bias + block * 4u + 3u];
        var hidden1_0 = bias[head_bias + block * 4u + 0u];
        var hidden1_1 = bias[head_bias + block * 4u + 1u];
        var hidden1_2 = bias[head_bias + block * 4u + 2u];
        var hidden1_3 = bias[head_bias + block * 4u + 3u];
        var weight = head_weights + position * 1024u + block * 4u;
        for (var c = 0u; c < 16u; c++) {
          let w0_0 = weights[weight + (0u * 16u + 0u)];
          let w1_0 = weights[weight + (0u * 16u + 1u)];
          let w2_0 = weights[weight + (0u * 16u + 2u)];
          let w3_0 = weights[weight + (0u * 16u + 3u)];
          let w0_1 = weights[weight + (1u * 16u + 0u)];
          let w1_1 = weights[weight + (1u * 16u + 1u)];
          let w2_1 = weights[weight + (1u * 16u + 2u)];
          let w3_1 = weights[weight + (1u * 16u + 3u)];
          let w0_2 = weights[weight + (2u * 16u + 0u)];
          let w1_2 = weights[weight + (2u * 16u + 1u)];
          let w2_2 = weights[weight + (2u * 16u + 2u)];
          let w3_2 = weights[weight + (2u * 16u + 3u)];
          let w0_3 = weights[weight + (3u * 16u + 0u)];
          let w1_3 = weights[weight + (3u * 16u + 1u)];
          let w2_3 = weights[weight + (3u * 16u + 2u)];
          let w3_3 = weights[weight + (3u * 16u + 3u)];
          {
            let value = feature(head, pixel0, c);
            hidden0_0 += value.x * w0_0;
            hidden0_0 += value.y * w0_1;
            hidden0_0 += value.z * w0_2;
            hidden0_0 += value.w * w0_3;
            hidden0_1 += value.x * w1_0;
            hidden0_1 += value.y * w1_1;
            hidden0_1 += value.z * w1_2;
            hidden0_1 += value.w * w1_3;
            hidden0_2 += value.x * w2_0;
            hidden0_2 += value.y * w2_1;
            hidden0_2 += value.z * w2_2;
            hidden0_2 += value.w * w2_3;
            hidden0_3 += value.x * w3_0;
            hidden0_3 += value.y * w3_1;
            hidden0_3 += value.z * w3_2;
            hidden0_3 += value.w * w3_3;
          }
          {
            let value = feature(head, pixel1, c);
            hidden1_0 += value.x * w0_0;
            hidden1_0 += value.y * w0_1;
            hidden1_0 += value.z * w0_2;
            hidden1_0 += value.w * w0_3;
            hidden1_1 += value.x * w1_0;
            hidden1_1 += value.y * w1_1;
            hidden1_1 += value.z * w1_2;
            hidden1_1 += value.w * w1_3;
            hidden1_2 += value.x * w2_0;
            hidden1_2 += value.y * w2_1;
            hidden1_2 += value.z * w2_2;
            hidden1_2 += value.w * w2_3;
            hidden1_3 += value.x * w3_0;
            hidden1_3 += value.y * w3_1;
            hidden1_3 += value.z * w3_2;
            hidden1_3 += value.w * w3_3;
          }
          weight += 64u;
        }
        // Its ReLU, and what these channels add to the logits of the second.
        let last = head_weights + 4096u + block * 16u;
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
      }
      if (head == 0u) { p0 = sigmoid(logits0); } else { t0 = sigmoid(logits0); }
      if (head == 0u) { p1 = sigmoid(logits1); } else { t1 = sigmoid(logits1); }
    }
    if (first + 0u < total) {
      // In units of two outputs: the upper and the lower pair of the 2x2 block.
      let upper = ((pixel0 / shape.width) * 4u + (position / 2u) * 2u) * 2u * shape.width + (pixel0 % shape.width) * 2u + position % 2u;
      let lower = upper + 2u * shape.width;
      let p = p0;
      probability[upper] = p.xy;
      probability[lower] = p.zw;
    }
    if (first + 1u < total) {
      // In units of two outputs: the upper and the lower pair of the 2x2 block.
      let upper = ((pixel1 / shape.width) * 4u + (position / 2u) * 2u) * 2u * shape.width + (pixel1 % shape.width) * 2u + position % 2u;
      let lower = upper + 2u * shape.width;
      let p = p1;
      probability[upper] = p.xy;
      probability[lower] = p.zw;
    }
  }
}
