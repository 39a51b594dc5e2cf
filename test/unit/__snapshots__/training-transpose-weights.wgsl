@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { items: u32, taps: u32, vectors: u32, out_vectors: u32 }
@group(0) @binding(2) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  let out_vector = item % shape.out_vectors;
  let vector = item / shape.out_vectors % shape.vectors;
  let tap = item / (shape.out_vectors * shape.vectors);
  let source_at = (tap * shape.vectors + vector) * 4u * shape.out_vectors + out_vector;
  let row0 = source[source_at + 0u * shape.out_vectors];
  let row1 = source[source_at + 1u * shape.out_vectors];
  let row2 = source[source_at + 2u * shape.out_vectors];
  let row3 = source[source_at + 3u * shape.out_vectors];
  let output_at = ((shape.taps - 1u - tap) * shape.out_vectors + out_vector) * 4u * shape.vectors + vector;
  output[output_at + 0u * shape.vectors] = vec4<f32>(row0[0], row1[0], row2[0], row3[0]);
  output[output_at + 1u * shape.vectors] = vec4<f32>(row0[1], row1[1], row2[1], row3[1]);
  output[output_at + 2u * shape.vectors] = vec4<f32>(row0[2], row1[2], row2[2], row3[2]);
  output[output_at + 3u * shape.vectors] = vec4<f32>(row0[3], row1[3], row2[3], row3[3]);
}
