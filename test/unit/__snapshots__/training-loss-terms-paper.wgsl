@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<f32>;
@group(0) @binding(2) var<storage, read_write> keys: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { pixels: u32, slices: u32 }
@group(0) @binding(4) var<uniform> shape: Shape;
fn sigmoid(x: f32) -> f32 { return 1.0 / (1.0 + exp(-x)); }
// log(1 + exp(x)), without the cancellation of log(1 + small): log(1 + e) = 2 artanh(e / (2 + e)).
fn softplus(x: f32) -> f32 {
  let e = exp(-abs(x));
  let s = e / (2.0 + e);
  let q = s * s;
  let series = 1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0)))));
  return max(x, 0.0) + 2.0 * s * series;
}

var<workgroup> first: array<vec4<f32>, 64>;
var<workgroup> second: array<vec4<f32>, 64>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  var a = vec4<f32>();
  var b = vec4<f32>();
  for (var i = group.x * 64u + thread; i < shape.pixels; i += shape.slices * 64u) {
    let counts = targets[shape.pixels + i] > 0.5;
    let positive = counts & (targets[i] > 0.5);
    let negative = counts & !positive;
    let threshold = targets[2u * shape.pixels + i];
    let threshold_mask = targets[3u * shape.pixels + i];
    let logit = logits[i];
    let t = sigmoid(logits[shape.pixels + i]);
    // The logit of B.
    let steep = 50 * (sigmoid(logit) - t);
    // Of a positive -log P = softplus(-logit), of a negative -log(1 - P) = softplus(logit).
    let probability_loss = softplus(select(logit, -logit, positive));
    keys[i] = select(0u, bitcast<u32>(probability_loss) + 1u, negative);
    let binary_loss = softplus(select(steep, -steep, positive));
    keys[shape.pixels + i] = select(0u, bitcast<u32>(binary_loss) + 1u, negative);
    let b_value = sigmoid(steep);
    a += select(vec4<f32>(), vec4<f32>(probability_loss, binary_loss, b_value, 0.0), positive);
    a.w += select(0.0, b_value, counts);
    b += vec4<f32>(f32(positive), f32(negative), abs(t - threshold) * threshold_mask, threshold_mask);
  }
  first[thread] = a;
  second[thread] = b;
  workgroupBarrier();
  if (thread == 0u) {
    for (var i = 1u; i < 64u; i++) {
      a += first[i];
      b += second[i];
    }
    output[group.x * 2u] = a;
    output[group.x * 2u + 1u] = b;
  }
}
