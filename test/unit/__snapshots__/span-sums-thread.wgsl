@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(1) var<storage, read> spans: array<vec2<u32>>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;
struct Shape { groups: u32, columns: u32 }
@group(0) @binding(4) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let group = (id.y * shape.columns + id.x) * 64u + thread;
  if (group >= shape.groups) { return; }
  var share = 0.0;
  for (var i = starts[group]; i < starts[group + 1u]; i++) {
    let span = spans[i];
    for (var part = 0u; part < span.y; part += 64u) {
      var sum = 0.0;
      for (var at = part; at < min(part + 64u, span.y); at++) { sum += values[span.x + at]; }
      share += sum;
    }
  }
  sums[group] = share;
}
