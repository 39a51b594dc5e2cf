enable f16;
@group(0) @binding(0) var<storage, read> source0: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> residual0: array<vec4<f16>>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f16>>;
struct Shape { out_height: u32, out_width: u32, out_vectors: u32, height0: u32, width0: u32, vectors0: u32 }
@group(0) @binding(5) var<uniform> shape: Shape;
fn store(pixel: u32, channel: u32, sum: vec4<f32>) {
  let at = pixel * shape.out_vectors + channel;
  var value = sum;
  value += bias[channel];
  value += vec4<f32>(residual0[at]);
  value = max(value, vec4<f32>());
  output[at] = vec4<f16>(value);
}

// Blocks of 4 input channels one after the other, each padded by one against bank conflicts; and their weights.
var<workgroup> block_pixels: array<vec4<f16>, 132>;
var<workgroup> block_weights: array<vec4<f16>, 128>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let first = group.x * 32u;
  let channel = group.y * 8u;
  // This thread computes pixels row, row + 8, ... and vectors of channels column, column + 8, ...
  let row = thread / 8u;
  let column = thread % 8u;
  var sum0_0 = vec4<f32>();
  var sum1_0 = vec4<f32>();
  var sum2_0 = vec4<f32>();
  var sum3_0 = vec4<f32>();
  {
    // Uniforms are read once: some compilers load them again wherever they stand.
    let height = shape.height0;
    let width = shape.width0;
    let vectors = shape.vectors0;
    let out_vectors = shape.out_vectors;
    // Which pixel and which slice of the depth this thread loads: fixed for the whole loop.
    let slot0 = thread + 0u * 64u;
    let pixel0 = first + slot0 / 4u;
    let y0 = pixel0 / shape.out_width;
    let x0 = pixel0 % shape.out_width;
    let slot1 = thread + 1u * 64u;
    let pixel1 = first + slot1 / 4u;
    let y1 = pixel1 / shape.out_width;
    let x1 = pixel1 % shape.out_width;
    for (var tap = 0u; tap < 9u; tap++) {
      // Where the tap falls in the source; above or left of it the subtraction wraps around.
      let row0 = y0 * 1u + tap / 3u - 1u;
      let column0 = x0 * 1u + tap % 3u - 1u;
      let inside0 = (row0 < height) & (column0 < width) & (y0 < shape.out_height);
      let base0 = select(0u, (row0 * width + column0) * vectors + slot0 % 4u, inside0);
      let row1 = y1 * 1u + tap / 3u - 1u;
      let column1 = x1 * 1u + tap % 3u - 1u;
      let inside1 = (row1 < height) & (column1 < width) & (y1 < shape.out_height);
      let base1 = select(0u, (row1 * width + column1) * vectors + slot1 % 4u, inside1);
      let weight = 0u + tap * 4u * vectors * out_vectors + channel;
      for (var c = 0u; c < vectors; c += 4u) {
        workgroupBarrier();
        block_pixels[(slot0 % 4u) * 33u + slot0 / 4u] = select(vec4<f16>(), source0[base0 + c], inside0);
        block_pixels[(slot1 % 4u) * 33u + slot1 / 4u] = select(vec4<f16>(), source0[base1 + c], inside1);
        block_weights[thread + 0u * 64u] = weights[weight + (c * 4u + (thread + 0u * 64u) / 8u) * out_vectors + (thread + 0u * 64u) % 8u];
        block_weights[thread + 1u * 64u] = weights[weight + (c * 4u + (thread + 1u * 64u) / 8u) * out_vectors + (thread + 1u * 64u) % 8u];
        workgroupBarrier();
        for (var k = 0u; k < 4u; k += 1u) {
          {
            let slice = k + 0u;
            let w0_0 = block_weights[(slice * 4u + 0u) * 8u + column + 0u * 8u];
            let w0_1 = block_weights[(slice * 4u + 1u) * 8u + column + 0u * 8u];
            let w0_2 = block_weights[(slice * 4u + 2u) * 8u + column + 0u * 8u];
            let w0_3 = block_weights[(slice * 4u + 3u) * 8u + column + 0u * 8u];
            {
              let value = block_pixels[slice * 33u + row + 0u * 8u];
              sum0_0 += vec4<f32>(value.x * w0_0 + value.y * w0_1 + value.z * w0_2 + value.w * w0_3);
            }
            {
              let value = block_pixels[slice * 33u + row + 1u * 8u];
              sum1_0 += vec4<f32>(value.x * w0_0 + value.y * w0_1 + value.z * w0_2 + value.w * w0_3);
            }
            {
              let value = block_pixels[slice * 33u + row + 2u * 8u];
              sum2_0 += vec4<f32>(value.x * w0_0 + value.y * w0_1 + value.z * w0_2 + value.w * w0_3);
            }
            {
              let value = block_pixels[slice * 33u + row + 3u * 8u];
              sum3_0 += vec4<f32>(value.x * w0_0 + value.y * w0_1 + value.z * w0_2 + value.w * w0_3);
            }
          }
        }
      }
    }
  }
  {
    let pixel = first + row + 0u * 8u;
    if (pixel < shape.out_height * shape.out_width) {
      store(pixel, channel + column + 0u * 8u, sum0_0);
    }
  }
  {
    let pixel = first + row + 1u * 8u;
    if (pixel < shape.out_height * shape.out_width) {
      store(pixel, channel + column + 0u * 8u, sum1_0);
    }
  }
  {
    let pixel = first + row + 2u * 8u;
    if (pixel < shape.out_height * shape.out_width) {
      store(pixel, channel + column + 0u * 8u, sum2_0);
    }
  }
  {
    let pixel = first + row + 3u * 8u;
    if (pixel < shape.out_height * shape.out_width) {
      store(pixel, channel + column + 0u * 8u, sum3_0);
    }
  }
}
