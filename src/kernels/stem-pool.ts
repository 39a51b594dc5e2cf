/**
 * @file The stem in one kernel: convolution 7x7 of stride 2, bias, ReLU and max-pooling 3x3 of stride 2. NHWC.
 * A workgroup computes the convolution for a square of pooled pixels and its halo into workgroup memory and pools
 * from there, so that the largest tensor of the network (a quarter of the image's pixels, 64 channels) never exists.
 */

import { declare, type Kernel, type TypedBinding, traffic } from './kernel.ts';
import { multiplyAdd } from './tile-loop.ts';
import { elementBytes, header, type Precision, wgsl } from './wgsl.ts';

export interface StemPool {
  label: string;
  /** Size of the image of 3 channels, multiples of 4. */
  height: number;
  width: number;
  /** A multiple of 8. */
  outChannels: number;
}

const kernel = 7;
const threads = 64;
/** Side of the square of pooled pixels of a workgroup, and of the convolution's outputs that it needs. */
const side = 8;
const tile = 2 * side + 1;
/** Vectors of output channels of a workgroup. */
const vectors = 2;

/**
 * Bindings: `source`, `weights` (as `conv2d` packs them), `bias` (f32), `output`
 * (`[height / 4, width / 4, outChannels]`).
 */
export function stemPool(
  { label, height, width, outChannels }: StemPool,
  { precision }: { precision: Precision },
): Kernel {
  const type = `vec4<${precision}>`;
  const element = elementBytes(precision);
  const outVectors = outChannels / 4;
  const outHeight = height / 4;
  const outWidth = width / 4;
  const perThread = Math.ceil((tile * tile) / threads);
  const shape = { height, width };
  const typed: TypedBinding[] = [
    { name: 'source', access: 'read', bytes: height * width * 4 * element, type },
    { name: 'weights', access: 'read', bytes: kernel * kernel * 4 * outChannels * element, type },
    { name: 'bias', access: 'read', bytes: outChannels * 4, type: 'vec4<f32>' },
    {
      name: 'output',
      access: 'read_write',
      bytes: outHeight * outWidth * outChannels * element,
      type,
    },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${header(precision)}${declarations}
var<workgroup> stem: array<vec4<f32>, ${tile * tile * vectors}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let channel = group.z * ${vectors}u;
  // The square of stem pixels starts one above and left of twice the first pooled pixel; -1 wraps around and
  // fails the comparisons.
  let top = group.y * ${2 * side}u - 1u;
  let left = group.x * ${2 * side}u - 1u;
  #for p in 0..${perThread}
  let slot{p} = thread + {p}u * ${threads}u;
  let y{p} = top + slot{p} / ${tile}u;
  let x{p} = left + slot{p} % ${tile}u;
  #for v in 0..${vectors}
  var sum{p}_{v} = bias[channel + {v}u];
  #end
  #end
  var weight = channel;
  for (var tap = 0u; tap < ${kernel * kernel}u; tap++) {
    let tap_y = tap / ${kernel}u - ${(kernel - 1) / 2}u;
    let tap_x = tap % ${kernel}u - ${(kernel - 1) / 2}u;
    #for r in 0..3
    #for v in 0..${vectors}
    let w{v}_{r} = weights[weight + ({r}u * ${outVectors}u + {v}u)];
    #end
    #end
    #for p in 0..${perThread}
    {
      let row = y{p} * 2u + tap_y;
      let column = x{p} * 2u + tap_x;
      let inside = row < shape.height && column < shape.width;
      let value = select(${type}(), source[select(0u, row * shape.width + column, inside)], inside);
      #for v in 0..${vectors}
      ${multiplyAdd('sum{p}_{v}', 'value', 'w{v}', precision, 3)}
      #end
    }
    #end
    weight += ${4 * outVectors}u;
  }
  #for p in 0..${perThread}
  if (slot{p} < ${tile * tile}u) {
    // After the ReLU nothing is below 0, so 0 stands for pixels outside.
    let exists = y{p} < shape.height / 2u && x{p} < shape.width / 2u;
    #for v in 0..${vectors}
    stem[slot{p} * ${vectors}u + {v}u] = select(vec4<f32>(), max(sum{p}_{v}, vec4<f32>()), exists);
    #end
  }
  #end
  workgroupBarrier();
  for (var item = thread; item < ${side * side * vectors}u; item += ${threads}u) {
    let pooled = item / ${vectors}u;
    let vector = item % ${vectors}u;
    let y = group.y * ${side}u + pooled / ${side}u;
    let x = group.x * ${side}u + pooled % ${side}u;
    if (y < shape.height / 4u && x < shape.width / 4u) {
      let first = (pooled / ${side}u) * ${2 * tile}u + (pooled % ${side}u) * 2u;
      var largest = vec4<f32>();
      for (var window = 0u; window < 9u; window++) {
        largest = max(largest, stem[(first + (window / 3u) * ${tile}u + window % 3u) * ${vectors}u + vector]);
      }
      output[(y * (shape.width / 4u) + x) * ${outVectors}u + channel + vector] = ${type}(largest);
    }
  }
}
`;
  const dispatch = [Math.ceil(outWidth / side), Math.ceil(outHeight / side), outVectors / vectors] as const;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch,
    // With the halo, which neighbouring workgroups compute twice.
    flops: dispatch[0] * dispatch[1] * tile * tile * kernel * kernel * 3 * outChannels * 2,
    bytes: traffic(typed),
  };
}
