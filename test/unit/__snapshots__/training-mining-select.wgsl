@group(0) @binding(0) var<storage, read_write> histogram: array<u32>;
@group(0) @binding(1) var<storage, read_write> mining: array<vec4<u32>>;
struct Shape { shift: u32 }
@group(0) @binding(2) var<uniform> shape: Shape;
var<workgroup> counts: array<u32, 256>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  for (var i = thread; i < 256u; i += 64u) {
    counts[i] = histogram[group.x * 256u + i];
    histogram[group.x * 256u + i] = 0u;
  }
  workgroupBarrier();
  if (thread == 0u) {
    var state = mining[group.x];
    if (state.w == 0u) {
      // Nothing is kept: no key is as large.
      state = vec4<u32>(0xffffffffu, 0u, 1u, 0u);
    } else {
      var digit = 255u;
      while (digit > 0u && counts[digit] < state.y) {
        state.y -= counts[digit];
        digit--;
      }
      state.x |= digit << shape.shift;
      state.z = counts[digit];
    }
    mining[group.x] = state;
  }
}
