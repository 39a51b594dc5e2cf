@group(0) @binding(0) var<storage, read> totals: array<f32>;
@group(0) @binding(1) var<storage, read> mined: array<f32>;
@group(0) @binding(2) var<storage, read> mining: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
struct Shape { slices: u32 }
@group(0) @binding(4) var<uniform> shape: Shape;
// Cross-entropy of the positives and of the negatives kept, and what its sum was divided by.
fn balanced(positive_loss: f32, map: u32) -> vec2<f32> {
  let state = mining[map];
  var sum = positive_loss;
  for (var slice = 0u; slice < shape.slices; slice++) { sum += mined[map * shape.slices + slice]; }
  if (state.w > 0u) { sum += f32(state.y) * bitcast<f32>(state.x - 1u); }
  let count = totals[4] + f32(state.w) + 0.000001;
  return vec2<f32>(sum / count, count);
}

@compute @workgroup_size(1)
fn main() {
  let of_probability = balanced(totals[0], 0u);
  let intersection = totals[2];
  let union_ = totals[3] + totals[4] + 0.000001;
  let binary_loss = 1.0 - 2.0 * intersection / union_;
  output[7] = 0.0;
  output[9] = 1 * 2.0 * intersection / (union_ * union_);
  output[10] = -(1 * 2.0 / union_);
  let pixels = totals[7];
  let threshold_loss = select(0.0, totals[6] / max(pixels, 0.000001), pixels > 0.0);
  output[0] = 5 * of_probability.x + 1 * binary_loss + 10 * threshold_loss;
  output[1] = of_probability.x;
  output[2] = binary_loss;
  output[3] = threshold_loss;
  output[4] = totals[4];
  output[5] = f32(mining[0].w);
  output[6] = 5 / of_probability.y;
  output[8] = select(0.0, 10 / max(pixels, 0.000001), pixels > 0.0);
  output[11] = 0.0;
}
