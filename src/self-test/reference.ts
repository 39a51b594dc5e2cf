/**
 * @file What layers give, by their definitions, in f64 and plain loops. Tensors `[planes, height, width, channels]`. It knows
 * nothing of kernels, so that it cannot err as they do.
 */

import type { ShapeOf, TensorShape } from '../graph/operation.ts';
import type { Epilogue } from '../graph/operations/conv2d.ts';
import type { Operation } from '../graph/operations/index.ts';
import type { Activation } from '../kernels/activation.ts';

type Values = Float64Array;

/** What a layer is computed from. */
export interface Environment {
  /** The values of a tensor that the layer reads. */
  get: (tensor: string) => Values;
  shapeOf: ShapeOf;
  parameter: (name: string) => ArrayLike<number>;
}

/**
 * The values of the layer's outputs in their order, NaN for those that are not looked at; of tensors between its kernels none, and
 * neither B nor the mask.
 */
export function outputsByDefinition(operations: readonly Operation[], environment: Environment): Values[] {
  const [first, products, output] = operations;
  if (products?.op !== 'winogradProducts' || output?.op !== 'winogradOutput') {
    const meaning: Meaning<Operation> = meanings[first.op as keyof typeof meanings];
    return meaning(first, environment);
  }
  const { weight, inChannels } = products;
  const source = { tensor: output.like, weight, inChannels, kernel: 3, stride: 1, padding: ones };
  return meanings.conv2d({ ...output, op: 'conv2d', sources: [source] }, environment);
}

export const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

const ones = { top: 1, left: 1, bottom: 1, right: 1 };

interface Window {
  kernel: number;
  stride: number;
  padding: { top: number; left: number };
}

type Size = Pick<TensorShape, 'height' | 'width' | 'channels'>;

/** What an operation writes. A method, so that the table can be indexed by any operation. */
type Meaning<O> = { of(operation: O, environment: Environment): Values[] }['of'];

type WinogradStep = `winograd${string}`;

const meanings: { [Op in Exclude<Operation['op'], WinogradStep>]: Meaning<Operation & { op: Op }> } = {
  conv2d(operation, environment) {
    const { sources, output } = operation;
    const { get, shapeOf, parameter } = environment;
    const out = shapeOf(output);
    const sums = zeros(out);
    const wanted = sampled(out);
    for (const { tensor, weight, ...window } of sources) {
      addConvolution(sums, out, get(tensor), shapeOf(tensor), parameter(weight), window, wanted);
    }
    return [onlyWanted(withEpilogue(sums, operation, environment), out.channels, wanted)];
  },
  deformConv2d(operation, environment) {
    const { input, offsets, output, weight, flatOffsets, stride, padding } = operation;
    const { get, shapeOf, parameter } = environment;
    const [source, from] = [get(input), shapeOf(input)];
    const { height, width, channels } = shapeOf(output);
    const given = get(offsets);
    const area = given.length / 27;
    // With flat offsets the first numbers of [18, area] and of [9, area] are taken for [18, pixels] and [9, pixels].
    const offset = (pixel: number, channel: number): number => {
      if (!flatOffsets) return given[pixel * 27 + channel];
      const first = channel < 18 ? 0 : 18;
      const at = (channel - first) * height * width + pixel;
      return given[(at % area) * 27 + first + Math.floor(at / area)];
    };
    // A picture of 3x3 samples for each pixel, under a window that steps from one to the next.
    const samples = { height: 3 * height, width: 3 * width, channels: from.channels };
    const values = zeros(samples);
    for (let pixel = 0; pixel < height * width; pixel++) {
      const [y, x] = [Math.floor(pixel / width), pixel % width];
      for (let tap = 0; tap < 9; tap++) {
        const [ky, kx] = [Math.floor(tap / 3), tap % 3];
        const row = y * stride - padding.top + ky + offset(pixel, 2 * tap);
        const column = x * stride - padding.left + kx + offset(pixel, 2 * tap + 1);
        const mask = sigmoid(offset(pixel, 18 + tap));
        const to = ((3 * y + ky) * samples.width + 3 * x + kx) * from.channels;
        for (const i of [Math.floor(row), Math.floor(row) + 1]) {
          for (const j of [Math.floor(column), Math.floor(column) + 1]) {
            if (i < 0 || i >= from.height || j < 0 || j >= from.width) continue;
            const share = mask * (1 - Math.abs(row - i)) * (1 - Math.abs(column - j));
            const at = (i * from.width + j) * from.channels;
            for (let c = 0; c < from.channels; c++) values[to + c] += share * source[at + c];
          }
        }
      }
    }
    const out = { height, width, channels };
    const sums = zeros(out);
    const window = { kernel: 3, stride: 3, padding: { top: 0, left: 0 } };
    const wanted = sampled(out);
    addConvolution(sums, out, values, samples, parameter(weight), window, wanted);
    return [onlyWanted(withEpilogue(sums, operation, environment), channels, wanted)];
  },
  depthwiseConv2d(operation, environment) {
    const { input, output, weight, channels, kernel } = operation;
    const { get, shapeOf, parameter } = environment;
    const [source, weights] = [get(input), parameter(weight)];
    const sums = zeros(shapeOf(output));
    eachTap(shapeOf(output), shapeOf(input), operation, (to, from, tap) => {
      for (let c = 0; c < channels; c++) {
        sums[to * channels + c] += source[from * channels + c] * weights[c * kernel * kernel + tap];
      }
    });
    return [withEpilogue(sums, { ...operation, residuals: [], outChannels: channels }, environment)];
  },
  channelGate(operation, environment) {
    const { input, channels } = operation;
    const factors = factorsOf(operation, environment);
    return [environment.get(input).map((value, i) => value * factors[i % channels])];
  },
  gateFactors(operation, environment) {
    const factors = zeros(environment.shapeOf(operation.output));
    factors.set(factorsOf(operation, environment));
    return [factors];
  },
  upsampledConv2d({ input, output, weight, scale }, { get, shapeOf, parameter }) {
    const { height, width, channels: inChannels } = shapeOf(input);
    const { channels, planes } = shapeOf(output);
    const large = { height: height * scale, width: width * scale, channels: inChannels };
    const full = { ...large, channels };
    const sums = zeros(full);
    const window = { kernel: 3, stride: 1, padding: ones };
    // Of the copies of a pixel the first, one between, and the last stand for all.
    const copies = scale === 2 ? [0, 1] : [0, 1, scale - 1];
    const isSampled = sampled({ height, width }, 12);
    const wanted = (to: number): boolean => {
      const [y, x] = [Math.floor(to / full.width), to % full.width];
      const isCopy = copies.includes(y % scale) && copies.includes(x % scale);
      return isCopy && isSampled(Math.floor(y / scale) * width + Math.floor(x / scale));
    };
    const source = upsampled(get(input), shapeOf(input), scale);
    addConvolution(sums, full, source, large, parameter(weight), window, wanted);
    const images = zeros({ height: planes * height, width, channels });
    let at = 0;
    for (const dy of copies) {
      for (const dx of copies) {
        for (let pixel = 0; pixel < height * width; pixel++, at += channels) {
          const row = Math.floor(pixel / width) * scale + dy;
          const from = (row * full.width + (pixel % width) * scale + dx) * channels;
          images.set(sums.subarray(from, from + channels), at);
        }
      }
    }
    return [onlyWanted(images, channels, (pixel) => isSampled(pixel % (height * width)))];
  },
  maxPool({ input, output, ...window }, { get, shapeOf }) {
    return [pooled(get(input), shapeOf(input), shapeOf(output), window)];
  },
  stemPool({ input, output, weight, bias, outChannels: channels }, { get, shapeOf, parameter }) {
    const { height, width } = shapeOf(input);
    const stem = { height: height / 2, width: width / 2, channels };
    const sums = zeros(stem);
    const window = { kernel: 7, stride: 2, padding: { top: 3, left: 3 } };
    const pool = { kernel: 3, stride: 2, padding: ones };
    const wanted = sampled(shapeOf(output));
    const seen = new Set<number>();
    eachTap(shapeOf(output), stem, pool, (_, from) => seen.add(from), wanted);
    addConvolution(sums, stem, get(input), shapeOf(input), parameter(weight), window, (to) => seen.has(to));
    const biases = parameter(bias);
    const values = sums.map((sum, i) => Math.max(sum + biases[i % channels], 0));
    return [onlyWanted(pooled(values, stem, shapeOf(output), pool), channels, wanted)];
  },
  upsampleAdd({ lateral, top }, { get, shapeOf }) {
    const added = upsampled(get(top), shapeOf(top), 2);
    return [get(lateral).map((value, i) => value + added[i])];
  },
  upsampleConcat({ inputs, output, scales }, { get, shapeOf }) {
    const { channels } = shapeOf(output);
    const result = zeros(shapeOf(output));
    let before = 0;
    for (const [i, input] of inputs.entries()) {
      const own = shapeOf(input).channels;
      upsampled(get(input), shapeOf(input), scales[i]).forEach((value, at) => {
        result[Math.floor(at / own) * channels + before + (at % own)] = value;
      });
      before += own;
    }
    return [result];
  },
  dbHead({ features, heads, channels }, { get, shapeOf, parameter }) {
    const { height, width, channels: stored } = shapeOf(features[0]);
    const wanted = sampled({ height, width });
    return heads.map(({ up1, up2 }, head) => {
      const [together, values] = [features.length < heads.length, get(features[head] ?? features[0])];
      const [first, second] = [parameter(up1.weight), parameter(up2.weight)];
      const bias = up1.bias ? parameter(up1.bias) : new Float64Array(channels);
      const [last] = Array.from(parameter(up2.bias));
      const map = zeros({ height: 4 * height, width: 4 * width, channels: 1 });
      map.fill(Number.NaN);
      for (let pixel = 0; pixel < height * width; pixel++) {
        if (!wanted(pixel)) continue;
        const from = pixel * stored + (together ? head * channels : 0);
        for (let outer = 0; outer < 4; outer++) {
          const logits = [last, last, last, last];
          for (let h = 0; h < channels; h++) {
            let hidden = bias[h];
            for (let c = 0; c < channels; c++)
              hidden += values[from + c] * first[(c * channels + h) * 4 + outer];
            for (let inner = 0; inner < 4; inner++)
              logits[inner] += Math.max(hidden, 0) * second[h * 4 + inner];
          }
          logits.forEach((logit, inner) => {
            const y = 4 * Math.floor(pixel / width) + 2 * (outer >> 1) + (inner >> 1);
            map[y * 4 * width + 4 * (pixel % width) + 2 * (outer & 1) + (inner & 1)] = sigmoid(logit);
          });
        }
      }
      return map;
    });
  },
};

/**
 * Of many pixels some: definitions are slow. So many from one to the next as no tile has a multiple of, so that each place in a tile
 * is looked at.
 */
function sampled({ height, width }: Pick<Size, 'height' | 'width'>, count = 32): (pixel: number) => boolean {
  const every = 2 * Math.floor((height * width) / (2 * count)) + 1;
  return (pixel) => pixel % every === 0;
}

/** With NaN for what is not known. */
const onlyWanted = (values: Values, channels: number, wanted: (pixel: number) => boolean): Values =>
  values.map((value, i) => (wanted(Math.floor(i / channels)) ? value : Number.NaN));

const zeros = ({ height, width, channels }: Size): Values => new Float64Array(height * width * channels);

/** Visits the taps of a window that fall into the source: pixel of the output, pixel of the source, number of the tap. */
function eachTap(
  out: Size,
  { height, width }: Size,
  { kernel, stride, padding }: Window,
  visit: (to: number, from: number, tap: number) => void,
  wanted: (to: number) => boolean = () => true,
): void {
  for (let to = 0; to < out.height * out.width; to++) {
    if (!wanted(to)) continue;
    const top = Math.floor(to / out.width) * stride - padding.top;
    const left = (to % out.width) * stride - padding.left;
    for (let tap = 0; tap < kernel * kernel; tap++) {
      const [y, x] = [top + Math.floor(tap / kernel), left + (tap % kernel)];
      if (y >= 0 && y < height && x >= 0 && x < width) visit(to, y * width + x, tap);
    }
  }
}

/** Adds a convolution to sums; weights `[out, in, kernel, kernel]`. */
function addConvolution(
  sums: Values,
  out: Size,
  source: Values,
  size: Size,
  weights: ArrayLike<number>,
  window: Window,
  wanted?: (to: number) => boolean,
): void {
  const { channels } = size;
  const taps = window.kernel ** 2;
  // Output channels side by side: most of the time is spent here.
  const packed = new Float64Array(taps * channels * out.channels);
  for (let i = 0; i < packed.length; i++) {
    const o = i % out.channels;
    const c = Math.floor(i / out.channels) % channels;
    packed[i] = weights[(o * channels + c) * taps + Math.floor(i / (out.channels * channels))];
  }
  const add = (to: number, from: number, tap: number): void => {
    for (let c = 0; c < channels; c++) {
      const value = source[from * channels + c];
      const row = (tap * channels + c) * out.channels;
      for (let o = 0; o < out.channels; o++) sums[to * out.channels + o] += value * packed[row + o];
    }
  };
  eachTap(out, size, window, add, wanted);
}

const activationOf: Record<Activation, (x: number) => number> = {
  none: (x) => x,
  relu: (x) => Math.max(x, 0),
  hardswish: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
};

/** The error function by its series, all of whose terms are positive in this form. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, sum] = [x, 0];
  for (let n = 0; Math.abs(term) > 1e-12; n++) {
    sum += term;
    term *= (2 * x * x) / (2 * n + 3);
  }
  return (sum * 2 * Math.exp(-x * x)) / Math.sqrt(Math.PI);
}

/** `affine(activation((sums + bias) * factors + residuals))` */
function withEpilogue(
  sums: Values,
  { output, bias, factors, residuals, activation, affine }: Omit<Epilogue, 'name'>,
  { get, shapeOf, parameter }: Environment,
): Values {
  const { width, channels } = shapeOf(output);
  const biases = bias === undefined ? undefined : parameter(bias);
  const scales = factors === undefined ? undefined : get(factors);
  const added = residuals.map(({ tensor, kind }) => {
    const [values, from] = [get(tensor), shapeOf(tensor)];
    const scale = width / from.width;
    const classOf = (copy: number) => (scale === 2 || copy === 0 ? copy : copy === scale - 1 ? 2 : 1);
    const count = Math.sqrt(from.planes);
    return (y: number, x: number) => {
      const plane = kind === 'classes' ? classOf(y % scale) * count + classOf(x % scale) : 0;
      const row = plane * from.height + Math.floor(y / scale);
      const at = (row * from.width + Math.floor(x / scale)) * channels;
      return values.subarray(at, at + channels);
    };
  });
  return sums.map((sum, i) => {
    const c = i % channels;
    const pixel = Math.floor(i / channels);
    let value = (sum + (biases?.[c] ?? 0)) * (scales?.[c] ?? 1);
    for (const residual of added) value += residual(Math.floor(pixel / width), pixel % width)[c];
    value = activationOf[activation](value);
    return affine ? affine.scale * value + affine.shift : value;
  });
}

function pooled(values: Values, size: Size, out: Size, window: Window): Values {
  const { channels } = size;
  const result = zeros(out).fill(Number.NEGATIVE_INFINITY);
  eachTap(out, size, window, (to, from) => {
    for (let c = 0; c < channels; c++) {
      result[to * channels + c] = Math.max(result[to * channels + c], values[from * channels + c]);
    }
  });
  return result;
}

/** Nearest. */
function upsampled(values: Values, { height, width, channels }: Size, scale: number): Values {
  const large = { height: height * scale, width: width * scale, channels };
  return zeros(large).map((_, i) => {
    const [pixel, c] = [Math.floor(i / channels), i % channels];
    const y = Math.floor(pixel / large.width / scale);
    return values[(y * width + Math.floor((pixel % large.width) / scale)) * channels + c];
  });
}

/** What a gate multiplies by, from the mean of its input. */
function factorsOf(
  {
    input,
    reduce,
    expand,
    slope,
    shortcut,
  }: Pick<Operation & { op: 'gateFactors' }, 'input' | 'reduce' | 'expand' | 'slope' | 'shortcut'>,
  { get, shapeOf, parameter }: Environment,
): number[] {
  const { height, width, channels } = shapeOf(input);
  const means = new Array<number>(channels).fill(0);
  get(input).forEach((value, i) => {
    means[i % channels] += value / (height * width);
  });
  const layer = (values: readonly number[], { weight, bias }: typeof reduce): number[] => {
    const weights = parameter(weight);
    return Array.from(parameter(bias), (start, out) =>
      values.reduce((sum, value, i) => sum + value * weights[out * values.length + i], start),
    );
  };
  const hidden = layer(means, reduce).map((value) => Math.max(value, 0));
  return layer(hidden, expand).map(
    (value) => Math.min(Math.max(slope * value + 0.5, 0), 1) + (shortcut ? 1 : 0),
  );
}
