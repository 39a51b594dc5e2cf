@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;
struct Shape { vectors: u32, slices: u32 }
@group(0) @binding(2) var<uniform> shape: Shape;
var<workgroup> sums: array<f32, 64>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  var sum = 0.0;
  for (var i = group.x * 64u + thread; i < shape.vectors; i += shape.slices * 64u) {
    sum += dot(source[i], source[i]);
  }
  sums[thread] = sum;
  workgroupBarrier();
  if (thread == 0u) {
    for (var i = 1u; i < 64u; i++) { sum += sums[i]; }
    output[group.x] = sum;
  }
}
