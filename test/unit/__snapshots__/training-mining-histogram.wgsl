@group(0) @binding(0) var<storage, read> keys: array<u32>;
@group(0) @binding(1) var<storage, read> mining: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read_write> histogram: array<atomic<u32>>;
struct Shape { pixels: u32, slices: u32, shift: u32 }
@group(0) @binding(3) var<uniform> shape: Shape;
var<workgroup> counts: array<atomic<u32>, 256>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  for (var i = thread; i < 256u; i += 64u) { atomicStore(&counts[i], 0u); }
  workgroupBarrier();
  let found = mining[group.z].x;
  // A shift by 32 is not defined: above the first digit there is nothing to agree with.
  let first = shape.shift == 24u;
  let above = min(shape.shift + 8u, 31u);
  for (var i = group.x * 64u + thread; i < shape.pixels; i += shape.slices * 64u) {
    let key = keys[group.z * shape.pixels + i];
    if (key != 0u && (first || (key >> above) == (found >> above))) {
      atomicAdd(&counts[(key >> shape.shift) & 255u], 1u);
    }
  }
  workgroupBarrier();
  for (var i = thread; i < 256u; i += 64u) {
    let count = atomicLoad(&counts[i]);
    if (count > 0u) { atomicAdd(&histogram[group.z * 256u + i], count); }
  }
}
