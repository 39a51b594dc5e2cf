/**
 * @file The squeeze-and-excitation gate (Hu et al., "Squeeze-and-Excitation Networks", eq. 2 to 4; with a hard sigmoid as
 * in MobileNetV3): the mean of every channel over all pixels goes through two small layers and scales the channel.
 * Three kernels: `channelSums` (the mean, in slices), `channelGate` (slices, both layers), `scaleChannels` (the product);
 * instead of the last, the epilogue of a convolution may take the factors (`conv2d-epilogue.ts`).
 * The tensor is read twice and written once; sums are f32 and come in a fixed order. Layout NHWC, channels in whole
 * vec4s of which those that are left over are zero.
 */

import { declare, f32, type Kernel, type TypedBinding, traffic, vectorsOf, workgroupGrid } from './kernel.ts';
import { elementBytes, header, type Precision, wgsl } from './wgsl.ts';

export interface ChannelSums {
  label: string;
  /** Pixels of the tensor, `height * width`. */
  pixels: number;
  channels: number;
}

const threads = 64;

/**
 * Into how many slices the pixels are cut: enough for a GPU, few enough for one workgroup to add up.
 *
 * @example
 * gateSlices(160 * 160); // 64
 */
export const gateSlices = (pixels: number): number => Math.max(1, Math.min(64, Math.ceil(pixels / 64)));

const slicesBinding = (slices: number, channels: number) => ({
  bytes: slices * 16 * vectorsOf(channels),
  type: 'vec4<f32>',
});

/**
 * `output[slice, channel]` = the sum of `source[pixel, channel]` over the slice's pixels, f32.
 *
 * @example
 * const { code, bindings, dispatch } = channelSums({ label: 'sums', pixels: 160 * 160, channels: 96 }, { precision: 'f32' });
 */
export function channelSums(
  { label, pixels, channels }: ChannelSums,
  { precision }: { precision: Precision },
): Kernel {
  const slices = gateSlices(pixels);
  const vectors = vectorsOf(channels);
  const shape = { pixels, vectors, slices };
  const typed: TypedBinding[] = [
    {
      name: 'source',
      access: 'read',
      bytes: pixels * 4 * vectors * elementBytes(precision),
      type: `vec4<${precision}>`,
    },
    { name: 'output', access: 'read_write', ...slicesBinding(slices, channels) },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${header(precision)}${declarations}
@compute @workgroup_size(${threads})
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
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [Math.ceil((vectors * slices) / threads), 1, 1],
    flops: pixels * channels,
    bytes: traffic(typed),
  };
}

export interface ChannelGate {
  label: string;
  /** Pixels of the tensor that was averaged. */
  pixels: number;
  /** Its channels. */
  averaged: number;
  /** Channels between the two layers. */
  hidden: number;
  /** Channels that get a factor. */
  channels: number;
  /** The gate is `clamp(slope x + 0.5, 0, 1)`: 0.2 in PaddlePaddle, 1/6 in MobileNetV3. */
  slope: number;
  /** True where the tensor itself is added to the product (as in PP-OCR's neck): the factor is 1 more than the gate. */
  shortcut: boolean;
}

/** Most channels that a gate can average, or have between its layers: both stand in workgroup memory. */
export const maxGateChannels = 2048;

/**
 * Room for so many channels, the same for most gates of a network, so that they share a pipeline, and no more than that:
 * some compilers clear each number by itself.
 */
const room = (channels: number): number => Math.max(512, 2 ** Math.ceil(Math.log2(channels)));

/**
 * `factors` = hard sigmoid(W2 relu(W1 mean + b1) + b2), plus 1 with a shortcut; 0 in lanes that are left over.
 * Bindings: `sums` (of {@link channelSums}), `weights`, `bias` (both of {@link packGate}), `factors`; all f32.
 *
 * @example
 * const { code, bindings, dispatch } = channelGate({
 *   label: 'gate',
 *   pixels: 160 * 160,
 *   averaged: 96,
 *   hidden: 24,
 *   channels: 96,
 *   slope: 0.2,
 *   shortcut: true,
 * });
 */
export function channelGate(gate: ChannelGate): Kernel {
  const { label, pixels, averaged, hidden, channels, slope, shortcut } = gate;
  const slices = gateSlices(pixels);
  const stored = 4 * vectorsOf(channels);
  const shape = {
    ...{ pixels, slices, averaged, hidden, channels },
    ...{ slope: f32(slope), shortcut: f32(shortcut ? 1 : 0) },
  };
  const typed: TypedBinding[] = [
    { name: 'sums', access: 'read', bytes: slices * 4 * vectorsOf(averaged) * 4, type: 'f32' },
    { name: 'weights', access: 'read', bytes: (averaged + channels) * hidden * 4, type: 'f32' },
    { name: 'bias', access: 'read', bytes: (channels + hidden) * 4, type: 'f32' },
    { name: 'factors', access: 'read_write', bytes: stored * 4, type: 'f32' },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${declarations}
// The means of what is averaged, and behind them the units between the layers.
var<workgroup> memory: array<f32, ${room(averaged + hidden)}>;

@compute @workgroup_size(${threads})
fn main(@builtin(local_invocation_index) thread: u32) {
  // As stored.
  let columns = (shape.averaged + 3u) / 4u * 4u;
  for (var channel = thread; channel < shape.averaged; channel += ${threads}u) {
    var sum = 0.0;
    for (var slice = 0u; slice < shape.slices; slice++) { sum += sums[slice * columns + channel]; }
    memory[channel] = sum / f32(shape.pixels);
  }
  workgroupBarrier();
  for (var unit = thread; unit < shape.hidden; unit += ${threads}u) {
    var sum = bias[unit];
    for (var channel = 0u; channel < shape.averaged; channel++) {
      sum += weights[channel * shape.hidden + unit] * memory[channel];
    }
    memory[shape.averaged + unit] = max(sum, 0.0);
  }
  workgroupBarrier();
  let stored = (shape.channels + 3u) / 4u * 4u;
  for (var channel = thread; channel < stored; channel += ${threads}u) {
    var factor = 0.0;
    if (channel < shape.channels) {
      var sum = bias[shape.hidden + channel];
      for (var unit = 0u; unit < shape.hidden; unit++) {
        sum += weights[shape.averaged * shape.hidden + unit * shape.channels + channel] * memory[shape.averaged + unit];
      }
      factor = shape.shortcut + clamp(shape.slope * sum + 0.5, 0.0, 1.0);
    }
    factors[channel] = factor;
  }
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [1, 1, 1],
    flops: slices * averaged + 2 * (averaged + channels) * hidden,
    bytes: traffic(typed),
  };
}

/** Weights and biases of the two layers in PyTorch's layout: `[hidden, averaged]`, `[channels, hidden]`. */
export interface GateWeights {
  reduce: ArrayLike<number>;
  reduceBias: ArrayLike<number>;
  expand: ArrayLike<number>;
  expandBias: ArrayLike<number>;
}

/**
 * What {@link channelGate} binds: `weights` `[averaged, hidden]`, then `[hidden, channels]`; `bias` of both.
 *
 * @example
 * const { weights, bias } = packGate(
 *   { averaged: 96, hidden: 24, channels: 96 },
 *   {
 *     reduce: new Float32Array(24 * 96),
 *     reduceBias: new Float32Array(24),
 *     expand: new Float32Array(96 * 24),
 *     expandBias: new Float32Array(96),
 *   },
 * );
 */
export function packGate(
  { averaged, hidden, channels }: Pick<ChannelGate, 'averaged' | 'hidden' | 'channels'>,
  { reduce, reduceBias, expand, expandBias }: GateWeights,
): { weights: Float32Array<ArrayBuffer>; bias: Float32Array<ArrayBuffer> } {
  const weights = new Float32Array((averaged + channels) * hidden);
  for (let unit = 0; unit < hidden; unit++) {
    for (let channel = 0; channel < averaged; channel++) {
      weights[channel * hidden + unit] = reduce[unit * averaged + channel];
    }
    for (let channel = 0; channel < channels; channel++) {
      weights[averaged * hidden + unit * channels + channel] = expand[channel * hidden + unit];
    }
  }
  const bias = new Float32Array(hidden + channels);
  bias.set(reduceBias);
  bias.set(expandBias, hidden);
  return { weights, bias };
}

/**
 * `output = source * factors`. Bindings: `source`, `factors` (f32, of {@link channelGate}), `output`.
 *
 * @example
 * const { code, bindings, dispatch } = scaleChannels({ label: 'scale', pixels: 160 * 160, channels: 96 }, { precision: 'f32' });
 */
export function scaleChannels(
  { label, pixels, channels }: ChannelSums,
  { precision }: { precision: Precision },
): Kernel {
  const type = `vec4<${precision}>`;
  const vectors = vectorsOf(channels);
  const bytes = pixels * 4 * vectors * elementBytes(precision);
  const shape = { items: pixels * vectors, vectors };
  const typed: TypedBinding[] = [
    { name: 'source', access: 'read', bytes, type },
    { name: 'factors', access: 'read', bytes: vectors * 16, type: 'vec4<f32>' },
    { name: 'output', access: 'read_write', bytes, type },
  ];
  const { bindings, declarations } = declare(typed, shape);
  const code = wgsl`${header(precision)}${declarations}
@compute @workgroup_size(${threads})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * ${threads}u + id.x;
  if (item >= shape.items) { return; }
  output[item] = ${type}(vec4<f32>(source[item]) * factors[item % shape.vectors]);
}
`;
  return {
    label,
    code,
    bindings,
    shape,
    dispatch: [...workgroupGrid(Math.ceil((pixels * vectors) / threads)), 1],
    flops: pixels * channels,
    bytes: traffic(typed),
  };
}
