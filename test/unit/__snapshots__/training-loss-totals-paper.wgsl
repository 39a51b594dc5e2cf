@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> totals: array<f32>;
@group(0) @binding(2) var<storage, read_write> mining: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> histogram: array<vec4<u32>>;
struct Shape { slices: u32 }
@group(0) @binding(4) var<uniform> shape: Shape;
var<workgroup> sums: array<f32, 8>;
@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) thread: u32) {
  if (thread < 8u) {
    var sum = 0.0;
    for (var slice = 0u; slice < shape.slices; slice++) { sum += source[slice * 8u + thread]; }
    totals[thread] = sum;
    sums[thread] = sum;
  }
  workgroupBarrier();
  for (var i = thread; i < 128u; i += 64u) { histogram[i] = vec4<u32>(); }
  if (thread < 2u) {
    let kept = u32(min(sums[5], floor(sums[4] * 3)));
    mining[thread] = vec4<u32>(0u, kept, 0u, kept);
  }
}
