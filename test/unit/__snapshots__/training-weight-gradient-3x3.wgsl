@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { batch: u32, height: u32, width: u32, vectors: u32, out_height: u32, out_width: u32, out_vectors: u32, slices: u32 }
@group(0) @binding(3) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  let columns = shape.out_vectors / 2u;
  let rows = shape.vectors / 2u;
  let out_vector = (item % columns) * 2u;
  let vector = (item / columns % rows) * 2u;
  let tap = item / (columns * rows) % 9u;
  let slice = item / (columns * rows * 9u);
  if (slice >= shape.slices) { return; }
  let tap_y = tap / 3u;
  let tap_x = tap % 3u;
  let height = shape.height;
  let width = shape.width;
  let vectors = shape.vectors;
  let out_height = shape.out_height;
  let out_width = shape.out_width;
  let out_vectors = shape.out_vectors;
  // Between these columns of the output the tap falls inside the source: no test is left for the inner loop.
  let begin = select(0u, (2u - tap_x) / 2u, tap_x < 1u);
  let end = select(0u, min(out_width, (width + 1u - 1u - tap_x) / 2u + 1u), tap_x < width + 1u);
  let all_rows = shape.batch * out_height;
  let last = (slice + 1u) * all_rows / shape.slices;
  var sum00_0 = vec4<f32>();
  var sum00_1 = vec4<f32>();
  var sum01_0 = vec4<f32>();
  var sum01_1 = vec4<f32>();
  var sum02_0 = vec4<f32>();
  var sum02_1 = vec4<f32>();
  var sum03_0 = vec4<f32>();
  var sum03_1 = vec4<f32>();
  var sum10_0 = vec4<f32>();
  var sum10_1 = vec4<f32>();
  var sum11_0 = vec4<f32>();
  var sum11_1 = vec4<f32>();
  var sum12_0 = vec4<f32>();
  var sum12_1 = vec4<f32>();
  var sum13_0 = vec4<f32>();
  var sum13_1 = vec4<f32>();
  for (var row = slice * all_rows / shape.slices; row < last; row++) {
    // Above the image the subtraction wraps around and fails the comparison as well.
    let y = (row % out_height) * 2u + tap_y - 1u;
    if (y >= height) { continue; }
    var source_at = ((row / out_height * height + y) * width + begin * 2u + tap_x - 1u) * vectors + vector;
    var gradient_at = (row * out_width + begin) * out_vectors + out_vector;
    for (var x = begin; x < end; x++) {
      let value0 = source[source_at + 0u];
      let value1 = source[source_at + 1u];
      let gradient0 = gradient[gradient_at + 0u];
      let gradient1 = gradient[gradient_at + 1u];
      sum00_0 += value0[0] * gradient0;
      sum00_1 += value0[0] * gradient1;
      sum01_0 += value0[1] * gradient0;
      sum01_1 += value0[1] * gradient1;
      sum02_0 += value0[2] * gradient0;
      sum02_1 += value0[2] * gradient1;
      sum03_0 += value0[3] * gradient0;
      sum03_1 += value0[3] * gradient1;
      sum10_0 += value1[0] * gradient0;
      sum10_1 += value1[0] * gradient1;
      sum11_0 += value1[1] * gradient0;
      sum11_1 += value1[1] * gradient1;
      sum12_0 += value1[2] * gradient0;
      sum12_1 += value1[2] * gradient1;
      sum13_0 += value1[3] * gradient0;
      sum13_1 += value1[3] * gradient1;
      source_at += 2u * vectors;
      gradient_at += out_vectors;
    }
  }
  let output_at = ((slice * 9u + tap) * vectors + vector) * 4u * out_vectors + out_vector;
  output[output_at + (0u * 4u + 0u) * out_vectors + 0u] = sum00_0;
  output[output_at + (0u * 4u + 0u) * out_vectors + 1u] = sum00_1;
  output[output_at + (0u * 4u + 1u) * out_vectors + 0u] = sum01_0;
  output[output_at + (0u * 4u + 1u) * out_vectors + 1u] = sum01_1;
  output[output_at + (0u * 4u + 2u) * out_vectors + 0u] = sum02_0;
  output[output_at + (0u * 4u + 2u) * out_vectors + 1u] = sum02_1;
  output[output_at + (0u * 4u + 3u) * out_vectors + 0u] = sum03_0;
  output[output_at + (0u * 4u + 3u) * out_vectors + 1u] = sum03_1;
  output[output_at + (1u * 4u + 0u) * out_vectors + 0u] = sum10_0;
  output[output_at + (1u * 4u + 0u) * out_vectors + 1u] = sum10_1;
  output[output_at + (1u * 4u + 1u) * out_vectors + 0u] = sum11_0;
  output[output_at + (1u * 4u + 1u) * out_vectors + 1u] = sum11_1;
  output[output_at + (1u * 4u + 2u) * out_vectors + 0u] = sum12_0;
  output[output_at + (1u * 4u + 2u) * out_vectors + 1u] = sum12_1;
  output[output_at + (1u * 4u + 3u) * out_vectors + 0u] = sum13_0;
  output[output_at + (1u * 4u + 3u) * out_vectors + 1u] = sum13_1;
}
