@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { items: u32, height: u32, width: u32, vectors: u32 }
@group(0) @binding(3) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  let vector = item % shape.vectors;
  let pixel = item / shape.vectors;
  let x = pixel % shape.width;
  let y = pixel / shape.width % shape.height;
  let image = pixel / (shape.width * shape.height);
  let own = source[item];
  var sum = vec4<f32>();
  // The windows that hold this pixel: one along an axis where it is even, two where it is odd.
  for (var window_y = y / 2u; window_y <= min((y + 1u) / 2u, shape.height / 2u - 1u); window_y++) {
    for (var window_x = x / 2u; window_x <= min((x + 1u) / 2u, shape.width / 2u - 1u); window_x++) {
      // The largest: above all that come before, not below any that come after.
      var largest = vec4<bool>(true);
      for (var tap = 0u; tap < 9u; tap++) {
        let other_y = window_y * 2u + tap / 3u - 1u;
        let other_x = window_x * 2u + tap % 3u - 1u;
        if (other_y >= shape.height || other_x >= shape.width) { continue; }
        let other = source[((image * shape.height + other_y) * shape.width + other_x) * shape.vectors + vector];
        let before = other_y < y || (other_y == y && other_x < x);
        largest = largest & select(own >= other, own > other, vec4<bool>(before));
      }
      let at = ((image * (shape.height / 2u) + window_y) * (shape.width / 2u) + window_x) * shape.vectors + vector;
      sum += select(vec4<f32>(), gradient[at], largest);
    }
  }
  output[item] = sum;
}
