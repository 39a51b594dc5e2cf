@group(0) @binding(0) var<storage, read> sums: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> factors: array<f32>;
struct Shape { pixels: u32, slices: u32 }
@group(0) @binding(4) var<uniform> shape: Shape;
var<workgroup> means: array<f32, 12>;
var<workgroup> hidden: array<f32, 5>;
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
  for (var channel = thread; channel < 12u; channel += 64u) {
    var sum = 0.0;
    for (var slice = 0u; slice < shape.slices; slice++) { sum += sums[slice * 12u + channel]; }
    means[channel] = sum / f32(shape.pixels);
  }
  workgroupBarrier();
  for (var unit = thread; unit < 5u; unit += 64u) {
    var sum = bias[unit];
    for (var channel = 0u; channel < 12u; channel++) {
      sum += weights[channel * 5u + unit] * means[channel];
    }
    hidden[unit] = max(sum, 0.0);
  }
  workgroupBarrier();
  for (var channel = thread; channel < 20u; channel += 64u) {
    var factor = 0.0;
    if (channel < 18u) {
      var sum = bias[5u + channel];
      for (var unit = 0u; unit < 5u; unit++) {
        sum += weights[60u + unit * 18u + channel] * hidden[unit];
      }
      factor = 1.0 + clamp(0.2 * sum + 0.5, 0.0, 1.0);
    }
    factors[channel] = factor;
  }
}
