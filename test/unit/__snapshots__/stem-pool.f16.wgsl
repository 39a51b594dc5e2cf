enable f16;
@group(0) @binding(0) var<storage, read> source: array<vec4<f16>>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f16>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f16>>;
struct Shape { height: u32, width: u32 }
@group(0) @binding(4) var<uniform> shape: Shape;
// First a patch of the image, red, green and blue apart, and in a row the even columns before the odd ones; then outputs.
var<workgroup> memory: array<f16, 4095>;
@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let channel = group.z * 8u;
  // The rectangle of stem pixels starts one above and left of twice the first pooled pixel; what is negative wraps
  // around and fails the comparisons.
  let top = group.y * 14u - 1u;
  let left = group.x * 16u - 1u;
  for (var i = thread; i < 1365u; i += 128u) {
    let column = i % 39u;
    let y = top * 2u + i / 39u - 3u;
    let x = left * 2u + select(column * 2u, (column - 20u) * 2u + 1u, column >= 20u) - 3u;
    let inside = (y < shape.height) & (x < shape.width);
    let value = select(vec4<f16>(), source[select(0u, y * shape.width + x, inside)], inside);
    memory[i] = value.x;
    memory[i + 1365u] = value.y;
    memory[i + 2730u] = value.z;
  }
  workgroupBarrier();
  let slot0 = min(thread + 0u * 128u, 254u);
  let corner0 = slot0 / 17u * 78u + slot0 % 17u;
  var sum0_0 = bias[channel + 0u];
  var sum0_1 = bias[channel + 1u];
  var sum0_2 = bias[channel + 2u];
  var sum0_3 = bias[channel + 3u];
  var sum0_4 = bias[channel + 4u];
  var sum0_5 = bias[channel + 5u];
  var sum0_6 = bias[channel + 6u];
  var sum0_7 = bias[channel + 7u];
  let slot1 = min(thread + 1u * 128u, 254u);
  let corner1 = slot1 / 17u * 78u + slot1 % 17u;
  var sum1_0 = bias[channel + 0u];
  var sum1_1 = bias[channel + 1u];
  var sum1_2 = bias[channel + 2u];
  var sum1_3 = bias[channel + 3u];
  var sum1_4 = bias[channel + 4u];
  var sum1_5 = bias[channel + 5u];
  var sum1_6 = bias[channel + 6u];
  var sum1_7 = bias[channel + 7u];
  var weight = channel;
  // One loop, not two: some compilers would unroll the inner one, beyond what instruction caches hold.
  for (var tap = 0u; tap < 49u; tap++) {
    let tap_x = tap % 7u;
    let offset = tap / 7u * 39u + tap_x % 2u * 20u + tap_x / 2u;
    let at0 = corner0 + offset;
    let value0 = vec3<f16>(memory[at0], memory[at0 + 1365u], memory[at0 + 2730u]);
    let at1 = corner1 + offset;
    let value1 = vec3<f16>(memory[at1], memory[at1 + 1365u], memory[at1 + 2730u]);
    let w0_0 = weights[weight + 0u * 16u + 0u];
    let w0_1 = weights[weight + 1u * 16u + 0u];
    let w0_2 = weights[weight + 2u * 16u + 0u];
    sum0_0 += vec4<f32>(value0.x * w0_0 + value0.y * w0_1 + value0.z * w0_2);
    sum1_0 += vec4<f32>(value1.x * w0_0 + value1.y * w0_1 + value1.z * w0_2);
    let w1_0 = weights[weight + 0u * 16u + 1u];
    let w1_1 = weights[weight + 1u * 16u + 1u];
    let w1_2 = weights[weight + 2u * 16u + 1u];
    sum0_1 += vec4<f32>(value0.x * w1_0 + value0.y * w1_1 + value0.z * w1_2);
    sum1_1 += vec4<f32>(value1.x * w1_0 + value1.y * w1_1 + value1.z * w1_2);
    let w2_0 = weights[weight + 0u * 16u + 2u];
    let w2_1 = weights[weight + 1u * 16u + 2u];
    let w2_2 = weights[weight + 2u * 16u + 2u];
    sum0_2 += vec4<f32>(value0.x * w2_0 + value0.y * w2_1 + value0.z * w2_2);
    sum1_2 += vec4<f32>(value1.x * w2_0 + value1.y * w2_1 + value1.z * w2_2);
    let w3_0 = weights[weight + 0u * 16u + 3u];
    let w3_1 = weights[weight + 1u * 16u + 3u];
    let w3_2 = weights[weight + 2u * 16u + 3u];
    sum0_3 += vec4<f32>(value0.x * w3_0 + value0.y * w3_1 + value0.z * w3_2);
    sum1_3 += vec4<f32>(value1.x * w3_0 + value1.y * w3_1 + value1.z * w3_2);
    let w4_0 = weights[weight + 0u * 16u + 4u];
    let w4_1 = weights[weight + 1u * 16u + 4u];
    let w4_2 = weights[weight + 2u * 16u + 4u];
    sum0_4 += vec4<f32>(value0.x * w4_0 + value0.y * w4_1 + value0.z * w4_2);
    sum1_4 += vec4<f32>(value1.x * w4_0 + value1.y * w4_1 + value1.z * w4_2);
    let w5_0 = weights[weight + 0u * 16u + 5u];
    let w5_1 = weights[weight + 1u * 16u + 5u];
    let w5_2 = weights[weight + 2u * 16u + 5u];
    sum0_5 += vec4<f32>(value0.x * w5_0 + value0.y * w5_1 + value0.z * w5_2);
    sum1_5 += vec4<f32>(value1.x * w5_0 + value1.y * w5_1 + value1.z * w5_2);
    let w6_0 = weights[weight + 0u * 16u + 6u];
    let w6_1 = weights[weight + 1u * 16u + 6u];
    let w6_2 = weights[weight + 2u * 16u + 6u];
    sum0_6 += vec4<f32>(value0.x * w6_0 + value0.y * w6_1 + value0.z * w6_2);
    sum1_6 += vec4<f32>(value1.x * w6_0 + value1.y * w6_1 + value1.z * w6_2);
    let w7_0 = weights[weight + 0u * 16u + 7u];
    let w7_1 = weights[weight + 1u * 16u + 7u];
    let w7_2 = weights[weight + 2u * 16u + 7u];
    sum0_7 += vec4<f32>(value0.x * w7_0 + value0.y * w7_1 + value0.z * w7_2);
    sum1_7 += vec4<f32>(value1.x * w7_0 + value1.y * w7_1 + value1.z * w7_2);
    weight += 64u;
  }
  workgroupBarrier();
  if (thread + 0u * 128u < 255u) {
    // After the ReLU nothing is below 0, so 0 stands for pixels outside.
    let exists = (top + slot0 / 17u < shape.height / 2u) & (left + slot0 % 17u < shape.width / 2u);
    memory[0u + slot0] = select(f16(), f16(max(sum0_0.x, 0.0)), exists);
    memory[255u + slot0] = select(f16(), f16(max(sum0_0.y, 0.0)), exists);
    memory[510u + slot0] = select(f16(), f16(max(sum0_0.z, 0.0)), exists);
    memory[765u + slot0] = select(f16(), f16(max(sum0_0.w, 0.0)), exists);
    memory[1020u + slot0] = select(f16(), f16(max(sum0_1.x, 0.0)), exists);
    memory[1275u + slot0] = select(f16(), f16(max(sum0_1.y, 0.0)), exists);
    memory[1530u + slot0] = select(f16(), f16(max(sum0_1.z, 0.0)), exists);
    memory[1785u + slot0] = select(f16(), f16(max(sum0_1.w, 0.0)), exists);
    memory[2040u + slot0] = select(f16(), f16(max(sum0_2.x, 0.0)), exists);
    memory[2295u + slot0] = select(f16(), f16(max(sum0_2.y, 0.0)), exists);
    memory[2550u + slot0] = select(f16(), f16(max(sum0_2.z, 0.0)), exists);
    memory[2805u + slot0] = select(f16(), f16(max(sum0_2.w, 0.0)), exists);
    memory[3060u + slot0] = select(f16(), f16(max(sum0_3.x, 0.0)), exists);
    memory[3315u + slot0] = select(f16(), f16(max(sum0_3.y, 0.0)), exists);
    memory[3570u + slot0] = select(f16(), f16(max(sum0_3.z, 0.0)), exists);
    memory[3825u + slot0] = select(f16(), f16(max(sum0_3.w, 0.0)), exists);
  }
  if (thread + 1u * 128u < 255u) {
    // After the ReLU nothing is below 0, so 0 stands for pixels outside.
    let exists = (top + slot1 / 17u < shape.height / 2u) & (left + slot1 % 17u < shape.width / 2u);
    memory[0u + slot1] = select(f16(), f16(max(sum1_0.x, 0.0)), exists);
    memory[255u + slot1] = select(f16(), f16(max(sum1_0.y, 0.0)), exists);
    memory[510u + slot1] = select(f16(), f16(max(sum1_0.z, 0.0)), exists);
    memory[765u + slot1] = select(f16(), f16(max(sum1_0.w, 0.0)), exists);
    memory[1020u + slot1] = select(f16(), f16(max(sum1_1.x, 0.0)), exists);
    memory[1275u + slot1] = select(f16(), f16(max(sum1_1.y, 0.0)), exists);
    memory[1530u + slot1] = select(f16(), f16(max(sum1_1.z, 0.0)), exists);
    memory[1785u + slot1] = select(f16(), f16(max(sum1_1.w, 0.0)), exists);
    memory[2040u + slot1] = select(f16(), f16(max(sum1_2.x, 0.0)), exists);
    memory[2295u + slot1] = select(f16(), f16(max(sum1_2.y, 0.0)), exists);
    memory[2550u + slot1] = select(f16(), f16(max(sum1_2.z, 0.0)), exists);
    memory[2805u + slot1] = select(f16(), f16(max(sum1_2.w, 0.0)), exists);
    memory[3060u + slot1] = select(f16(), f16(max(sum1_3.x, 0.0)), exists);
    memory[3315u + slot1] = select(f16(), f16(max(sum1_3.y, 0.0)), exists);
    memory[3570u + slot1] = select(f16(), f16(max(sum1_3.z, 0.0)), exists);
    memory[3825u + slot1] = select(f16(), f16(max(sum1_3.w, 0.0)), exists);
  }
  workgroupBarrier();
  for (var item = thread; item < 224u; item += 128u) {
    let place = item % 56u;
    let vector = item / 56u;
    let y = group.y * 7u + place / 8u;
    let x = group.x * 8u + place % 8u;
    if (y < shape.height / 4u && x < shape.width / 4u) {
      let first = vector * 1020u + (place / 8u) * 34u + (place % 8u) * 2u;
      var largest = vec4<f16>();
      for (var row = 0u; row < 3u; row++) {
        for (var column = 0u; column < 3u; column++) {
          let at = first + row * 17u + column;
          largest = max(largest, vec4<f16>(memory[at], memory[at + 255u], memory[at + 510u], memory[at + 765u]));
        }
      }
      output[(y * (shape.width / 4u) + x) * 16u + channel + 0u + vector] = largest;
    }
  }
  workgroupBarrier();
  if (thread + 0u * 128u < 255u) {
    // After the ReLU nothing is below 0, so 0 stands for pixels outside.
    let exists = (top + slot0 / 17u < shape.height / 2u) & (left + slot0 % 17u < shape.width / 2u);
    memory[0u + slot0] = select(f16(), f16(max(sum0_4.x, 0.0)), exists);
    memory[255u + slot0] = select(f16(), f16(max(sum0_4.y, 0.0)), exists);
    memory[510u + slot0] = select(f16(), f16(max(sum0_4.z, 0.0)), exists);
    memory[765u + slot0] = select(f16(), f16(max(sum0_4.w, 0.0)), exists);
    memory[1020u + slot0] = select(f16(), f16(max(sum0_5.x, 0.0)), exists);
    memory[1275u + slot0] = select(f16(), f16(max(sum0_5.y, 0.0)), exists);
    memory[1530u + slot0] = select(f16(), f16(max(sum0_5.z, 0.0)), exists);
    memory[1785u + slot0] = select(f16(), f16(max(sum0_5.w, 0.0)), exists);
    memory[2040u + slot0] = select(f16(), f16(max(sum0_6.x, 0.0)), exists);
    memory[2295u + slot0] = select(f16(), f16(max(sum0_6.y, 0.0)), exists);
    memory[2550u + slot0] = select(f16(), f16(max(sum0_6.z, 0.0)), exists);
    memory[2805u + slot0] = select(f16(), f16(max(sum0_6.w, 0.0)), exists);
    memory[3060u + slot0] = select(f16(), f16(max(sum0_7.x, 0.0)), exists);
    memory[3315u + slot0] = select(f16(), f16(max(sum0_7.y, 0.0)), exists);
    memory[3570u + slot0] = select(f16(), f16(max(sum0_7.z, 0.0)), exists);
    memory[3825u + slot0] = select(f16(), f16(max(sum0_7.w, 0.0)), exists);
  }
  if (thread + 1u * 128u < 255u) {
    // After the ReLU nothing is below 0, so 0 stands for pixels outside.
    let exists = (top + slot1 / 17u < shape.height / 2u) & (left + slot1 % 17u < shape.width / 2u);
    memory[0u + slot1] = select(f16(), f16(max(sum1_4.x, 0.0)), exists);
    memory[255u + slot1] = select(f16(), f16(max(sum1_4.y, 0.0)), exists);
    memory[510u + slot1] = select(f16(), f16(max(sum1_4.z, 0.0)), exists);
    memory[765u + slot1] = select(f16(), f16(max(sum1_4.w, 0.0)), exists);
    memory[1020u + slot1] = select(f16(), f16(max(sum1_5.x, 0.0)), exists);
    memory[1275u + slot1] = select(f16(), f16(max(sum1_5.y, 0.0)), exists);
    memory[1530u + slot1] = select(f16(), f16(max(sum1_5.z, 0.0)), exists);
    memory[1785u + slot1] = select(f16(), f16(max(sum1_5.w, 0.0)), exists);
    memory[2040u + slot1] = select(f16(), f16(max(sum1_6.x, 0.0)), exists);
    memory[2295u + slot1] = select(f16(), f16(max(sum1_6.y, 0.0)), exists);
    memory[2550u + slot1] = select(f16(), f16(max(sum1_6.z, 0.0)), exists);
    memory[2805u + slot1] = select(f16(), f16(max(sum1_6.w, 0.0)), exists);
    memory[3060u + slot1] = select(f16(), f16(max(sum1_7.x, 0.0)), exists);
    memory[3315u + slot1] = select(f16(), f16(max(sum1_7.y, 0.0)), exists);
    memory[3570u + slot1] = select(f16(), f16(max(sum1_7.z, 0.0)), exists);
    memory[3825u + slot1] = select(f16(), f16(max(sum1_7.w, 0.0)), exists);
  }
  workgroupBarrier();
  for (var item = thread; item < 224u; item += 128u) {
    let place = item % 56u;
    let vector = item / 56u;
    let y = group.y * 7u + place / 8u;
    let x = group.x * 8u + place % 8u;
    if (y < shape.height / 4u && x < shape.width / 4u) {
      let first = vector * 1020u + (place / 8u) * 34u + (place % 8u) * 2u;
      var largest = vec4<f16>();
      for (var row = 0u; row < 3u; row++) {
        for (var column = 0u; column < 3u; column++) {
          let at = first + row * 17u + column;
          largest = max(largest, vec4<f16>(memory[at], memory[at + 255u], memory[at + 510u], memory[at + 765u]));
        }
      }
      output[(y * (shape.width / 4u) + x) * 16u + channel + 4u + vector] = largest;
    }
  }
}
