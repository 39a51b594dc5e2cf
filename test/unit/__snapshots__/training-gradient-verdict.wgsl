@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read> parts: array<f32>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
struct Shape { slices: u32, max_norm: f32 }
@group(0) @binding(3) var<uniform> shape: Shape;
fn finite(value: f32) -> bool { return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u; }
@compute @workgroup_size(1)
fn main() {
  var sum = 0.0;
  for (var slice = 0u; slice < shape.slices; slice++) { sum += source[slice]; }
  let norm = sqrt(sum);
  output[0] = norm;
  output[1] = select(1.0, min(1.0, shape.max_norm / (norm + 1e-6)), shape.max_norm > 0.0);
  output[2] = select(0.0, 1.0, finite(sum) && finite(parts[0]));
  output[3] = 0.0;
}
