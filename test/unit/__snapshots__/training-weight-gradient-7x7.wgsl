@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gradient: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { batch: u32, height: u32, width: u32, vectors: u32, out_height: u32, out_width: u32, out_vectors: u32, slices: u32 }
@group(0) @binding(3) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  let columns = shape.out_vectors / 4u;
  let rows = shape.vectors / 1u;
  let out_vector = (item % columns) * 4u;
  let vector = (item / columns % rows) * 1u;
  let tap = item / (columns * rows) % 49u;
  let slice = item / (columns * rows * 49u);
  if (slice >= shape.slices) { return; }
  let tap_y = tap / 7u;
  let tap_x = tap % 7u;
  let height = shape.height;
  let width = shape.width;
  let vectors = shape.vectors;
  let out_height = shape.out_height;
  let out_width = shape.out_width;
  let out_vectors = shape.out_vectors;
  // Between these columns of the output the tap falls inside the source: no test is left for the inner loop.
  let begin = select(0u, (4u - tap_x) / 2u, tap_x < 3u);
  let end = select(0u, min(out_width, (width + 3u - 1u - tap_x) / 2u + 1u), tap_x < width + 3u);
  let all_rows = shape.batch * out_height;
  let last = (slice + 1u) * all_rows / shape.slices;
  var sum00_0 = vec4<f32>();
  var sum00_1 = vec4<f32>();
  var sum00_2 = vec4<f32>();
  var sum00_3 = vec4<f32>();
  var sum01_0 = vec4<f32>();
  var sum01_1 = vec4<f32>();
  var sum01_2 = vec4<f32>();
  var sum01_3 = vec4<f32>();
  var sum02_0 = vec4<f32>();
  var sum02_1 = vec4<f32>();
  var sum02_2 = vec4<f32>();
  var sum02_3 = vec4<f32>();
  var sum03_0 = vec4<f32>();
  var sum03_1 = vec4<f32>();
  var sum03_2 = vec4<f32>();
  var sum03_3 = vec4<f32>();
  for (var row = slice * all_rows / shape.slices; row < last; row++) {
    // Above the image the subtraction wraps around and fails the comparison as well.
    let y = (row % out_height) * 2u + tap_y - 3u;
    if (y >= height) { continue; }
    var source_at = ((row / out_height * height + y) * width + begin * 2u + tap_x - 3u) * vectors + vector;
    var gradient_at = (row * out_width + begin) * out_vectors + out_vector;
    for (var x = begin; x < end; x++) {
      let value0 = source[source_at + 0u];
      let gradient0 = gradient[gradient_at + 0u];
      let gradient1 = gradient[gradient_at + 1u];
      let gradient2 = gradient[gradient_at + 2u];
      let gradient3 = gradient[gradient_at + 3u];
      sum00_0 += value0[0] * gradient0;
      sum00_1 += value0[0] * gradient1;
      sum00_2 += value0[0] * gradient2;
      sum00_3 += value0[0] * gradient3;
      sum01_0 += value0[1] * gradient0;
      sum01_1 += value0[1] * gradient1;
      sum01_2 += value0[1] * gradient2;
      sum01_3 += value0[1] * gradient3;
      sum02_0 += value0[2] * gradient0;
      sum02_1 += value0[2] * gradient1;
      sum02_2 += value0[2] * gradient2;
      sum02_3 += value0[2] * gradient3;
      sum03_0 += value0[3] * gradient0;
      sum03_1 += value0[3] * gradient1;
      sum03_2 += value0[3] * gradient2;
      sum03_3 += value0[3] * gradient3;
      source_at += 2u * vectors;
      gradient_at += out_vectors;
    }
  }
  let output_at = ((slice * 49u + tap) * vectors + vector) * 4u * out_vectors + out_vector;
  output[output_at + (0u * 4u + 0u) * out_vectors + 0u] = sum00_0;
  output[output_at + (0u * 4u + 0u) * out_vectors + 1u] = sum00_1;
  output[output_at + (0u * 4u + 0u) * out_vectors + 2u] = sum00_2;
  output[output_at + (0u * 4u + 0u) * out_vectors + 3u] = sum00_3;
  output[output_at + (0u * 4u + 1u) * out_vectors + 0u] = sum01_0;
  output[output_at + (0u * 4u + 1u) * out_vectors + 1u] = sum01_1;
  output[output_at + (0u * 4u + 1u) * out_vectors + 2u] = sum01_2;
  output[output_at + (0u * 4u + 1u) * out_vectors + 3u] = sum01_3;
  output[output_at + (0u * 4u + 2u) * out_vectors + 0u] = sum02_0;
  output[output_at + (0u * 4u + 2u) * out_vectors + 1u] = sum02_1;
  output[output_at + (0u * 4u + 2u) * out_vectors + 2u] = sum02_2;
  output[output_at + (0u * 4u + 2u) * out_vectors + 3u] = sum02_3;
  output[output_at + (0u * 4u + 3u) * out_vectors + 0u] = sum03_0;
  output[output_at + (0u * 4u + 3u) * out_vectors + 1u] = sum03_1;
  output[output_at + (0u * 4u + 3u) * out_vectors + 2u] = sum03_2;
  output[output_at + (0u * 4u + 3u) * out_vectors + 3u] = sum03_3;
}
