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

// A row for each input channel of the block: its pixels, four in a vec4. The channels 0, 4, 8, ... come first.
var<workgroup> block_pixels: array<vec4<f16>, 160>;
var<workgroup> block_weights: array<vec4<f16>, 128>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let first = group.x * 32u;
  let channel = group.y * 8u;
  let class_image = group.z;
  // This thread computes the pixels of quads row, row + 8, ... and vectors of channels column, column + 8, ...
  let slice = 0u;
  let place = thread;
  let row = place / 8u;
  let column = place % 8u;
  let pixel_at = slice * 40u + row;
  let weights_at = slice * 128u + column;
  var sum0_0_0 = vec4<f32>();
  var sum0_1_0 = vec4<f32>();
  var sum0_2_0 = vec4<f32>();
  var sum0_3_0 = vec4<f32>();
  // What this thread loads: of four pixels the same vector of channels.
  let square0 = thread + 0u * 64u;
  let pixel0_0 = first + square0 / 4u * 4u + 0u;
  let y0_0 = pixel0_0 / shape.out_width;
  let x0_0 = pixel0_0 % shape.out_width;
  var inside0_0: bool;
  var base0_0: u32;
  var next0_0: vec4<f16>;
  let pixel0_1 = first + square0 / 4u * 4u + 1u;
  let y0_1 = pixel0_1 / shape.out_width;
  let x0_1 = pixel0_1 % shape.out_width;
  var inside0_1: bool;
  var base0_1: u32;
  var next0_1: vec4<f16>;
  let pixel0_2 = first + square0 / 4u * 4u + 2u;
  let y0_2 = pixel0_2 / shape.out_width;
  let x0_2 = pixel0_2 % shape.out_width;
  var inside0_2: bool;
  var base0_2: u32;
  var next0_2: vec4<f16>;
  let pixel0_3 = first + square0 / 4u * 4u + 3u;
  let y0_3 = pixel0_3 / shape.out_width;
  let x0_3 = pixel0_3 % shape.out_width;
  var inside0_3: bool;
  var base0_3: u32;
  var next0_3: vec4<f16>;
  // And of the weights.
  let out_vectors = shape.out_vectors;
  let weight_at0 = (thread + 0u * 64u) / 8u * out_vectors + (thread + 0u * 64u) % 8u;
  var next_weight0: vec4<f16>;
  let weight_at1 = (thread + 1u * 64u) / 8u * out_vectors + (thread + 1u * 64u) % 8u;
  var next_weight1: vec4<f16>;
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
  // One loop through all sources, the taps of their windows and the blocks of their channels; the weights lie in this order.
  let blocks = taps * (shape.vectors0 / 4u);
  var vectors = shape.vectors0;
  var tap = 0u;
  var c = 0u;
  var weight = weight_start + channel;
  {
    let row = y0_0 * 1u + tap / kernel_width - padding_y;
    let column = x0_0 * 1u + tap % kernel_width - padding_x;
    inside0_0 = (row < shape.height0) & (column < shape.width0) & (y0_0 < shape.out_height) & (square0 < 32u);
    base0_0 = (row * shape.width0 + column) * vectors + square0 % 4u;
    // Stays where nothing is loaded.
    next0_0 = vec4<f16>();
  }
  {
    let row = y0_1 * 1u + tap / kernel_width - padding_y;
    let column = x0_1 * 1u + tap % kernel_width - padding_x;
    inside0_1 = (row < shape.height0) & (column < shape.width0) & (y0_1 < shape.out_height) & (square0 < 32u);
    base0_1 = (row * shape.width0 + column) * vectors + square0 % 4u;
    // Stays where nothing is loaded.
    next0_1 = vec4<f16>();
  }
  {
    let row = y0_2 * 1u + tap / kernel_width - padding_y;
    let column = x0_2 * 1u + tap % kernel_width - padding_x;
    inside0_2 = (row < shape.height0) & (column < shape.width0) & (y0_2 < shape.out_height) & (square0 < 32u);
    base0_2 = (row * shape.width0 + column) * vectors + square0 % 4u;
    // Stays where nothing is loaded.
    next0_2 = vec4<f16>();
  }
  {
    let row = y0_3 * 1u + tap / kernel_width - padding_y;
    let column = x0_3 * 1u + tap % kernel_width - padding_x;
    inside0_3 = (row < shape.height0) & (column < shape.width0) & (y0_3 < shape.out_height) & (square0 < 32u);
    base0_3 = (row * shape.width0 + column) * vectors + square0 % 4u;
    // Stays where nothing is loaded.
    next0_3 = vec4<f16>();
  }
  if (inside0_0) { next0_0 = source0[base0_0 + c]; }
  if (inside0_1) { next0_1 = source0[base0_1 + c]; }
  if (inside0_2) { next0_2 = source0[base0_2 + c]; }
  if (inside0_3) { next0_3 = source0[base0_3 + c]; }
  next_weight0 = weights[weight + weight_at0];
  next_weight1 = weights[weight + weight_at1];
  for (var block = 0u; block < blocks; block++) {
    workgroupBarrier();
    if (square0 < 32u) {
      block_pixels[0u + square0 % 4u * 10u + square0 / 4u] = vec4<f16>(next0_0.x, next0_1.x, next0_2.x, next0_3.x);
      block_pixels[40u + square0 % 4u * 10u + square0 / 4u] = vec4<f16>(next0_0.y, next0_1.y, next0_2.y, next0_3.y);
      block_pixels[80u + square0 % 4u * 10u + square0 / 4u] = vec4<f16>(next0_0.z, next0_1.z, next0_2.z, next0_3.z);
      block_pixels[120u + square0 % 4u * 10u + square0 / 4u] = vec4<f16>(next0_0.w, next0_1.w, next0_2.w, next0_3.w);
    }
    block_weights[thread + 0u * 64u] = next_weight0;
    block_weights[thread + 1u * 64u] = next_weight1;
    workgroupBarrier();
    // On to the next block. After the last there is none: what is loaded then is not used.
    weight += 16u * out_vectors;
    c += 4u;
    if (c == vectors) {
      c = 0u;
      tap++;
      {
        let row = y0_0 * 1u + tap / kernel_width - padding_y;
        let column = x0_0 * 1u + tap % kernel_width - padding_x;
        inside0_0 = (row < shape.height0) & (column < shape.width0) & (y0_0 < shape.out_height) & (square0 < 32u);
        base0_0 = (row * shape.width0 + column) * vectors + square0 % 4u;
        // Stays where nothing is loaded.
        next0_0 = vec4<f16>();
      }
      {
        let row = y0_1 * 1u + tap / kernel_width - padding_y;
        let column = x0_1 * 1u + tap % kernel_width - padding_x;
        inside0_1 = (row < shape.height0) & (column < shape.width0) & (y0_1 < shape.out_height) & (square0 < 32u);
        base0_1 = (row * shape.width0 + column) * vectors + square0 % 4u;
        // Stays where nothing is loaded.
        next0_1 = vec4<f16>();
      }
      {
        let row = y0_2 * 1u + tap / kernel_width - padding_y;
        let column = x0_2 * 1u + tap % kernel_width - padding_x;
        inside0_2 = (row < shape.height0) & (column < shape.width0) & (y0_2 < shape.out_height) & (square0 < 32u);
        base0_2 = (row * shape.width0 + column) * vectors + square0 % 4u;
        // Stays where nothing is loaded.
        next0_2 = vec4<f16>();
      }
      {
        let row = y0_3 * 1u + tap / kernel_width - padding_y;
        let column = x0_3 * 1u + tap % kernel_width - padding_x;
        inside0_3 = (row < shape.height0) & (column < shape.width0) & (y0_3 < shape.out_height) & (square0 < 32u);
        base0_3 = (row * shape.width0 + column) * vectors + square0 % 4u;
        // Stays where nothing is loaded.
        next0_3 = vec4<f16>();
      }
    }
    if (inside0_0) { next0_0 = source0[base0_0 + c]; }
    if (inside0_1) { next0_1 = source0[base0_1 + c]; }
    if (inside0_2) { next0_2 = source0[base0_2 + c]; }
    if (inside0_3) { next0_3 = source0[base0_3 + c]; }
    next_weight0 = weights[weight + weight_at0];
    next_weight1 = weights[weight + weight_at1];
    let a0_0_0 = block_pixels[pixel_at + 0u + 0u * 8u];
    let b0_0_0 = block_weights[weights_at + 0u + 0u * 8u];
    let a0_1_0 = block_pixels[pixel_at + 40u + 0u * 8u];
    let b0_1_0 = block_weights[weights_at + 8u + 0u * 8u];
    let a0_2_0 = block_pixels[pixel_at + 80u + 0u * 8u];
    let b0_2_0 = block_weights[weights_at + 16u + 0u * 8u];
    let a0_3_0 = block_pixels[pixel_at + 120u + 0u * 8u];
    let b0_3_0 = block_weights[weights_at + 24u + 0u * 8u];
    let a1_0_0 = block_pixels[pixel_at + 10u + 0u * 8u];
    let b1_0_0 = block_weights[weights_at + 32u + 0u * 8u];
    let a1_1_0 = block_pixels[pixel_at + 50u + 0u * 8u];
    let b1_1_0 = block_weights[weights_at + 40u + 0u * 8u];
    let a1_2_0 = block_pixels[pixel_at + 90u + 0u * 8u];
    let b1_2_0 = block_weights[weights_at + 48u + 0u * 8u];
    let a1_3_0 = block_pixels[pixel_at + 130u + 0u * 8u];
    let b1_3_0 = block_weights[weights_at + 56u + 0u * 8u];
    sum0_0_0 += vec4<f32>(a0_0_0.x * b0_0_0 + a0_1_0.x * b0_1_0 + a0_2_0.x * b0_2_0 + a0_3_0.x * b0_3_0);
    sum0_1_0 += vec4<f32>(a0_0_0.y * b0_0_0 + a0_1_0.y * b0_1_0 + a0_2_0.y * b0_2_0 + a0_3_0.y * b0_3_0);
    sum0_2_0 += vec4<f32>(a0_0_0.z * b0_0_0 + a0_1_0.z * b0_1_0 + a0_2_0.z * b0_2_0 + a0_3_0.z * b0_3_0);
    sum0_3_0 += vec4<f32>(a0_0_0.w * b0_0_0 + a0_1_0.w * b0_1_0 + a0_2_0.w * b0_2_0 + a0_3_0.w * b0_3_0);
    let a2_0_0 = block_pixels[pixel_at + 20u + 0u * 8u];
    let b2_0_0 = block_weights[weights_at + 64u + 0u * 8u];
    let a2_1_0 = block_pixels[pixel_at + 60u + 0u * 8u];
    let b2_1_0 = block_weights[weights_at + 72u + 0u * 8u];
    let a2_2_0 = block_pixels[pixel_at + 100u + 0u * 8u];
    let b2_2_0 = block_weights[weights_at + 80u + 0u * 8u];
    let a2_3_0 = block_pixels[pixel_at + 140u + 0u * 8u];
    let b2_3_0 = block_weights[weights_at + 88u + 0u * 8u];
    sum0_0_0 += vec4<f32>(a1_0_0.x * b1_0_0 + a1_1_0.x * b1_1_0 + a1_2_0.x * b1_2_0 + a1_3_0.x * b1_3_0);
    sum0_1_0 += vec4<f32>(a1_0_0.y * b1_0_0 + a1_1_0.y * b1_1_0 + a1_2_0.y * b1_2_0 + a1_3_0.y * b1_3_0);
    sum0_2_0 += vec4<f32>(a1_0_0.z * b1_0_0 + a1_1_0.z * b1_1_0 + a1_2_0.z * b1_2_0 + a1_3_0.z * b1_3_0);
    sum0_3_0 += vec4<f32>(a1_0_0.w * b1_0_0 + a1_1_0.w * b1_1_0 + a1_2_0.w * b1_2_0 + a1_3_0.w * b1_3_0);
    let a3_0_0 = block_pixels[pixel_at + 30u + 0u * 8u];
    let b3_0_0 = block_weights[weights_at + 96u + 0u * 8u];
    let a3_1_0 = block_pixels[pixel_at + 70u + 0u * 8u];
    let b3_1_0 = block_weights[weights_at + 104u + 0u * 8u];
    let a3_2_0 = block_pixels[pixel_at + 110u + 0u * 8u];
    let b3_2_0 = block_weights[weights_at + 112u + 0u * 8u];
    let a3_3_0 = block_pixels[pixel_at + 150u + 0u * 8u];
    let b3_3_0 = block_weights[weights_at + 120u + 0u * 8u];
    sum0_0_0 += vec4<f32>(a2_0_0.x * b2_0_0 + a2_1_0.x * b2_1_0 + a2_2_0.x * b2_2_0 + a2_3_0.x * b2_3_0);
    sum0_1_0 += vec4<f32>(a2_0_0.y * b2_0_0 + a2_1_0.y * b2_1_0 + a2_2_0.y * b2_2_0 + a2_3_0.y * b2_3_0);
    sum0_2_0 += vec4<f32>(a2_0_0.z * b2_0_0 + a2_1_0.z * b2_1_0 + a2_2_0.z * b2_2_0 + a2_3_0.z * b2_3_0);
    sum0_3_0 += vec4<f32>(a2_0_0.w * b2_0_0 + a2_1_0.w * b2_1_0 + a2_2_0.w * b2_2_0 + a2_3_0.w * b2_3_0);
    sum0_0_0 += vec4<f32>(a3_0_0.x * b3_0_0 + a3_1_0.x * b3_1_0 + a3_2_0.x * b3_2_0 + a3_3_0.x * b3_3_0);
    sum0_1_0 += vec4<f32>(a3_0_0.y * b3_0_0 + a3_1_0.y * b3_1_0 + a3_2_0.y * b3_2_0 + a3_3_0.y * b3_3_0);
    sum0_2_0 += vec4<f32>(a3_0_0.z * b3_0_0 + a3_1_0.z * b3_1_0 + a3_2_0.z * b3_2_0 + a3_3_0.z * b3_3_0);
    sum0_3_0 += vec4<f32>(a3_0_0.w * b3_0_0 + a3_1_0.w * b3_1_0 + a3_2_0.w * b3_2_0 + a3_3_0.w * b3_3_0);
  }
  {
    let pixel = first + (row + 0u * 8u) * 4u + 0u;
    if (pixel < shape.out_height * shape.out_width) {
      store(pixel, channel + column + 0u * 8u, class_image, sum0_0_0);
    }
  }{
    let pixel = first + (row + 0u * 8u) * 4u + 1u;
    if (pixel < shape.out_height * shape.out_width) {
      store(pixel, channel + column + 0u * 8u, class_image, sum0_1_0);
    }
  }{
    let pixel = first + (row + 0u * 8u) * 4u + 2u;
    if (pixel < shape.out_height * shape.out_width) {
      store(pixel, channel + column + 0u * 8u, class_image, sum0_2_0);
    }
  }{
    let pixel = first + (row + 0u * 8u) * 4u + 3u;
    if (pixel < shape.out_height * shape.out_width) {
      store(pixel, channel + column + 0u * 8u, class_image, sum0_3_0);
    }
  }
}
