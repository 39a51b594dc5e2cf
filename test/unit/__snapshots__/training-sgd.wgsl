@group(0) @binding(0) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> verdict: array<f32>;
@group(0) @binding(2) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> momenta: array<vec4<f32>>;
struct Shape { items: u32, learning_rate: f32, momentum: f32, weight_decay: f32 }
@group(0) @binding(4) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  if (verdict[2] == 0.0) { return; }
  let parameter = parameters[item];
  let gradient = gradients[item] * verdict[1] + shape.weight_decay * parameter;
  let momentum = shape.momentum * momenta[item] + gradient;
  momenta[item] = momentum;
  parameters[item] = parameter - shape.learning_rate * momentum;
}
