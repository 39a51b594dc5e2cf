/**
 * @file Lowering: from a graph and a size to a plan, the list of kernels with the buffers they read and write.
 * Still plain data; the runtime turns a plan into pipelines, buffers and bind groups.
 */

import { type Preprocess, preprocess } from '../kernels/preprocess.ts';
import { elementBytes, type Precision } from '../kernels/wgsl.ts';
import type { Size } from '../size.ts';
import { assignBuffers } from './assign-buffers.ts';
import { type Graph, kindOf } from './graph.ts';
import { inferShapes } from './infer-shapes.ts';
import {
  type Constant,
  elementCount,
  type KernelChoice,
  type PlanStep,
  type TensorShape,
  tensors,
} from './operation.ts';

export interface Plan {
  steps: readonly PlanStep[];
  /** Values that do not depend on the size, by name. */
  constants: ReadonlyMap<string, Constant>;
  /** Bytes of each activation buffer. */
  bufferSizes: readonly number[];
  tensors: ReadonlyMap<string, { buffer: number; bytes: number }>;
}

/** The plan of a graph: its tensors are images. */
export interface GraphPlan extends Plan {
  tensors: ReadonlyMap<string, { buffer: number; bytes: number; shape: TensorShape }>;
}

/** The image side of a plan: where pixels come from and how they are normalised. */
export type PlanInput = Pick<Preprocess, 'source' | 'channelOrder' | 'mean' | 'std'>;

/** Names of the external resources of the first step; see `preprocess`. */
export const externals = { source: 'source', resize: 'resize' } as const;

/** What the kernels of a graph need of its parameters, by name. */
export const constantsOf = (
  { operations, parameters }: Graph,
  precision: Precision,
): ReadonlyMap<string, Constant> =>
  new Map(
    operations
      .flatMap((operation) => kindOf(operation).constants?.(operation, parameters, precision) ?? [])
      .map((constant) => [constant.name, constant]),
  );

/**
 * The plan of `graph` at `size` (multiples of 32), from the image's pixels to the maps.
 * @param keep tensors whose buffers no later tensor takes, so that they can be read after a run: `all`, or names.
 * @throws Error for a name that the graph, as it is fused, does not have.
 */
export function plan(...given: Parameters<typeof planInSteps>): GraphPlan {
  const steps = planInSteps(...given);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** {@link plan}, which can be interrupted after each operation: writing all shaders takes a tenth of a second at first. */
export function* planInSteps(
  graph: Graph,
  size: Size,
  input: PlanInput,
  choice: KernelChoice,
  { keep = [] }: { keep?: 'all' | readonly string[] } = {},
): Generator<void, GraphPlan> {
  const shapes = inferShapes(graph, size);
  const shapeOf = (tensor: string): TensorShape => shapes.get(tensor)!;
  const bytesOf = (tensor: string): number => {
    const shape = shapeOf(tensor);
    return elementCount(shape) * (shape.storage ? 4 : elementBytes(choice.precision));
  };
  const kept = keep === 'all' ? [...shapes.keys()] : keep;
  const unknown = kept.find((tensor) => !shapes.has(tensor));
  if (unknown !== undefined) {
    throw new Error(`the graph has no tensor '${unknown}', only ${[...shapes.keys()].join(', ')}`);
  }
  const { sizes, bufferOf } = assignBuffers(graph, bytesOf, kept);
  const first: PlanStep = {
    kernel: preprocess({ label: 'preprocess', ...size, ...input }, choice),
    resources: [
      { kind: 'external', name: externals.source },
      { kind: 'external', name: externals.resize },
      ...tensors(graph.input),
    ],
  };
  const steps = [first];
  for (const operation of graph.operations) {
    steps.push(...kindOf(operation).lower(operation, shapeOf, choice));
    yield;
  }
  return {
    steps,
    constants: constantsOf(graph, choice.precision),
    bufferSizes: sizes,
    tensors: new Map(
      [...shapes].map(([name, shape]) => [
        name,
        { buffer: bufferOf.get(name)!, bytes: bytesOf(name), shape },
      ]),
    ),
  };
}
