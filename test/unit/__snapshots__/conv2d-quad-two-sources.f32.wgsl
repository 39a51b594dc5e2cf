enable subgroups;
@group(0) @binding(0) var<storage, read> source0: array<f32>;
@group(0) @binding(1) var<storage, read> source1: array<f32>;
@group(0) @binding(2) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { out_height: u32, out_width: u32, out_vectors: u32, height0: u32, width0: u32, vectors0: u32, height1: u32, width1: u32, vectors1: u32, kernel_height0: u32, kernel_width0: u32, stride0: u32, top0: u32, left0: u32, kernel_height1: u32, kernel_width1: u32, stride1: u32, top1: u32, left1: u32 }
@group(0) @binding(4) var<uniform> shape: Shape;
fn store(pixel: u32, channel: u32, plane: u32, sum: vec4<f32>) {
  let at = (plane * shape.out_height * shape.out_width + pixel) * shape.out_vectors + channel;
  var value = sum;
  output[at] = vec4<f32>(value);
}

@compute @workgroup_size(4)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_invocation_id) invocation: u32,
) {
  let lane = invocation & 3u;
  let item = id.y * groups.x + id.x;
  let pixels = shape.out_height * shape.out_width;
  let quads = (pixels + 7u) / 8u;
  let first = (item % quads * 4u + thread) * 2u;
  let channel = (item / quads) * 2u;
  let plane = id.z;
  if (channel >= shape.out_vectors) { return; }
  let pixel0 = min(first + 0u, pixels - 1u);
  let y0 = pixel0 / shape.out_width;
  let x0 = pixel0 % shape.out_width;
  var sum0_0_x = 0.0;
  var sum0_0_y = 0.0;
  var sum0_0_z = 0.0;
  var sum0_0_w = 0.0;
  var sum0_1_x = 0.0;
  var sum0_1_y = 0.0;
  var sum0_1_z = 0.0;
  var sum0_1_w = 0.0;
  let pixel1 = min(first + 1u, pixels - 1u);
  let y1 = pixel1 / shape.out_width;
  let x1 = pixel1 % shape.out_width;
  var sum1_0_x = 0.0;
  var sum1_0_y = 0.0;
  var sum1_0_z = 0.0;
  var sum1_0_w = 0.0;
  var sum1_1_x = 0.0;
  var sum1_1_y = 0.0;
  var sum1_1_z = 0.0;
  var sum1_1_w = 0.0;
  {
    // Uniforms are read once: some compilers load them again wherever they stand.
    let height = shape.height0;
    let width = shape.width0;
    let vectors = shape.vectors0;
    let row_1 = shape.out_vectors;
    let stride = shape.stride0;
    // The weights of one tap follow those of the one before.
    var weight = 0u + lane * row_1 + channel;
    let taps_in_row = shape.kernel_width0;
    let steps = shape.kernel_height0 * taps_in_row * vectors;
    let padding_top = shape.top0;
    let padding_left = shape.left0;
    var c = 0u;
    var tap_y = 0u;
    var tap_x = 0u;
    for (var step = 0u; step < steps; step++) {
      // Above or left of the image the subtraction wraps around, so that one comparison tests both sides.
      let row0 = y0 * stride + tap_y - padding_top;
      let column0 = x0 * stride + tap_x - padding_left;
      let inside0 = (row0 < height) & (column0 < width);
      let base0 = (select(0u, plane * height * width * vectors + (row0 * width + column0) * vectors, inside0) + c) * 4u;
      let row1 = y1 * stride + tap_y - padding_top;
      let column1 = x1 * stride + tap_x - padding_left;
      let inside1 = (row1 < height) & (column1 < width);
      let base1 = (select(0u, plane * height * width * vectors + (row1 * width + column1) * vectors, inside1) + c) * 4u;
      let value0_0 = select(f32(), source0[base0 + (lane ^ 0u)], inside0);
      let value0_1 = select(f32(), source0[base0 + (lane ^ 1u)], inside0);
      let value0_2 = select(f32(), source0[base0 + (lane ^ 2u)], inside0);
      let value0_3 = select(f32(), source0[base0 + (lane ^ 3u)], inside0);
      let value1_0 = select(f32(), source0[base1 + (lane ^ 0u)], inside1);
      let value1_1 = select(f32(), source0[base1 + (lane ^ 1u)], inside1);
      let value1_2 = select(f32(), source0[base1 + (lane ^ 2u)], inside1);
      let value1_3 = select(f32(), source0[base1 + (lane ^ 3u)], inside1);
      let own0_0 = weights[weight + 0u];
      let own0_1 = quadSwapX(own0_0);
      let own0_2 = quadSwapY(own0_0);
      let own0_3 = quadSwapDiagonal(own0_0);
      let own1_0 = weights[weight + 1u];
      let own1_1 = quadSwapX(own1_0);
      let own1_2 = quadSwapY(own1_0);
      let own1_3 = quadSwapDiagonal(own1_0);
      sum0_0_x = own0_0.x * value0_0 + own0_1.x * value0_1 + own0_2.x * value0_2 + own0_3.x * value0_3 + sum0_0_x;
      sum1_0_x = own0_0.x * value1_0 + own0_1.x * value1_1 + own0_2.x * value1_2 + own0_3.x * value1_3 + sum1_0_x;
      sum0_0_y = own0_0.y * value0_0 + own0_1.y * value0_1 + own0_2.y * value0_2 + own0_3.y * value0_3 + sum0_0_y;
      sum1_0_y = own0_0.y * value1_0 + own0_1.y * value1_1 + own0_2.y * value1_2 + own0_3.y * value1_3 + sum1_0_y;
      sum0_0_z = own0_0.z * value0_0 + own0_1.z * value0_1 + own0_2.z * value0_2 + own0_3.z * value0_3 + sum0_0_z;
      sum1_0_z = own0_0.z * value1_0 + own0_1.z * value1_1 + own0_2.z * value1_2 + own0_3.z * value1_3 + sum1_0_z;
      sum0_0_w = own0_0.w * value0_0 + own0_1.w * value0_1 + own0_2.w * value0_2 + own0_3.w * value0_3 + sum0_0_w;
      sum1_0_w = own0_0.w * value1_0 + own0_1.w * value1_1 + own0_2.w * value1_2 + own0_3.w * value1_3 + sum1_0_w;
      sum0_1_x = own1_0.x * value0_0 + own1_1.x * value0_1 + own1_2.x * value0_2 + own1_3.x * value0_3 + sum0_1_x;
      sum1_1_x = own1_0.x * value1_0 + own1_1.x * value1_1 + own1_2.x * value1_2 + own1_3.x * value1_3 + sum1_1_x;
      sum0_1_y = own1_0.y * value0_0 + own1_1.y * value0_1 + own1_2.y * value0_2 + own1_3.y * value0_3 + sum0_1_y;
      sum1_1_y = own1_0.y * value1_0 + own1_1.y * value1_1 + own1_2.y * value1_2 + own1_3.y * value1_3 + sum1_1_y;
      sum0_1_z = own1_0.z * value0_0 + own1_1.z * value0_1 + own1_2.z * value0_2 + own1_3.z * value0_3 + sum0_1_z;
      sum1_1_z = own1_0.z * value1_0 + own1_1.z * value1_1 + own1_2.z * value1_2 + own1_3.z * value1_3 + sum1_1_z;
      sum0_1_w = own1_0.w * value0_0 + own1_1.w * value0_1 + own1_2.w * value0_2 + own1_3.w * value0_3 + sum0_1_w;
      sum1_1_w = own1_0.w * value1_0 + own1_1.w * value1_1 + own1_2.w * value1_2 + own1_3.w * value1_3 + sum1_1_w;
      weight += 4u * row_1;
      // Without branches and divisions, which are slow.
      c += 1u;
      let tap_ends = c == vectors;
      c = select(c, 0u, tap_ends);
      tap_x += select(0u, 1u, tap_ends);
      let row_ends = tap_x == taps_in_row;
      tap_x = select(tap_x, 0u, row_ends);
      tap_y += select(0u, 1u, row_ends);
    }
  }
  {
    // Uniforms are read once: some compilers load them again wherever they stand.
    let height = shape.height1;
    let width = shape.width1;
    let vectors = shape.vectors1;
    let row_1 = shape.out_vectors;
    let stride = shape.stride1;
    // The weights of one tap follow those of the one before.
    var weight = 36u * shape.vectors0 * shape.out_vectors + lane * row_1 + channel;
    let taps_in_row = shape.kernel_width1;
    let steps = shape.kernel_height1 * taps_in_row * vectors;
    let padding_top = shape.top1;
    let padding_left = shape.left1;
    var c = 0u;
    var tap_y = 0u;
    var tap_x = 0u;
    for (var step = 0u; step < steps; step++) {
      // Above or left of the image the subtraction wraps around, so that one comparison tests both sides.
      let row0 = y0 * stride + tap_y - padding_top;
      let column0 = x0 * stride + tap_x - padding_left;
      let inside0 = (row0 < height) & (column0 < width);
      let base0 = (select(0u, plane * height * width * vectors + (row0 * width + column0) * vectors, inside0) + c) * 4u;
      let row1 = y1 * stride + tap_y - padding_top;
      let column1 = x1 * stride + tap_x - padding_left;
      let inside1 = (row1 < height) & (column1 < width);
      let base1 = (select(0u, plane * height * width * vectors + (row1 * width + column1) * vectors, inside1) + c) * 4u;
      let value0_0 = select(f32(), source1[base0 + (lane ^ 0u)], inside0);
      let value0_1 = select(f32(), source1[base0 + (lane ^ 1u)], inside0);
      let value0_2 = select(f32(), source1[base0 + (lane ^ 2u)], inside0);
      let value0_3 = select(f32(), source1[base0 + (lane ^ 3u)], inside0);
      let value1_0 = select(f32(), source1[base1 + (lane ^ 0u)], inside1);
      let value1_1 = select(f32(), source1[base1 + (lane ^ 1u)], inside1);
      let value1_2 = select(f32(), source1[base1 + (lane ^ 2u)], inside1);
      let value1_3 = select(f32(), source1[base1 + (lane ^ 3u)], inside1);
      let own0_0 = weights[weight + 0u];
      let own0_1 = quadSwapX(own0_0);
      let own0_2 = quadSwapY(own0_0);
      let own0_3 = quadSwapDiagonal(own0_0);
      let own1_0 = weights[weight + 1u];
      let own1_1 = quadSwapX(own1_0);
      let own1_2 = quadSwapY(own1_0);
      let own1_3 = quadSwapDiagonal(own1_0);
      sum0_0_x = own0_0.x * value0_0 + own0_1.x * value0_1 + own0_2.x * value0_2 + own0_3.x * value0_3 + sum0_0_x;
      sum1_0_x = own0_0.x * value1_0 + own0_1.x * value1_1 + own0_2.x * value1_2 + own0_3.x * value1_3 + sum1_0_x;
      sum0_0_y = own0_0.y * value0_0 + own0_1.y * value0_1 + own0_2.y * value0_2 + own0_3.y * value0_3 + sum0_0_y;
      sum1_0_y = own0_0.y * value1_0 + own0_1.y * value1_1 + own0_2.y * value1_2 + own0_3.y * value1_3 + sum1_0_y;
      sum0_0_z = own0_0.z * value0_0 + own0_1.z * value0_1 + own0_2.z * value0_2 + own0_3.z * value0_3 + sum0_0_z;
      sum1_0_z = own0_0.z * value1_0 + own0_1.z * value1_1 + own0_2.z * value1_2 + own0_3.z * value1_3 + sum1_0_z;
      sum0_0_w = own0_0.w * value0_0 + own0_1.w * value0_1 + own0_2.w * value0_2 + own0_3.w * value0_3 + sum0_0_w;
      sum1_0_w = own0_0.w * value1_0 + own0_1.w * value1_1 + own0_2.w * value1_2 + own0_3.w * value1_3 + sum1_0_w;
      sum0_1_x = own1_0.x * value0_0 + own1_1.x * value0_1 + own1_2.x * value0_2 + own1_3.x * value0_3 + sum0_1_x;
      sum1_1_x = own1_0.x * value1_0 + own1_1.x * value1_1 + own1_2.x * value1_2 + own1_3.x * value1_3 + sum1_1_x;
      sum0_1_y = own1_0.y * value0_0 + own1_1.y * value0_1 + own1_2.y * value0_2 + own1_3.y * value0_3 + sum0_1_y;
      sum1_1_y = own1_0.y * value1_0 + own1_1.y * value1_1 + own1_2.y * value1_2 + own1_3.y * value1_3 + sum1_1_y;
      sum0_1_z = own1_0.z * value0_0 + own1_1.z * value0_1 + own1_2.z * value0_2 + own1_3.z * value0_3 + sum0_1_z;
      sum1_1_z = own1_0.z * value1_0 + own1_1.z * value1_1 + own1_2.z * value1_2 + own1_3.z * value1_3 + sum1_1_z;
      sum0_1_w = own1_0.w * value0_0 + own1_1.w * value0_1 + own1_2.w * value0_2 + own1_3.w * value0_3 + sum0_1_w;
      sum1_1_w = own1_0.w * value1_0 + own1_1.w * value1_1 + own1_2.w * value1_2 + own1_3.w * value1_3 + sum1_1_w;
      weight += 4u * row_1;
      // Without branches and divisions, which are slow.
      c += 1u;
      let tap_ends = c == vectors;
      c = select(c, 0u, tap_ends);
      tap_x += select(0u, 1u, tap_ends);
      let row_ends = tap_x == taps_in_row;
      tap_x = select(tap_x, 0u, row_ends);
      tap_y += select(0u, 1u, row_ends);
    }
  }
  // A loop, since the epilogue would be compiled as often as there are sums.
  var sums = array<vec4<f32>, 4>(
    vec4<f32>(sum0_0_x, sum0_0_y, sum0_0_z, sum0_0_w),
    vec4<f32>(sum0_1_x, sum0_1_y, sum0_1_z, sum0_1_w),
    vec4<f32>(sum1_0_x, sum1_0_y, sum1_0_z, sum1_0_w),
    vec4<f32>(sum1_1_x, sum1_1_y, sum1_1_z, sum1_1_w),
  );
  for (var i = 0u; i < 4u; i++) {
    let pixel = first + i / 2u;
    let vector = channel + i % 2u;
    if (pixel < pixels && vector < shape.out_vectors) { store(pixel, vector, plane, sums[i]); }
  }
}
