enable f16;
@group(0) @binding(0) var<storage, read> source: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f16>>;
struct Shape { height: u32, width: u32, out_height: u32, out_width: u32 }
@group(0) @binding(2) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= shape.out_width * 16u) { return; }
  let x = id.x / 16u;
  let y = id.y;
  let channel = id.x % 16u;
  let image = id.z * shape.height;
  // The first that is inside can stand for those that are not.
  let first_y = max(y * 2u, 1u) - 1u;
  let first_x = max(x * 2u, 1u) - 1u;
  var largest = source[((image + first_y) * shape.width + first_x) * 16u + channel];
  for (var window_y = 0u; window_y < 3u; window_y++) {
    for (var window_x = 0u; window_x < 3u; window_x++) {
      // Above and left of the source the subtraction wraps around and fails the comparison.
      let source_y = y * 2u + window_y - 1u;
      let source_x = x * 2u + window_x - 1u;
      if (source_y < shape.height && source_x < shape.width) {
        largest = max(largest, source[((image + source_y) * shape.width + source_x) * 16u + channel]);
      }
    }
  }
  output[((id.z * shape.out_height + y) * shape.out_width + x) * 16u + channel] = largest;
}
