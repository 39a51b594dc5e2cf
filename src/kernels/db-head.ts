/**
 * @file The fused DB kernel: from the heads' quarter-resolution features to P, T and B in a single pass.
 * A 2x2 transposed convolution of stride 2 has no halo, so each quarter-resolution pixel becomes 4x4 outputs by
 * itself: 64 features -> ReLU(64 hidden) for each of 2x2 positions -> 2x2 logits each -> sigmoid, for both heads,
 * and then the differentiable binarization B = 1 / (1 + exp(-k (P - T))), paper eq. 2. Batch norm is folded in.
 */

import {
  declare,
  f32,
  type Kernel,
  type TypedBinding,
  traffic,
  type UniformValues,
  vectorsOf,
} from './kernel.ts';
import { eachOfFour, quadHeader, quadProducts, quadSum } from './quad.ts';
import { multiplyAdd } from './tile-loop.ts';
import { elementBytes, elementOf, header, type KernelOptions, wgsl } from './wgsl.ts';

export interface DbHead {
  label: string;
  /** Size of the features: a quarter of the maps'. */
  height: number;
  width: number;
  /** Features per head, and hidden channels between the transposed convolutions. */
  channels: number;
  /** `P` computes the probability map alone. */
  outputs: 'P' | 'PTB';
  /**
   * True where the features of both heads stand in one tensor, P's first: a multiple of 4 for each, so that both begin with a vec4.
   * False where each head has a tensor of its own.
   */
  merged: boolean;
  /**
   * Also writes the mask as bits: `[4 height, 4 width / 32]` words, bit i of a word being pixel 32 word + i.
   * Needs a width that is a multiple of 8, and as the kernel binds at most 8 buffers, not both heads unmerged.
   */
  mask: boolean;
  /** Steepness of the binarization; 50 in the paper. */
  k: number;
}

/** Vectors of hidden channels that a thread keeps in registers at a time, for all its pixels: features are read once for each. */
const hiddenVectors = (vectors: number, pixels: number): number =>
  [16, 8, 4, 2].find((count) => vectors % count === 0 && count * pixels <= 16) ?? 1;

/** Weights of one head, batch norm folded: PyTorch's layout of `ConvTranspose2d`, `[in, out, 2, 2]`. */
export interface DbHeadWeights {
  /** `[channels, channels, 2, 2]` */
  up1: ArrayLike<number>;
  /** `[channels]` */
  bias1: ArrayLike<number>;
  /** `[channels, 1, 2, 2]` */
  up2: ArrayLike<number>;
  /** `[1]` */
  bias2: ArrayLike<number>;
}

/**
 * What the kernel binds as `weights` and `bias`; features and hidden channels padded with zeros to whole vec4s, so that what
 * is left over stays zero through the ReLU and adds nothing.
 * `weights`, per head: `[position 4][feature][hidden]`, then `[hidden][position 4]`.
 * `bias`, per head: `[hidden]`, then the last bias four times.
 *
 * @example
 * const half = {
 *   up1: new Float32Array(64 * 64 * 4),
 *   bias1: new Float32Array(64),
 *   up2: new Float32Array(64 * 4),
 *   bias2: new Float32Array(1),
 * };
 * // Of P, and of T.
 * const { weights, bias } = packDbHead([half, half], 64);
 */
export function packDbHead(
  heads: readonly DbHeadWeights[],
  channels: number,
): { weights: Float32Array<ArrayBuffer>; bias: Float32Array<ArrayBuffer> } {
  const stored = 4 * vectorsOf(channels);
  const weights = new Float32Array(heads.length * (4 * stored * stored + 4 * stored));
  const bias = new Float32Array(heads.length * (stored + 4));
  let at = 0;
  let biasAt = 0;
  for (const { up1, bias1, up2, bias2 } of heads) {
    for (let position = 0; position < 4; position++) {
      for (let feature = 0; feature < channels; feature++) {
        for (let hidden = 0; hidden < channels; hidden++) {
          weights[at + feature * stored + hidden] = up1[(feature * channels + hidden) * 4 + position];
        }
      }
      at += stored * stored;
    }
    for (let i = 0; i < channels * 4; i++) weights[at + i] = up2[i];
    at += 4 * stored;
    for (let i = 0; i < channels; i++) bias[biasAt + i] = bias1[i];
    bias.fill(bias2[0], biasAt + stored, biasAt + stored + 4);
    biasAt += stored + 4;
  }
  return { weights, bias };
}

/**
 * The mask is 1 where the map `of` is above `threshold`: what the shape of {@link dbHead} says of it.
 *
 * @example
 * // What is text is where B is above a half.
 * const uniforms = maskUniforms({ of: 'B', threshold: 0.5 });
 */
export const maskUniforms = ({ of, threshold }: { of: 'P' | 'B'; threshold: number }): UniformValues => ({
  mask_threshold: f32(threshold),
  mask_of_binary: of === 'B' ? 1 : 0,
});

export interface DbHeadOptions extends KernelOptions {
  /** Feature pixels per thread. */
  pixels: number;
  /**
   * Whether quads of threads share the weights (`quad.ts`), with four pixels each; the device needs the feature `subgroups`.
   * Default: false.
   */
  quads?: boolean;
}

/**
 * The fused DB kernel.
 * Bindings: `features0` (P's, or both), `features1` (T's, where it has a tensor of its own), `weights`, `bias`
 * ({@link packDbHead}), then the maps `probability`, `threshold`, `binary`: f32, row-major `[4 height, 4 width]`, and
 * `mask`, whose threshold changes with {@link maskUniforms}.
 *
 * @example
 * const { code, bindings, dispatch } = dbHead({ label: 'head', height: 160, width: 160, channels: 64, outputs: 'PTB', merged: false, mask: false, k: 50 }, { precision: 'f32', pixels: 1 });
 */
export function dbHead(
  { label, height, width, channels, outputs, merged, mask, k }: DbHead,
  { precision, pixels: threadPixels, quads = false }: DbHeadOptions,
): Kernel {
  // Two threads of a quad have the pixels of a word of the mask.
  const pixels = quads ? 4 : threadPixels;
  const heads = outputs === 'P' ? 1 : 2;
  const element = elementBytes(precision);
  const type = `vec4<${precision}>`;
  const vectors = vectorsOf(channels);
  const stored = 4 * vectors;
  const stride = merged ? 2 * vectors : vectors;
  const total = height * width;
  const headWeights = 4 * stored * vectors + stored;
  const hidden = hiddenVectors(vectors, pixels);
  // Quads put the words of the mask together by themselves.
  const shared = mask && !quads;
  const words = (64 * pixels * 2) / 8;
  // Quads read features one by one.
  const { size, type: featureType } = elementOf({ precision, quads });
  const scalars = 4 / size;
  // The same number; quads must know that it is the same for all threads.
  const row = quads ? 'group.y' : 'id.y';
  const map = (name: string) => ({
    name,
    access: 'read_write' as const,
    bytes: total * 16 * 4,
    type: 'vec2<f32>',
  });
  const shape = { height, width, ...(mask ? maskUniforms({ of: 'P', threshold: 0 }) : {}) };
  const typed: TypedBinding[] = [
    ...Array.from({ length: merged ? 1 : heads }, (_, i) => ({
      name: `features${i}`,
      access: 'read' as const,
      bytes: total * stride * 4 * element,
      type: featureType,
    })),
    { name: 'weights', access: 'read' as const, bytes: heads * headWeights * 4 * element, type },
    { name: 'bias', access: 'read' as const, bytes: heads * (stored + 4) * 4, type: 'vec4<f32>' },
    map('probability'),
    ...(heads === 2 ? [map('threshold'), map('binary')] : []),
    ...(mask ? [{ name: 'mask', access: 'read_write' as const, bytes: total * 2, type: 'u32' }] : []),
  ];
  const storeCall = `store(first${pixels > 1 ? ' + i' : ''}, position, ${[pixels > 1 ? 'ps[i]' : 'p0', ...(heads === 2 ? [pixels > 1 ? 'ts[i]' : 't0'] : [])].join(', ')})`;
  const names = (map: string) => Array.from({ length: pixels }, (_, p) => `${map}${p}`).join(', ');
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${header(precision)}${quads ? quadHeader : ''}${declarations}
// Far from 0 the exponential would overflow; the sigmoid is 0 or 1 there in any case. What is not finite stays as it is, so
// that it is noticed; it is told from the bits, since compilers may assume that it does not occur.
fn sigmoid(x: vec4<f32>) -> vec4<f32> {
  let result = 1.0 / (1.0 + exp(-clamp(x, vec4<f32>(-80.0), vec4<f32>(80.0))));
  let bits = bitcast<vec4<u32>>(x);
  let exponent = vec4<u32>(0x7f800000u);
  return bitcast<vec4<f32>>(select(bitcast<vec4<u32>>(result), bits, (bits & exponent) == exponent));
}

#if ${shared}
// Eight neighbouring feature pixels fill one word in each of two rows; they are always in one workgroup.
var<workgroup> words: array<atomic<u32>, ${words}>;
#endif

#if ${mask}
// Gives the pixel's bits in the mask's words of two rows.
#endif
fn store(pixel: u32, position: u32, p_logits: vec4<f32>${heads === 2 ? ', t_logits: vec4<f32>' : ''})${mask ? ' -> vec2<u32>' : ''} {
  // In units of two outputs: the upper and the lower pair of the 2x2 block.
  let upper = ((pixel / shape.width) * 4u + (position / 2u) * 2u) * 2u * shape.width + (pixel % shape.width) * 2u + position % 2u;
  let lower = upper + 2u * shape.width;
  let p = sigmoid(p_logits);
  probability[upper] = p.xy;
  probability[lower] = p.zw;
  #if ${heads === 2}
  let t = sigmoid(t_logits);
  let b = sigmoid(${k.toFixed(6)} * (p - t));
  threshold[upper] = t.xy;
  threshold[lower] = t.zw;
  binary[upper] = b.xy;
  binary[lower] = b.zw;
  #endif
  #if ${mask}
  #if ${heads === 2}
  let compared = select(p, b, shape.mask_of_binary == 1u);
  #else
  let compared = p;
  #endif
  let above = vec4<u32>(compared > vec4<f32>(shape.mask_threshold));
  return (above.xz | (above.yw << vec2<u32>(1u))) << vec2<u32>((pixel % 8u) * 4u + (position % 2u) * 2u);
  #endif
}

#if ${mask}
// Where the word of a pixel stands, in one of the four rows of its maps.
fn mask_at(pixel: u32, row: u32) -> u32 {
  return ((pixel / shape.width) * 4u + row) * (shape.width / 8u) + (pixel % shape.width) / 8u;
}
#endif

fn feature(head: u32, pixel: u32, c: u32) -> ${featureType} {
  #if ${merged}
  return features0[pixel * ${stride * scalars}u + head * ${vectors * scalars}u + c];
  #else
  #if ${heads === 2}
  if (head == 1u) { return features1[pixel * ${stride * scalars}u + c]; }
  #endif
  return features0[pixel * ${stride * scalars}u + c];
  #endif
}

@compute @workgroup_size(64)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
  #if ${quads}
  @builtin(subgroup_invocation_id) invocation: u32,
  @builtin(workgroup_id) group: vec3<u32>,
  #endif
) {
  #if ${quads}
  let lane = invocation & 3u;
  #endif
  let first = id.x * ${pixels}u;
  let total = shape.height * shape.width;
  #for p in 0..${pixels}
  let pixel{p} = min(first + {p}u, total - 1u);
  #end
  #if ${shared}
  for (var word = thread; word < ${words}u; word += 64u) { atomicStore(&words[word], 0u); }
  workgroupBarrier();
  #elif ${mask}
  var bits = vec2<u32>();
  #endif
  // Which of the 2x2 positions of the first transposed convolution.
  for (var position = ${row} * 2u; position < ${row} * 2u + 2u; position++) {
    // The logits of ${heads === 2 ? 'P and T' : 'P'}.
    #for p in 0..${pixels}
    var p{p} = vec4<f32>();
    #if ${heads === 2}
    var t{p} = vec4<f32>();
    #endif
    #end
    for (var head = 0u; head < ${heads}u; head++) {
      let head_bias = head * ${vectors + 1}u;
      let head_weights = head * ${headWeights}u;
      #for p in 0..${pixels}
      var logits{p} = bias[head_bias + ${vectors}u];
      #end
      for (var block = 0u; block < ${vectors / hidden}u; block++) {
        // The first transposed convolution: ${4 * hidden} hidden channels from all features.
        #if ${quads}
        #for v in 0..${hidden}
        let bias{v} = bias[head_bias + block * ${hidden}u + {v}u];
        #end
        #for p in 0..${pixels}
        #for v in 0..${hidden}
        ${eachOfFour((lane) => `var sum{p}_{v}_${lane} = bias{v}.${lane};`)}
        #end
        #end
        var weight = head_weights + position * ${stored * vectors}u + block * ${hidden}u + lane * ${vectors}u;
        for (var c = 0u; c < ${vectors}u; c++) {
          ${quadProducts(
            { pixels, vectors: hidden },
            'weight',
            (k) => `feature(head, pixel{p}, c * 4u + (lane ^ ${k}u))`,
            precision,
          )}
          weight += ${4 * vectors}u;
        }
        #for p in 0..${pixels}
        #for v in 0..${hidden}
        let hidden{p}_{v} = ${quadSum};
        #end
        #end
        #else
        #for p in 0..${pixels}
        #for v in 0..${hidden}
        var hidden{p}_{v} = bias[head_bias + block * ${hidden}u + {v}u];
        #end
        #end
        var weight = head_weights + position * ${stored * vectors}u + block * ${hidden}u;
        for (var c = 0u; c < ${vectors}u; c++) {
          #for p in 0..${pixels}
          let value{p} = feature(head, pixel{p}, c);
          #end
          #for v in 0..${hidden}
          #for r in 0..4
          let w{v}_{r} = weights[weight + ({r}u * ${vectors}u + {v}u)];
          #end
          #for p in 0..${pixels}
          ${multiplyAdd('hidden{p}_{v}', 'value{p}', 'w{v}', precision)}
          #end
          #end
          weight += ${4 * vectors}u;
        }
        #endif
        // Its ReLU, and what these channels add to the logits of the second.
        let last = head_weights + ${4 * stored * vectors}u + block * ${4 * hidden}u;
        #for v in 0..${hidden}
        {
          #if ${quads}
          let own = vec4<f32>(weights[last + {v}u * 4u + lane]);
          #for i in 0..4
          let u{i} = quadBroadcast(own, {i}u);
          #end
          #else
          #for i in 0..4
          let u{i} = vec4<f32>(weights[last + ({v}u * 4u + {i}u)]);
          #end
          #endif
          #for p in 0..${pixels}
          {
            let units = max(hidden{p}_{v}, vec4<f32>());
            logits{p} += units.x * u0 + units.y * u1 + units.z * u2 + units.w * u3;
          }
          #end
        }
        #end
      }
      #for p in 0..${pixels}
      #if ${heads === 2}
      if (head == 0u) { p{p} = logits{p}; } else { t{p} = logits{p}; }
      #else
      p{p} = logits{p};
      #endif
      #end
    }
    #if ${pixels > 1}
    // A loop, since the writes would be compiled as often as there are pixels.
    var ps = array<vec4<f32>, ${pixels}>(${names('p')});
    #if ${heads === 2}
    var ts = array<vec4<f32>, ${pixels}>(${names('t')});
    #endif
    for (var i = 0u; i < ${pixels}u && first + i < total; i++) {
    #else
    if (first < total) {
    #endif
      #if ${shared}
      let bits = ${storeCall};
      let word = ${pixels > 1 ? `(thread * ${pixels}u + i)` : 'thread'} / 8u * 2u;
      atomicOr(&words[word], bits.x);
      atomicOr(&words[word + 1u], bits.y);
      #else
      ${mask ? 'bits |= ' : ''}${storeCall};
      #endif
    }
  }
  #if ${shared}
  workgroupBarrier();
  for (var word = thread; word < ${words}u; word += 64u) {
    let pixel = (id.x - thread) * ${pixels}u + word / 2u * 8u;
    if (pixel < total) { mask[mask_at(pixel, id.y * 2u + word % 2u)] = atomicLoad(&words[word]); }
  }
  #elif ${mask}
  // Two threads have the bits of a word in each of two rows: one writes the first, the other the second.
  let whole = bits | quadSwapX(bits);
  if (first < total) { mask[mask_at(first, id.y * 2u + lane % 2u)] = select(whole.x, whole.y, lane % 2u == 1u); }
  #endif
}
`;
  return {
    label: `${label} (${quads ? 'quad' : `${pixels} px`})`,
    code,
    bindings,
    shape,
    dispatch: [Math.ceil(Math.ceil(total / pixels) / 64), 2, 1],
    flops: 2 * total * heads * (4 * channels * channels + 16 * channels),
    bytes: traffic(typed),
  };
}
