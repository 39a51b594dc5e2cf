enable f16;
@group(0) @binding(0) var<storage, read> source0: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f16>>;
struct Shape { out_height: u32, out_width: u32, out_vectors: u32, height0: u32, width0: u32, vectors0: u32, classes: u32 }
@group(0) @binding(3) var<uniform> shape: Shape;
fn store(pixel: u32, channel: u32, class_image: u32, sum: vec4<f32>) {
  let at = (class_image * shape.out_height * shape.out_width + pixel) * shape.out_vectors + channel;
  var value = sum;
  output[at] = vec4<f16>(value);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  let pixels = shape.out_height * shape.out_width;
  let tiles = (pixels + 1u) / 2u;
  let first = (item % tiles) * 2u;
  let channel = (item / tiles) * 2u;
  let class_image = id.z;
  if (channel >= shape.out_vectors) { return; }
  let pixel0 = min(first + 0u, pixels - 1u);
  let y0 = pixel0 / shape.out_width;
  let x0 = pixel0 % shape.out_width;
  var sum0_0 = vec4<f32>();
  var sum0_1 = vec4<f32>();
  let pixel1 = min(first + 1u, pixels - 1u);
  let y1 = pixel1 / shape.out_width;
  let x1 = pixel1 % shape.out_width;
  var sum1_0 = vec4<f32>();
  var sum1_1 = vec4<f32>();
  {
    let classes = shape.classes;
    let class_y = class_image / classes;
    let class_x = class_image % classes;
    let kernel_height = select(1u, 2u, class_y == 0u || class_y == classes - 1u);
    let kernel_width = select(1u, 2u, class_x == 0u || class_x == classes - 1u);
    let taps = kernel_height * kernel_width;
    let padding_y = select(0u, 1u, class_y == 0u);
    let padding_x = select(0u, 1u, class_x == 0u);
    // All classes of an axis have two taps more than there are classes.
    let taps_before = (class_y + min(class_y, 1u)) * (classes + 2u) + kernel_height * (class_x + min(class_x, 1u));
    let weight_start = taps_before * 4u * shape.vectors0 * shape.out_vectors;
    // Uniforms are read once: some compilers load them again wherever they stand.
    let height = shape.height0;
    let width = shape.width0;
    let vectors = shape.vectors0;
    let row_1 = shape.out_vectors;
    let row_2 = 2u * row_1;
    let row_3 = 3u * row_1;
    // The weights of one tap follow those of the one before.
    var weight = weight_start + channel;
    for (var tap_y = 0u; tap_y < kernel_height; tap_y++) {
      // Above or left of the image the subtraction wraps around, so that one comparison tests both sides.
      let row0 = y0 * 1u + tap_y - padding_y;
      let row1 = y1 * 1u + tap_y - padding_y;
      for (var tap_x = 0u; tap_x < kernel_width; tap_x++) {
        let column0 = x0 * 1u + tap_x - padding_x;
        let inside0 = (row0 < height) & (column0 < width);
        let base0 = select(0u, (row0 * width + column0) * vectors, inside0);
        let column1 = x1 * 1u + tap_x - padding_x;
        let inside1 = (row1 < height) & (column1 < width);
        let base1 = select(0u, (row1 * width + column1) * vectors, inside1);
        for (var c = 0u; c < vectors; c++) {
          let value0 = select(vec4<f16>(), source0[base0 + c], inside0);
          let value1 = select(vec4<f16>(), source0[base1 + c], inside1);
          let w0_0 = weights[weight + 0u];
          let w0_1 = weights[weight + row_1 + 0u];
          let w0_2 = weights[weight + row_2 + 0u];
          let w0_3 = weights[weight + row_3 + 0u];
          let w1_0 = weights[weight + 1u];
          let w1_1 = weights[weight + row_1 + 1u];
          let w1_2 = weights[weight + row_2 + 1u];
          let w1_3 = weights[weight + row_3 + 1u];
          sum0_0 += vec4<f32>(value0.x * w0_0 + value0.y * w0_1 + value0.z * w0_2 + value0.w * w0_3);
          sum0_1 += vec4<f32>(value0.x * w1_0 + value0.y * w1_1 + value0.z * w1_2 + value0.w * w1_3);
          sum1_0 += vec4<f32>(value1.x * w0_0 + value1.y * w0_1 + value1.z * w0_2 + value1.w * w0_3);
          sum1_1 += vec4<f32>(value1.x * w1_0 + value1.y * w1_1 + value1.z * w1_2 + value1.w * w1_3);
          weight += 4u * row_1;
        }
      }
    }
  }
  if (first + 0u < pixels) { store(pixel0, channel + 0u, class_image, sum0_0); }
  if (first + 0u < pixels) { store(pixel0, channel + 1u, class_image, sum0_1); }
  if (first + 1u < pixels) { store(pixel1, channel + 0u, class_image, sum1_0); }
  if (first + 1u < pixels) { store(pixel1, channel + 1u, class_image, sum1_1); }
}
