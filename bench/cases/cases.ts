/**
 * @file What is measured of kernels: a case is one dispatch of the network, taken from the library's own plan, and its
 * variants are other kernels that do the same.
 */

import type { GpuContext } from '../../src/gpu/device.ts';
import type { Adapter } from '../../src/graph/adapter-classes.ts';
import { chooseFusions, chooseWinograd } from '../../src/graph/choose-kernels.ts';
import { type Graph, outputsOf } from '../../src/graph/graph.ts';
import type { KernelChoice, PlanStep } from '../../src/graph/operation.ts';
import { fuse } from '../../src/graph/passes/index.ts';
import { type PlanInput, plan } from '../../src/graph/plan.ts';
import { type Conv2d, type ConvSource, conv2d } from '../../src/kernels/conv2d.ts';
import type { Residual } from '../../src/kernels/conv2d-epilogue.ts';
import { type Convolution, convolution, gemmOf } from '../../src/kernels/convolution.ts';
import type { Kernel } from '../../src/kernels/kernel.ts';
import { type Tile, tileName } from '../../src/kernels/tile.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import type { Size } from '../../src/size.ts';
import { candidates } from '../../src/tuning/candidates.ts';
import { sumTolerance } from '../../src/tuning/forms.ts';
import { copyBytes, copyKernel, multiplyAddKernels } from '../../src/tuning/roofline.ts';
import type { Tolerance } from '../../src/tuning/workbench.ts';
import { fullGraph } from '../../test/helpers/networks.ts';
import naive from '../examples/my-kernel.ts';
import { sizeName } from '../settings.ts';
import type { CustomKernel } from './custom-kernel.ts';

export interface Case {
  /** For people and for `--filter`: `conv 3x3 64>64 80x80 +same relu`. */
  name: string;
  /** `roofline`, `conv`, `db-head`, ...; also for `--filter`. */
  group: string;
  /** Size of the network's input in which it occurs, `640x640`; null if it has nothing to do with one. */
  size: string | null;
  precision: Precision;
  /** Layers of the network that are this task. */
  layers: string[];
  /** True where every variant is shown, not only the best and the default. */
  showAll?: boolean;
  /** True where it reads the image, which made-up numbers are none of. */
  readsImage?: boolean;
  /** What the outputs of two variants may differ by. */
  tolerance: Tolerance;
  /** The first is the one that the others are compared with. */
  variants: Variant[];
}

export interface Variant {
  name: string;
  /** What the library takes where nothing was measured. */
  isDefault: boolean;
  /** Of the user's own file. */
  isCustom?: boolean;
  kernel: Kernel;
  /** Dispatched once before. */
  prepare?: Kernel;
}

export interface CaseContext {
  context: GpuContext;
  /** What the library takes by default. */
  choice: KernelChoice;
  /** Which tiles are tried. */
  menu: 'all' | 'few';
  /** The user's own. */
  customKernels: readonly CustomKernel[];
}

/** A graph without weights, fused as the library does it, or not at all. */
function bareGraph(form: 'fused' | 'unfused', { context, choice }: CaseContext): Graph {
  const graph = fullGraph(true);
  if (form === 'unfused') return graph;
  return fuse(graph, chooseFusions(context), (operation) =>
    chooseWinograd(operation, context, choice.precision),
  );
}

const input: PlanInput = {
  source: 4,
  channelOrder: 'rgb',
  mean: [123.675, 116.28, 103.53],
  std: [58.4, 57.1, 57.4],
};

/** A few tiles for a quick look. */
const fewTiles = 3;

/** Kernels other than convolutions compute sums in the same order, whatever their variant. */
const closeTo: Readonly<Record<Precision, Tolerance>> = {
  f32: { absolute: 1e-3, relative: 1e-4 },
  f16: { absolute: 5e-2, relative: 1e-2 },
};

/** All different layers of the network at a size; `graphs`: as the library fuses it, and, if asked for, unfused. */
export function networkCases(size: Size, graphs: 'fused' | 'both', context: CaseContext): Case[] {
  const cases = new Map<string, Case>();
  const names = new Set<string>();
  for (const form of graphs === 'both' ? (['fused', 'unfused'] as const) : (['fused'] as const)) {
    for (const { key, ...entry } of graphCases(bareGraph(form, context), size, context)) {
      const known = cases.get(key);
      if (known) {
        known.layers.push(...entry.layers);
        continue;
      }
      // Another kernel of the same group and shape, as with a residual more.
      let name = entry.name;
      for (let i = 2; names.has(name); i++) name = `${entry.name} #${i}`;
      names.add(name);
      cases.set(key, { ...entry, name });
    }
  }
  return [...cases.values()];
}

function graphCases(graph: Graph, size: Size, context: CaseContext): (Case & { key: string })[] {
  const { choice, menu } = context;
  const { precision } = choice;
  const convs = new Map<string, Convolution>();
  const planWith = (headPixels: number) =>
    plan(graph, size, input, {
      precision,
      headPixels,
      quads: choice.quads,
      tile(conv) {
        convs.set(conv.label, conv);
        return choice.tile(conv);
      },
    });
  const planned = planWith(choice.headPixels);
  const writers = new Map(
    graph.operations.flatMap((operation) => outputsOf(operation).map((tensor) => [tensor, operation.op])),
  );
  const others = (menu === 'all' ? [1, 2, 4, 8] : []).map((pixels) => planWith(pixels).steps);
  return planned.steps.map((step, index) => {
    const { kernel } = step;
    const layer = withoutVariant(kernel.label);
    const conv = convs.get(layer);
    const written = outputOf(step);
    const output = planned.tensors.get(written)!.shape;
    const group = conv ? 'conv' : kebab(writers.get(written) ?? 'preprocess');
    const variants = [
      kernel,
      ...others.map((steps) => steps[index].kernel).filter(({ code }) => code !== kernel.code),
    ].map((own, i): Variant => ({ name: variantOf(own.label), isDefault: i === 0, kernel: own }));
    return {
      key: JSON.stringify([kernel.code, kernel.shape, kernel.dispatch]),
      name: `${group} ${conv ? convName(conv) : `${output.channels} ${output.width}x${output.height}`}`,
      group,
      size: sizeName(size),
      precision,
      layers: [layer],
      readsImage: index === 0,
      tolerance: conv ? sumTolerance(conv, precision) : closeTo[precision],
      variants: conv ? convVariants(conv, kernel, context) : variants,
    };
  });
}

/** The kernel of the plan, other tiles, and the user's own. */
function convVariants(
  conv: Convolution,
  kernel: Kernel,
  { context, choice, menu, customKernels }: CaseContext,
): Variant[] {
  const { precision } = choice;
  const { device, software, quads } = context;
  const target = { precision, limits: device.limits, software, quads };
  const gemm = gemmOf(conv);
  const own = candidates(gemm, target);
  const tiles: Tile[] =
    menu === 'few'
      ? own.slice(0, fewTiles)
      : [...own, ...candidates(gemm, { ...target, software: !software })];
  const named = new Map(tiles.map((tile) => [tileName(tile), tile]));
  const standard = tileName(choice.tile(conv));
  named.delete(standard);
  return [
    { name: standard, isDefault: true, kernel },
    ...[...named].map(([name, tile]) => ({
      name,
      isDefault: false,
      kernel: convolution(conv, { tile, precision }),
    })),
    ...customKernels.flatMap((custom): Variant[] => {
      if (!('sources' in conv)) return [];
      const made = custom.conv2d(conv, precision);
      const prepare = custom.prepare?.(conv, precision);
      return made ? [{ name: custom.name, isDefault: false, isCustom: true, kernel: made, prepare }] : [];
    }),
  ];
}

/** Labels of kernels with variants end in the variant's name, in brackets. */
const variantOf = (label: string) => /\(([^()]*)\)$/.exec(label)?.[1] ?? 'default';
const withoutVariant = (label: string) => label.replace(/ \([^()]*\)$/, '');

/** The tensor that a step writes first. */
function outputOf({ kernel, resources }: PlanStep): string {
  return resources[kernel.bindings.findIndex(({ access }) => access === 'read_write')].name;
}

const kebab = (op: string) => op.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/**
 * `3x3 64>64 80x80 +same relu`, `3x3/2 64>128 40x40 relu`, `3x3 128 + 1x1/2 64 > 128 40x40 relu`; class images
 * `3x3 64>128 20x20 x8`, Winograd's products `1x1 64>64 20x20 36 planes`.
 */
export function convName(conv: Convolution): string {
  if ('sources' in conv) return conv2dName(conv);
  const { channels, outChannels, width, height } = conv;
  const size = `${channels}>${outChannels} ${width}x${height}`;
  return 'scale' in conv ? `3x3 ${size} x${conv.scale}` : `1x1 ${size} ${conv.planes} planes`;
}

function conv2dName({
  sources,
  outChannels,
  outWidth,
  outHeight,
  residuals,
  bias,
  scaled,
  activation,
  affine,
}: Conv2d): string {
  const window = ({ kernel, stride }: ConvSource) => `${kernel}x${kernel}${stride === 1 ? '' : `/${stride}`}`;
  const inputs = sources.map((source) => `${window(source)} ${source.channels}`).join(' + ');
  const added = (residual: Residual) =>
    residual.kind === 'same' ? '+same' : `+${residual.kind === 'classes' ? 'class' : 'up'}${residual.scale}`;
  return [
    sources.length > 1 ? `${inputs} > ${outChannels}` : `${inputs}>${outChannels}`,
    `${outWidth}x${outHeight}`,
    ...residuals.map(added),
    ...(bias ? ['bias'] : []),
    ...(scaled ? ['factors'] : []),
    ...(activation === 'none' ? [] : [activation]),
    ...(affine ? ['affine'] : []),
  ].join(' ');
}

const apart = { size: null, layers: [], showAll: true };

/** The roofs: multiply-adds in several spellings, of which the fastest counts, and a copy that no cache holds. */
export function rooflineCases({ device, software }: GpuContext, precisions: readonly Precision[]): Case[] {
  const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
  const bytes = Math.min(
    copyBytes[software ? 'software' : 'gpu'],
    maxStorageBufferBindingSize,
    maxBufferSize,
  );
  const entry = (name: string, precision: Precision, kernels: readonly Kernel[]): Case => ({
    ...apart,
    name,
    group: 'roofline',
    precision,
    tolerance: { absolute: 2e-2, relative: 2e-2 },
    variants: kernels.map((kernel, i) => ({ name: variantOf(kernel.label), isDefault: i === 0, kernel })),
  });
  return [
    ...precisions.map((precision) =>
      entry('multiply-add', precision, multiplyAddKernels(precision, { software })),
    ),
    entry('copy', 'f32', [copyKernel(Math.floor(bytes / 4096) * 4096)]),
  ];
}

/** The commonest convolution of the network. */
const ladderConv: Conv2d = {
  label: 'ladder',
  sources: [{ height: 80, width: 80, channels: 64, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }],
  outHeight: 80,
  outWidth: 80,
  outChannels: 64,
  bias: true,
  residuals: [],
  activation: 'relu',
};

const direct = (pixels: number, channels: number): Tile => ({ kind: 'direct', pixels, channels });
const block = (side: number, share: number): Tile => ({
  kind: 'workgroup',
  blockPixels: side,
  blockChannels: side,
  blockDepth: 16,
  pixels: share,
  channels: share,
});

/** One idea per step. */
const ladderSteps: readonly [name: string, tile: Tile][] = [
  ['2 vec4 loads', direct(1, 4)],
  ['3 registers 4x4', direct(4, 4)],
  ['4 registers 8x4', direct(8, 4)],
  ['5 workgroup 32x32', block(32, 4)],
  ['6 workgroup 64x64', block(64, 8)],
  ['7 quads 4x32', { kind: 'quad', pixels: 4, channels: 32 }],
];

/**
 * The ladder of the convolution: from the naive kernel to the best tile, each step runnable by itself
 * (`--filter "ladder conv"`). What each step brought stands in bench/ladder.md.
 */
export const convLadder = (precision: Precision, { quads = false }: Pick<Adapter, 'quads'>): Case => ({
  ...apart,
  name: `ladder conv ${convName(ladderConv)}`,
  group: 'ladder',
  precision,
  tolerance: sumTolerance(ladderConv, precision),
  variants: [
    { name: '1 naive', isDefault: false, kernel: naive.conv2d(ladderConv, precision)! },
    ...ladderSteps
      .filter(([, { kind }]) => quads || kind !== 'quad')
      .map(([name, tile]) => ({
        name,
        isDefault: false,
        kernel: conv2d(ladderConv, { tile, precision }),
      })),
  ],
});
