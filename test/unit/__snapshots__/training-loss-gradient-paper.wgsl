@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<f32>;
@group(0) @binding(2) var<storage, read> keys: array<u32>;
@group(0) @binding(3) var<storage, read> mining: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> parts: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;
struct Shape { items: u32, pixels: u32 }
@group(0) @binding(6) var<uniform> shape: Shape;
fn sigmoid(x: f32) -> f32 { return 1.0 / (1.0 + exp(-x)); }
// log(1 + exp(x)), without the cancellation of log(1 + small): log(1 + e) = 2 artanh(e / (2 + e)).
fn softplus(x: f32) -> f32 {
  let e = exp(-abs(x));
  let s = e / (2.0 + e);
  let q = s * s;
  let series = 1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0)))));
  return max(x, 0.0) + 2.0 * s * series;
}

// How much of a negative counts: all of it above the weakest key kept, a share where it ties with it.
fn kept(pixel: u32, map: u32) -> f32 {
  let key = keys[map * shape.pixels + pixel];
  let state = mining[map];
  if (key < state.x) { return 0.0; }
  return select(1.0, f32(state.y) / f32(state.z), key == state.x);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  let i = item;
  let counts = targets[shape.pixels + i] > 0.5;
  let positive = counts & (targets[i] > 0.5);
  let negative = counts & !positive;
  let threshold = targets[2u * shape.pixels + i];
  let threshold_mask = targets[3u * shape.pixels + i];
  let p = sigmoid(logits[i]);
  let t = sigmoid(logits[shape.pixels + i]);
  let b = sigmoid(50 * (p - t));
  var by_logit = 0.0;
  // By x = P - T.
  var by_difference = 0.0;
  if (positive) { by_logit = parts[6] * (p - 1.0); }
  if (negative) { by_logit = parts[6] * kept(i, 0u) * p; }
  if (positive) { by_difference = parts[7] * (b - 1.0); }
  if (negative) { by_difference = parts[7] * kept(i, 1u) * b; }
  let by_threshold = parts[8] * sign(t - threshold) * threshold_mask;
  output[i] = by_logit + by_difference * p * (1.0 - p);
  output[shape.pixels + i] = (by_threshold - by_difference) * t * (1.0 - t);
}
