/** @file The network's layers as cases: what the library would run, taken from its own graph and plan. */

import { dbResNet18 } from '../../src/graph/dbnet.ts';
import { foldBatchNorm } from '../../src/graph/fold-batch-norm.ts';
import { inferShapes, type TensorShape } from '../../src/graph/infer-shapes.ts';
import type { Graph, Layer } from '../../src/graph/layers.ts';
import { type Fusion, fuse } from '../../src/graph/passes/index.ts';
import {
  convolutionOf,
  type KernelChoice,
  type PlanInput,
  type PlanStep,
  plan,
} from '../../src/graph/plan.ts';
import { dbHead, maskUniforms } from '../../src/kernels/db-head.ts';
import type { Kernel } from '../../src/kernels/kernel.ts';
import { winogradOutput } from '../../src/kernels/winograd-output.ts';
import type { GpuContext } from '../../src/runtime/gpu-context.ts';
import type { Case, Variant } from './case.ts';
import { convCase } from './conv-case.ts';
import type { CustomKernel } from './custom-kernel.ts';
import { type DbHeadShape, dbHeadTask, maskThreshold } from './db-head-task.ts';
import type { Stored } from './numbers.ts';
import { maxPoolTask, stemPoolTask, type Task } from './pool-tasks.ts';
import { preprocessTask } from './preprocess-task.ts';
import { tilesFor } from './tiles.ts';
import { upsampleAddTask, upsampleConcatTask } from './upsample-tasks.ts';
import { winogradInputTask, winogradOutputTask, winogradProductsTask } from './winograd-tasks.ts';

interface Size {
  width: number;
  height: number;
}

export interface CaseContext {
  context: GpuContext;
  /** What the library takes by default. */
  choice: KernelChoice;
  fusions: readonly Fusion[];
  /** Which tiles are tried. */
  menu: 'all' | 'few';
  /** The user's own. */
  customKernels: readonly CustomKernel[];
}

/** Weights are drawn by the cases themselves. */
const noParameters = () => [];

const k = 50;

const input: PlanInput = {
  source: 4,
  channelOrder: 'rgb',
  mean: [123.675, 116.28, 103.53],
  std: [58.4, 57.1, 57.4],
};

/** Sizes of images are rarely those of the network. */
const imageScale = 1.5;

/** All different layers of the network at a size; `graphs`: as the library fuses it, and, if asked for, unfused. */
export function networkCases(size: Size, graphs: 'fused' | 'both', context: CaseContext): Case[] {
  const unfused = foldBatchNorm(dbResNet18({ thresholdHead: true }), noParameters, k);
  const fused = fuse(unfused, context.fusions);
  const cases = new Map<string, Case>();
  for (const graph of graphs === 'both' ? [fused, unfused] : [fused]) {
    for (const entry of graphCases(graph, size, context)) {
      // The same task may stand in both graphs; then the fused one's layers are named.
      if (!cases.has(entry.name)) cases.set(entry.name, entry);
    }
  }
  return [...cases.values()];
}

/** The cases of one graph; layers that are the same task make one case. */
function graphCases(graph: Graph, size: Size, context: CaseContext): Case[] {
  const { choice } = context;
  const shapes = inferShapes(graph, size);
  const shapeOf = (tensor: string) => shapes.get(tensor)!;
  const { steps } = plan(graph, size, input, choice);
  const [preprocessing, ...layerSteps] = steps;
  const cases = new Map<string, Case & { layers: string[] }>();
  const add = (layer: string, entry: Omit<Case, 'layers' | 'size' | 'precision'>) => {
    const known = cases.get(entry.name);
    if (known) known.layers.push(layer);
    else {
      const { precision } = choice;
      cases.set(entry.name, {
        size: `${size.width}x${size.height}`,
        precision,
        layers: [layer],
        ...entry,
      });
    }
  };
  const image = { width: size.width * imageScale, height: size.height * imageScale };
  add(
    'preprocess',
    simpleCase(
      'preprocess',
      `${image.width}x${image.height} > ${size.width}x${size.height}`,
      preprocessing,
      () => preprocessTask(image, size, input, choice.precision),
    ),
  );
  graph.layers.forEach((layer, i) => {
    add(layer.name, layerCase(layer, layerSteps[i], shapeOf, context));
  });
  return [...cases.values()];
}

function layerCase(
  layer: Layer,
  step: PlanStep,
  shapeOf: (tensor: string) => TensorShape,
  context: CaseContext,
): Omit<Case, 'layers' | 'size' | 'precision'> {
  const { choice } = context;
  const { precision } = choice;
  const describe = ({ width, height, channels }: TensorShape) => `${channels} ${width}x${height}`;
  switch (layer.op) {
    case 'winogradInput': {
      const { height, width, channels } = shapeOf(layer.input);
      const name = `F(${layer.size},3) ${describe({ height, width, channels, planes: 1 })}`;
      return simpleCase('winograd-input', name, step, () =>
        winogradInputTask({ height, width }, channels, layer.size, precision),
      );
    }
    case 'winogradOutput': {
      const { height, width, channels } = shapeOf(layer.output);
      const name = `F(${layer.size},3) ${describe({ height, width, channels, planes: 1 })}`;
      // Without residuals: they cost the same as in the convolution's own epilogue.
      const form = { label: layer.name, outHeight: height, outWidth: width, outChannels: channels };
      const kernel = winogradOutput(
        { ...form, bias: true, residuals: [], activation: 'relu', size: layer.size },
        { precision },
      );
      return simpleCase('winograd-output', name, { ...step, kernel }, () =>
        winogradOutputTask({ height, width }, channels, layer.size, precision),
      );
    }
    case 'conv2d': {
      const conv = convolutionOf(layer, shapeOf);
      if ('planes' in conv) {
        const { planes, height, width, channels, outChannels } = conv;
        const tiles = height * width;
        return simpleCase('winograd-products', `${planes}x ${tiles}x${channels} > ${outChannels}`, step, () =>
          winogradProductsTask(planes, tiles, channels, outChannels, precision),
        );
      }
      const { device, software } = context.context;
      return convCase(conv, precision, {
        defaultTile: choice.tile(conv),
        tiles: tilesFor(conv, { precision, limits: device.limits, software }, context.menu),
        customKernels: context.customKernels,
      });
    }
    case 'maxPool': {
      const { height, width, channels } = shapeOf(layer.input);
      return simpleCase('pool', describe(shapeOf(layer.output)), step, () =>
        maxPoolTask(height, width, channels, precision),
      );
    }
    case 'stemPool': {
      const { height, width } = shapeOf(layer.input);
      return simpleCase('stem+pool', describe(shapeOf(layer.output)), step, () =>
        stemPoolTask(height, width, layer.outChannels, precision),
      );
    }
    case 'upsampleAdd': {
      const { height, width, channels } = shapeOf(layer.output);
      return simpleCase('upsample-add', describe(shapeOf(layer.output)), step, () =>
        upsampleAddTask(height, width, channels, precision),
      );
    }
    case 'upsampleConcat': {
      const { height, width } = shapeOf(layer.output);
      const { channels } = shapeOf(layer.inputs[0]);
      const scales = layer.inputs.map((tensor) => width / shapeOf(tensor).width);
      return simpleCase('upsample-concat', describe(shapeOf(layer.output)), step, () =>
        upsampleConcatTask(height, width, channels, scales, precision),
      );
    }
    case 'dbHead': {
      const { height, width } = shapeOf(layer.features[0]);
      const outputs = layer.outputs.length === 1 ? 'P' : 'PTB';
      const shape: DbHeadShape = {
        height,
        width,
        channels: layer.channels,
        outputs,
        merged: outputs === 'PTB' && layer.features.length === 1,
        mask: layer.mask !== undefined,
        k: layer.k,
      };
      const counts = context.menu === 'all' ? [1, 2, 4, 8] : [];
      const others = counts.map((pixels) => dbHead({ label: layer.name, ...shape }, { precision, pixels }));
      const form = `${shape.merged ? 'merged' : 'separate'}${shape.mask ? ' +mask' : ''}`;
      return simpleCase(
        'db-head',
        `${outputs} ${width}x${height} ${form}`,
        { ...step, kernel: withThreshold(step.kernel) },
        () => dbHeadTask(shape, precision),
        others.map(withThreshold),
      );
    }
  }
}

/** The mask's threshold is set for each frame; here once. */
function withThreshold(kernel: Kernel): Kernel {
  const uniforms = maskUniforms({ of: 'P', threshold: maskThreshold });
  return 'mask_threshold' in kernel.shape ? { ...kernel, shape: { ...kernel.shape, ...uniforms } } : kernel;
}

/** A case whose variants all bind the same data: the plan's kernel, and others. */
function simpleCase(
  group: string,
  shape: string,
  { kernel }: PlanStep,
  task: () => Task,
  others: readonly Kernel[] = [],
): Omit<Case, 'layers' | 'size' | 'precision'> {
  return {
    name: `${group} ${shape}`,
    group,
    prepare() {
      const { data, reference } = task();
      const kernels = [kernel, ...others.filter(({ code }) => code !== kernel.code)];
      return { reference, variants: kernels.map((one, i) => variant(one, i === 0, data)) };
    },
  };
}

/** Labels of kernels with variants end in the variant's name, in brackets. */
function variant(kernel: Kernel, isDefault: boolean, data: Record<string, Stored>): Variant {
  const name = /\(([^()]*)\)$/.exec(kernel.label)?.[1] ?? 'default';
  return { name, isDefault, kernel, data };
}
