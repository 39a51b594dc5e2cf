enable f16;
@group(0) @binding(0) var<storage, read> source: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f16>>;
struct Shape { height: u32, width: u32 }
@group(0) @binding(4) var<uniform> shape: Shape;
var<workgroup> stem: array<vec4<f32>, 578>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let channel = group.z * 2u;
  // The square of stem pixels starts one above and left of twice the first pooled pixel; -1 wraps around and
  // fails the comparisons.
  let top = group.y * 16u - 1u;
  let left = group.x * 16u - 1u;
  let slot0 = thread + 0u * 64u;
  let y0 = top + slot0 / 17u;
  let x0 = left + slot0 % 17u;
  var sum0_0 = bias[channel + 0u];
  var sum0_1 = bias[channel + 1u];
  let slot1 = thread + 1u * 64u;
  let y1 = top + slot1 / 17u;
  let x1 = left + slot1 % 17u;
  var sum1_0 = bias[channel + 0u];
  var sum1_1 = bias[channel + 1u];
  let slot2 = thread + 2u * 64u;
  let y2 = top + slot2 / 17u;
  let x2 = left + slot2 % 17u;
  var sum2_0 = bias[channel + 0u];
  var sum2_1 = bias[channel + 1u];
  let slot3 = thread + 3u * 64u;
  let y3 = top + slot3 / 17u;
  let x3 = left + slot3 % 17u;
  var sum3_0 = bias[channel + 0u];
  var sum3_1 = bias[channel + 1u];
  let slot4 = thread + 4u * 64u;
  let y4 = top + slot4 / 17u;
  let x4 = left + slot4 % 17u;
  var sum4_0 = bias[channel + 0u];
  var sum4_1 = bias[channel + 1u];
  var weight = channel;
  for (var tap = 0u; tap < 49u; tap++) {
    let tap_y = tap / 7u - 3u;
    let tap_x = tap % 7u - 3u;
    let w0_0 = weights[weight + (0u * 16u + 0u)];
    let w1_0 = weights[weight + (0u * 16u + 1u)];
    let w0_1 = weights[weight + (1u * 16u + 0u)];
    let w1_1 = weights[weight + (1u * 16u + 1u)];
    let w0_2 = weights[weight + (2u * 16u + 0u)];
    let w1_2 = weights[weight + (2u * 16u + 1u)];
    {
      let row = y0 * 2u + tap_y;
      let column = x0 * 2u + tap_x;
      let inside = row < shape.height && column < shape.width;
      let value = select(vec4<f16>(), source[select(0u, row * shape.width + column, inside)], inside);
      sum0_0 += vec4<f32>(value.x * w0_0 + value.y * w0_1 + value.z * w0_2);
      sum0_1 += vec4<f32>(value.x * w1_0 + value.y * w1_1 + value.z * w1_2);
    }
    {
      let row = y1 * 2u + tap_y;
      let column = x1 * 2u + tap_x;
      let inside = row < shape.height && column < shape.width;
      let value = select(vec4<f16>(), source[select(0u, row * shape.width + column, inside)], inside);
      sum1_0 += vec4<f32>(value.x * w0_0 + value.y * w0_1 + value.z * w0_2);
      sum1_1 += vec4<f32>(value.x * w1_0 + value.y * w1_1 + value.z * w1_2);
    }
    {
      let row = y2 * 2u + tap_y;
      let column = x2 * 2u + tap_x;
      let inside = row < shape.height && column < shape.width;
      let value = select(vec4<f16>(), source[select(0u, row * shape.width + column, inside)], inside);
      sum2_0 += vec4<f32>(value.x * w0_0 + value.y * w0_1 + value.z * w0_2);
      sum2_1 += vec4<f32>(value.x * w1_0 + value.y * w1_1 + value.z * w1_2);
    }
    {
      let row = y3 * 2u + tap_y;
      let column = x3 * 2u + tap_x;
      let inside = row < shape.height && column < shape.width;
      let value = select(vec4<f16>(), source[select(0u, row * shape.width + column, inside)], inside);
      sum3_0 += vec4<f32>(value.x * w0_0 + value.y * w0_1 + value.z * w0_2);
      sum3_1 += vec4<f32>(value.x * w1_0 + value.y * w1_1 + value.z * w1_2);
    }
    {
      let row = y4 * 2u + tap_y;
      let column = x4 * 2u + tap_x;
      let inside = row < shape.height && column < shape.width;
      let value = select(vec4<f16>(), source[select(0u, row * shape.width + column, inside)], inside);
      sum4_0 += vec4<f32>(value.x * w0_0 + value.y * w0_1 + value.z * w0_2);
      sum4_1 += vec4<f32>(value.x * w1_0 + value.y * w1_1 + value.z * w1_2);
    }
    weight += 64u;
  }
  if (slot0 < 289u) {
    // After the ReLU nothing is below 0, so 0 stands for pixels outside.
    let exists = y0 < shape.height / 2u && x0 < shape.width / 2u;
    stem[slot0 * 2u + 0u] = select(vec4<f32>(), max(sum0_0, vec4<f32>()), exists);
    stem[slot0 * 2u + 1u] = select(vec4<f32>(), max(sum0_1, vec4<f32>()), exists);
  }
  if (slot1 < 289u) {
    // After the ReLU nothing is below 0, so 0 stands for pixels outside.
    let exists = y1 < shape.height / 2u && x1 < shape.width / 2u;
    stem[slot1 * 2u + 0u] = select(vec4<f32>(), max(sum1_0, vec4<f32>()), exists);
    stem[slot1 * 2u + 1u] = select(vec4<f32>(), max(sum1_1, vec4<f32>()), exists);
  }
  if (slot2 < 289u) {
    // After the ReLU nothing is below 0, so 0 stands for pixels outside.
    let exists = y2 < shape.height / 2u && x2 < shape.width / 2u;
    stem[slot2 * 2u + 0u] = select(vec4<f32>(), max(sum2_0, vec4<f32>()), exists);
    stem[slot2 * 2u + 1u] = select(vec4<f32>(), max(sum2_1, vec4<f32>()), exists);
  }
  if (slot3 < 289u) {
    // After the ReLU nothing is below 0, so 0 stands for pixels outside.
    let exists = y3 < shape.height / 2u && x3 < shape.width / 2u;
    stem[slot3 * 2u + 0u] = select(vec4<f32>(), max(sum3_0, vec4<f32>()), exists);
    stem[slot3 * 2u + 1u] = select(vec4<f32>(), max(sum3_1, vec4<f32>()), exists);
  }
  if (slot4 < 289u) {
    // After the ReLU nothing is below 0, so 0 stands for pixels outside.
    let exists = y4 < shape.height / 2u && x4 < shape.width / 2u;
    stem[slot4 * 2u + 0u] = select(vec4<f32>(), max(sum4_0, vec4<f32>()), exists);
    stem[slot4 * 2u + 1u] = select(vec4<f32>(), max(sum4_1, vec4<f32>()), exists);
  }
  workgroupBarrier();
  for (var item = thread; item < 128u; item += 64u) {
    let pooled = item / 2u;
    let vector = item % 2u;
    let y = group.y * 8u + pooled / 8u;
    let x = group.x * 8u + pooled % 8u;
    if (y < shape.height / 4u && x < shape.width / 4u) {
      let first = (pooled / 8u) * 34u + (pooled % 8u) * 2u;
      var largest = vec4<f32>();
      for (var window = 0u; window < 9u; window++) {
        largest = max(largest, stem[(first + (window / 3u) * 17u + window % 3u) * 2u + vector]);
      }
      output[(y * (shape.width / 4u) + x) * 16u + channel + vector] = vec4<f16>(largest);
    }
  }
}
