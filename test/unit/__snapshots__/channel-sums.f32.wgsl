@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
struct Shape { pixels: u32, vectors: u32, slices: u32 }
@group(0) @binding(2) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= shape.vectors * shape.slices) { return; }
  let vector = id.x % shape.vectors;
  let slice = id.x / shape.vectors;
  let end = (slice + 1u) * shape.pixels / shape.slices;
  var sum = vec4<f32>();
  for (var pixel = slice * shape.pixels / shape.slices; pixel < end; pixel++) {
    sum += vec4<f32>(source[pixel * shape.vectors + vector]);
  }
  output[id.x] = sum;
}
