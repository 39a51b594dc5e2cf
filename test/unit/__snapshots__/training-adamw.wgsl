@group(0) @binding(0) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> verdict: array<f32>;
@group(0) @binding(2) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> first_moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> second_moments: array<vec4<f32>>;
struct Shape { items: u32, learning_rate: f32, correction1: f32, correction2: f32, beta1: f32, beta2: f32, remainder1: f32, remainder2: f32, epsilon: f32, weight_decay: f32 }
@group(0) @binding(5) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  if (verdict[2] == 0.0) { return; }
  let gradient = gradients[item] * verdict[1];
  let first = shape.beta1 * first_moments[item] + shape.remainder1 * gradient;
  let second = shape.beta2 * second_moments[item] + shape.remainder2 * gradient * gradient;
  first_moments[item] = first;
  second_moments[item] = second;
  let direction = first / shape.correction1 / (sqrt(second / shape.correction2) + shape.epsilon);
  let parameter = parameters[item];
  parameters[item] = parameter - shape.learning_rate * (shape.weight_decay * parameter + direction);
}
