@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(1) var<storage, read> spans: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
struct Shape { groups: u32, columns: u32 }
@group(0) @binding(4) var<uniform> shape: Shape;
var<workgroup> shares: array<f32, 64>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let group = id.y * shape.columns + id.x;
  if (group >= shape.groups) { return; }
  var share = 0.0;
  for (var i = starts[group]; i < starts[group + 1u]; i++) {
    let span = spans[i];
    var sum = 0.0;
    for (var at = thread; at < span.y; at += 64u) { sum += values[span.x + at]; }
    share += sum;
  }
  shares[thread] = share;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (thread < half) { shares[thread] += shares[thread + half]; }
  }
  if (thread == 0u) { sums[group] = shares[0]; }
}
