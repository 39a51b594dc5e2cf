@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read> mining: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> output: array<f32>;
struct Shape { pixels: u32, slices: u32 }
@group(0) @binding(3) var<uniform> shape: Shape;
var<workgroup> sums: array<f32, 64>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let weakest = mining[group.z].x;
  var sum = 0.0;
  for (var i = group.x * 64u + thread; i < shape.pixels; i += shape.slices * 64u) {
    let key = keys[group.z * shape.pixels + i];
    if (key > weakest) { sum += bitcast<f32>(key - 1u); }
  }
  sums[thread] = sum;
  workgroupBarrier();
  if (thread == 0u) {
    for (var i = 1u; i < 64u; i++) { sum += sums[i]; }
    output[group.z * shape.slices + group.x] = sum;
  }
}
