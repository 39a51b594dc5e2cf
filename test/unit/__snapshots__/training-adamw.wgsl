@group(0) @binding(0) var<storage, read> gradients: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> verdict: array<f32>;
@group(0) @binding(2) var<storage, read_write> parameters: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> first_moments: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read_write> second_moments: array<vec4<f32>>;
struct Shape { items: u32, learning_rate: u32, correction1: u32, correction2: u32, beta1: u32, beta2: u32, remainder1: u32, remainder2: u32, epsilon: u32, weight_decay: u32 }
@group(0) @binding(5) var<uniform> shape: Shape;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  if (item >= shape.items) { return; }
  if (verdict[2] == 0.0) { return; }
  let rate = bitcast<f32>(shape.learning_rate);
  let gradient = gradients[item] * verdict[1];
  let first = bitcast<f32>(shape.beta1) * first_moments[item] + bitcast<f32>(shape.remainder1) * gradient;
  let second = bitcast<f32>(shape.beta2) * second_moments[item] + bitcast<f32>(shape.remainder2) * gradient * gradient;
  first_moments[item] = first;
  second_moments[item] = second;
  let direction = first / bitcast<f32>(shape.correction1) / (sqrt(second / bitcast<f32>(shape.correction2)) + bitcast<f32>(shape.epsilon));
  let parameter = parameters[item];
  parameters[item] = parameter - rate * (bitcast<f32>(shape.weight_decay) * parameter + direction);
}
