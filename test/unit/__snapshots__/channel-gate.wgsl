@group(0) @binding(0) var<storage, read> sums: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> factors: array<f32>;
struct Shape { pixels: u32, slices: u32, averaged: u32, hidden: u32, channels: u32, slope: f32, shortcut: f32 }
@group(0) @binding(4) var<uniform> shape: Shape;
// The means of what is averaged, and behind them the units between the layers.
var<workgroup> memory: array<f32, 512>;
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
  // As stored.
  let columns = (shape.averaged + 3u) / 4u * 4u;
  for (var channel = thread; channel < shape.averaged; channel += 64u) {
    var sum = 0.0;
    for (var slice = 0u; slice < shape.slices; slice++) { sum += sums[slice * columns + channel]; }
    memory[channel] = sum / f32(shape.pixels);
  }
  workgroupBarrier();
  for (var unit = thread; unit < shape.hidden; unit += 64u) {
    var sum = bias[unit];
    for (var channel = 0u; channel < shape.averaged; channel++) {
      sum += weights[channel * shape.hidden + unit] * memory[channel];
    }
    memory[shape.averaged + unit] = max(sum, 0.0);
  }
  workgroupBarrier();
  let stored = (shape.channels + 3u) / 4u * 4u;
  for (var channel = thread; channel < stored; channel += 64u) {
    var factor = 0.0;
    if (channel < shape.channels) {
      var sum = bias[shape.hidden + channel];
      for (var unit = 0u; unit < shape.hidden; unit++) {
        sum += weights[shape.averaged * shape.hidden + unit * shape.channels + channel] * memory[shape.averaged + unit];
      }
      factor = shape.shortcut + clamp(shape.slope * sum + 0.5, 0.0, 1.0);
    }
    factors[channel] = factor;
  }
}
