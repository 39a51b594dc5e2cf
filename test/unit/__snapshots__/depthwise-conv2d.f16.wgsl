enable f16;
@group(0) @binding(0) var<storage, read> source: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f16>>;
struct Shape { height: u32, width: u32, out_height: u32, out_width: u32, out_vectors: u32 }
@group(0) @binding(4) var<uniform> shape: Shape;
fn store(pixel: u32, channel: u32, sum: vec4<f32>) {
  let at = pixel * shape.out_vectors + channel;
  var value = sum;
  value += bias[channel];
  value *= clamp(value / 6.0 + 0.5, vec4<f32>(), vec4<f32>(1.0));
  output[at] = vec4<f16>(value);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let groups = (shape.out_width + 3u) / 4u;
  if (id.x >= groups * shape.out_vectors) { return; }
  let channel = id.x % shape.out_vectors;
  let x = id.x / shape.out_vectors * 4u;
  let y = id.y;
  // Left of the source the subtraction wraps around, so that one comparison tests both sides.
  let left = x * 2u - 1u;
  var sum0 = vec4<f32>();
  var sum1 = vec4<f32>();
  var sum2 = vec4<f32>();
  var sum3 = vec4<f32>();
  for (var tap_y = 0u; tap_y < 5u; tap_y++) {
    let row = y * 2u + tap_y - 1u;
    if (row >= shape.height) { continue; }
    let w0 = vec4<f32>(weights[(tap_y * 5u + 0u) * shape.out_vectors + channel]);
    let w1 = vec4<f32>(weights[(tap_y * 5u + 1u) * shape.out_vectors + channel]);
    let w2 = vec4<f32>(weights[(tap_y * 5u + 2u) * shape.out_vectors + channel]);
    let w3 = vec4<f32>(weights[(tap_y * 5u + 3u) * shape.out_vectors + channel]);
    let w4 = vec4<f32>(weights[(tap_y * 5u + 4u) * shape.out_vectors + channel]);
    // The columns that the pixels share.
    let inside0 = left + 0u < shape.width;
    let at0 = select(0u, (row * shape.width + left + 0u) * shape.out_vectors + channel, inside0);
    let value0 = select(vec4<f32>(), vec4<f32>(source[at0]), inside0);
    let inside1 = left + 1u < shape.width;
    let at1 = select(0u, (row * shape.width + left + 1u) * shape.out_vectors + channel, inside1);
    let value1 = select(vec4<f32>(), vec4<f32>(source[at1]), inside1);
    let inside2 = left + 2u < shape.width;
    let at2 = select(0u, (row * shape.width + left + 2u) * shape.out_vectors + channel, inside2);
    let value2 = select(vec4<f32>(), vec4<f32>(source[at2]), inside2);
    let inside3 = left + 3u < shape.width;
    let at3 = select(0u, (row * shape.width + left + 3u) * shape.out_vectors + channel, inside3);
    let value3 = select(vec4<f32>(), vec4<f32>(source[at3]), inside3);
    let inside4 = left + 4u < shape.width;
    let at4 = select(0u, (row * shape.width + left + 4u) * shape.out_vectors + channel, inside4);
    let value4 = select(vec4<f32>(), vec4<f32>(source[at4]), inside4);
    let inside5 = left + 5u < shape.width;
    let at5 = select(0u, (row * shape.width + left + 5u) * shape.out_vectors + channel, inside5);
    let value5 = select(vec4<f32>(), vec4<f32>(source[at5]), inside5);
    let inside6 = left + 6u < shape.width;
    let at6 = select(0u, (row * shape.width + left + 6u) * shape.out_vectors + channel, inside6);
    let value6 = select(vec4<f32>(), vec4<f32>(source[at6]), inside6);
    let inside7 = left + 7u < shape.width;
    let at7 = select(0u, (row * shape.width + left + 7u) * shape.out_vectors + channel, inside7);
    let value7 = select(vec4<f32>(), vec4<f32>(source[at7]), inside7);
    let inside8 = left + 8u < shape.width;
    let at8 = select(0u, (row * shape.width + left + 8u) * shape.out_vectors + channel, inside8);
    let value8 = select(vec4<f32>(), vec4<f32>(source[at8]), inside8);
    let inside9 = left + 9u < shape.width;
    let at9 = select(0u, (row * shape.width + left + 9u) * shape.out_vectors + channel, inside9);
    let value9 = select(vec4<f32>(), vec4<f32>(source[at9]), inside9);
    let inside10 = left + 10u < shape.width;
    let at10 = select(0u, (row * shape.width + left + 10u) * shape.out_vectors + channel, inside10);
    let value10 = select(vec4<f32>(), vec4<f32>(source[at10]), inside10);
    sum0 += value0 * w0;
    sum0 += value1 * w1;
    sum0 += value2 * w2;
    sum1 += value2 * w0;
    sum0 += value3 * w3;
    sum1 += value3 * w1;
    sum0 += value4 * w4;
    sum1 += value4 * w2;
    sum2 += value4 * w0;
    sum1 += value5 * w3;
    sum2 += value5 * w1;
    sum1 += value6 * w4;
    sum2 += value6 * w2;
    sum3 += value6 * w0;
    sum2 += value7 * w3;
    sum3 += value7 * w1;
    sum2 += value8 * w4;
    sum3 += value8 * w2;
    sum3 += value9 * w3;
    sum3 += value10 * w4;
  }
  if (x + 0u < shape.out_width) { store(y * shape.out_width + x + 0u, channel, sum0); }
  if (x + 1u < shape.out_width) { store(y * shape.out_width + x + 1u, channel, sum1); }
  if (x + 2u < shape.out_width) { store(y * shape.out_width + x + 2u, channel, sum2); }
  if (x + 3u < shape.out_width) { store(y * shape.out_width + x + 3u, channel, sum3); }
}
