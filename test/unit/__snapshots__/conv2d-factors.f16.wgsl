enable f16;
@group(0) @binding(0) var<storage, read> source0: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> factors: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> residual0: array<vec4<f16>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f16>>;
struct Shape { out_height: u32, out_width: u32, out_vectors: u32, height0: u32, width0: u32, vectors0: u32 }
@group(0) @binding(6) var<uniform> shape: Shape;
fn store(pixel: u32, channel: u32, sum: vec4<f32>) {
  let at = pixel * shape.out_vectors + channel;
  var value = sum;
  value += bias[channel];
  value *= factors[channel];
  let y = pixel / shape.out_width;
  let x = pixel % shape.out_width;
  value += vec4<f32>(residual0[((y / 2u) * (shape.out_width / 2u) + x / 2u) * shape.out_vectors + channel]);
  output[at] = vec4<f16>(value);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  let pixels = shape.out_height * shape.out_width;
  let tiles = (pixels + 1u) / 2u;
  let first = (item % tiles) * 2u;
  let channel = (item / tiles) * 2u;
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
    // Uniforms are read once: some compilers load them again wherever they stand.
    let height = shape.height0;
    let width = shape.width0;
    let vectors = shape.vectors0;
    let row_1 = shape.out_vectors;
    let row_2 = 2u * row_1;
    let row_3 = 3u * row_1;
    // The weights of one tap follow those of the one before.
    var weight = 0u + channel;
    for (var tap_y = 0u; tap_y < 3u; tap_y++) {
      // Above or left of the image the subtraction wraps around, so that one comparison tests both sides.
      let row0 = y0 * 1u + tap_y - 1u;
      let row1 = y1 * 1u + tap_y - 1u;
      for (var tap_x = 0u; tap_x < 3u; tap_x++) {
        let column0 = x0 * 1u + tap_x - 1u;
        let inside0 = (row0 < height) & (column0 < width);
        let base0 = select(0u, (row0 * width + column0) * vectors, inside0);
        let column1 = x1 * 1u + tap_x - 1u;
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
  // A loop, since the epilogue is long and would be compiled as often as there are sums.
  var sums = array<vec4<f32>, 4>(
    sum0_0,
    sum0_1,
    sum1_0,
    sum1_1,
  );
  for (var i = 0u; i < 4u; i++) {
    let pixel = first + i / 2u;
    let vector = channel + i % 2u;
    if (pixel < pixels) { store(pixel, vector, sums[i]); }
  }
}
