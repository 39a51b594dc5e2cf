/**
 * @file The stem in one kernel: convolution 7x7 of stride 2, bias, ReLU and max-pooling 3x3 of stride 2. NHWC.
 * A workgroup reads a patch of the image into workgroup memory once, computes the convolution for a rectangle of pooled
 * pixels and its halo, and pools through the same memory, so that the largest tensor of the network (a quarter of the
 * image's pixels, 64 channels) never exists. All threads have the same channels: weights are read once for all.
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
const threads = 128;
/** Pooled pixels of a workgroup, and the convolution's outputs that they need: 255, two for each thread. */
const pooled = { width: 8, height: 7 };
const stem = { width: 2 * pooled.width + 1, height: 2 * pooled.height + 1 };
const perThread = Math.ceil((stem.width * stem.height) / threads);
/** The part of the image that these need. */
const patch = { width: 2 * stem.width + kernel - 2, height: 2 * stem.height + kernel - 2 };
const patchPixels = patch.width * patch.height;
const evenColumns = Math.ceil(patch.width / 2);
/** Vectors of channels whose outputs fit into the patch's memory. */
const pooledVectors = 4;

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
  /** Vectors of output channels of a workgroup. */
  const vectors = [8, 4, 2].find((count) => outVectors % count === 0) ?? 1;
  const parts = Math.ceil(vectors / pooledVectors);
  const partVectors = vectors / parts;
  const slots = stem.width * stem.height;
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
  /** Pools some of the channels through workgroup memory. */
  const pool = (part: number): string => wgsl`
  workgroupBarrier();
  #for p in 0..${perThread}
  if (thread + {p}u * ${threads}u < ${slots}u) {
    // After the ReLU nothing is below 0, so 0 stands for pixels outside.
    let exists = (top + slot{p} / ${stem.width}u < shape.height / 2u) & (left + slot{p} % ${stem.width}u < shape.width / 2u);
    ${Array.from({ length: partVectors }, (_, v) =>
      [...'xyzw']
        .map(
          (component, i) =>
            `memory[${(4 * v + i) * slots}u + slot{p}] = select(${precision}(), ${precision}(max(sum{p}_${part * partVectors + v}.${component}, 0.0)), exists);`,
        )
        .join('\n'),
    ).join('\n')}
  }
  #end
  workgroupBarrier();
  for (var item = thread; item < ${pooled.width * pooled.height * partVectors}u; item += ${threads}u) {
    let place = item % ${pooled.width * pooled.height}u;
    let vector = item / ${pooled.width * pooled.height}u;
    let y = group.y * ${pooled.height}u + place / ${pooled.width}u;
    let x = group.x * ${pooled.width}u + place % ${pooled.width}u;
    if (y < shape.height / 4u && x < shape.width / 4u) {
      let first = vector * ${4 * slots}u + (place / ${pooled.width}u) * ${2 * stem.width}u + (place % ${pooled.width}u) * 2u;
      var largest = ${type}();
      for (var row = 0u; row < 3u; row++) {
        for (var column = 0u; column < 3u; column++) {
          let at = first + row * ${stem.width}u + column;
          largest = max(largest, ${type}(memory[at], memory[at + ${slots}u], memory[at + ${2 * slots}u], memory[at + ${3 * slots}u]));
        }
      }
      output[(y * (shape.width / 4u) + x) * ${outVectors}u + channel + ${part * partVectors}u + vector] = largest;
    }
  }`;
  const code = wgsl`${header(precision)}${declarations}
// First a patch of the image, red, green and blue apart, and in a row the even columns before the odd ones; then outputs.
var<workgroup> memory: array<${precision}, ${Math.max(3 * patchPixels, 4 * partVectors * slots)}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let channel = group.z * ${vectors}u;
  // The rectangle of stem pixels starts one above and left of twice the first pooled pixel; what is negative wraps
  // around and fails the comparisons.
  let top = group.y * ${2 * pooled.height}u - 1u;
  let left = group.x * ${2 * pooled.width}u - 1u;
  for (var i = thread; i < ${patchPixels}u; i += ${threads}u) {
    let column = i % ${patch.width}u;
    let y = top * 2u + i / ${patch.width}u - ${(kernel - 1) / 2}u;
    let x = left * 2u + select(column * 2u, (column - ${evenColumns}u) * 2u + 1u, column >= ${evenColumns}u) - ${(kernel - 1) / 2}u;
    let inside = (y < shape.height) & (x < shape.width);
    let value = select(${type}(), source[select(0u, y * shape.width + x, inside)], inside);
    memory[i] = value.x;
    memory[i + ${patchPixels}u] = value.y;
    memory[i + ${2 * patchPixels}u] = value.z;
  }
  workgroupBarrier();
  #for p in 0..${perThread}
  let slot{p} = min(thread + {p}u * ${threads}u, ${slots - 1}u);
  let corner{p} = slot{p} / ${stem.width}u * ${2 * patch.width}u + slot{p} % ${stem.width}u;
  #for v in 0..${vectors}
  var sum{p}_{v} = bias[channel + {v}u];
  #end
  #end
  var weight = channel;
  // One loop, not two: some compilers would unroll the inner one, beyond what instruction caches hold.
  for (var tap = 0u; tap < ${kernel * kernel}u; tap++) {
      let tap_x = tap % ${kernel}u;
    let offset = tap / ${kernel}u * ${patch.width}u + tap_x % 2u * ${evenColumns}u + tap_x / 2u;
    #for p in 0..${perThread}
    let at{p} = corner{p} + offset;
    let value{p} = vec3<${precision}>(memory[at{p}], memory[at{p} + ${patchPixels}u], memory[at{p} + ${2 * patchPixels}u]);
    #end
    #for v in 0..${vectors}
    #for r in 0..3
    let w{v}_{r} = weights[weight + {r}u * ${outVectors}u + {v}u];
    #end
    #for p in 0..${perThread}
    ${multiplyAdd('sum{p}_{v}', 'value{p}', 'w{v}', precision, 3)}
    #end
    #end
    weight += ${4 * outVectors}u;
  }
  ${Array.from({ length: parts }, (_, part) => pool(part)).join('\n')}
}
`;
  const dispatch = [
    Math.ceil(outWidth / pooled.width),
    Math.ceil(outHeight / pooled.height),
    outVectors / vectors,
  ] as const;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch,
    // With the halo, which neighbouring workgroups compute twice.
    flops: dispatch[0] * dispatch[1] * slots * kernel * kernel * 3 * outChannels * 2,
    bytes: traffic(typed),
  };
}
