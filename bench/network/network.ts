/** @file The network of a weights file on the device, compiled in a form, with a picture; and whether it is right. */

import { encode } from '../../src/gpu/bind.ts';
import type { GpuContext } from '../../src/gpu/device.ts';
import { chooseFusions, chooseWinograd, defaultChoice } from '../../src/graph/choose-kernels.ts';
import { type Graph, probabilityAlone } from '../../src/graph/graph.ts';
import type { KernelChoice } from '../../src/graph/operation.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { type Fusion, fuse } from '../../src/graph/passes/index.ts';
import type { WinogradRule } from '../../src/graph/passes/winograd.ts';
import type { GraphPlan } from '../../src/graph/plan.ts';
import { type Recipe, readRecipe } from '../../src/input/recipe.ts';
import { maskUniforms } from '../../src/kernels/db-head.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import { openCheckpoint } from '../../src/models/checkpoint.ts';
import { type BytesSource, loadBytes } from '../../src/safetensors/load.ts';
import type { Size } from '../../src/size.ts';
import type { Work } from '../../src/tuning/timing.ts';
import { wrongLayers } from '../../test/gpu/check-graph.ts';
import { PlanRun } from '../../test/gpu/plan-run.ts';
import type { MeasurementContext } from './measurement.ts';
import { drawPicture } from './picture.ts';

export interface Network {
  /** As it stands in the file: with batch norms, nothing fused. */
  graph: Graph;
  recipe: Recipe;
}

/** Which maps are computed. */
export type Outputs = 'P' | 'PTB';

/** How a network is computed. */
export interface NetworkForm {
  outputs: Outputs;
  fusions: readonly Fusion[];
  /** Default: none. */
  winograd?: WinogradRule;
  choice: KernelChoice;
  /** Changes the plan before it is compiled: other kernels, for example. */
  rewrite?: (plan: GraphPlan, graph: Graph) => GraphPlan;
}

export async function loadNetwork(weights: BytesSource): Promise<Network> {
  const { graph, metadata } = await openCheckpoint(await loadBytes(weights));
  return { graph, recipe: readRecipe(metadata) };
}

/** What the library takes where nothing was measured. */
export const defaultForm = (context: GpuContext, precision: Precision): Omit<NetworkForm, 'outputs'> => ({
  choice: defaultChoice(context, precision),
  fusions: chooseFusions(context),
  winograd: (operation) => chooseWinograd(operation, context, precision),
});

export function graphOf(
  { graph }: Network,
  { outputs, fusions, winograd }: Omit<NetworkForm, 'choice'>,
): Graph {
  return fuse(foldBatchNorm(outputs === 'P' ? probabilityAlone(graph) : graph), fusions, winograd);
}

/** What the mask of bits, where the network writes one, compares P with. */
const maskThreshold = 0.3;

export async function compileNetwork(
  { context, pipelines, size, network }: MeasurementContext,
  form: NetworkForm,
): Promise<PlanRun> {
  const loaded = await network();
  const graph = graphOf(loaded, form);
  const { rewrite } = form;
  const compiled = await PlanRun.ofGraph(context, graph, {
    image: drawPicture(size.width, size.height),
    size,
    input: loaded.recipe.input,
    choice: form.choice,
    keep: graph.outputs,
    rewrite: rewrite && ((plan) => rewrite(plan, graph)),
    pipelines,
  });
  compiled.program.setShape(maskUniforms({ of: 'P', threshold: maskThreshold }));
  return compiled;
}

/** One frame, all dispatches in order. */
export const frameOf = ({ steps }: Pick<PlanRun, 'steps'>): Work => ({
  label: 'frame',
  encode: (pass, repetitions) => encode(pass, steps, repetitions),
});

/** Largest |difference| allowed; B is k times as steep as P and T. */
const tolerances: Readonly<Record<Precision, Readonly<Record<string, number>>>> = {
  f32: { P: 1e-4, T: 1e-4, B: 5e-3 },
  f16: { P: 5e-3, T: 5e-3, B: 0.25 },
};

/** Maps by name, and the words of the mask. */
export type Maps = ReadonlyMap<string, Float32Array | Uint32Array>;

export async function mapsOf(compiled: PlanRun): Promise<Maps> {
  await compiled.run();
  const maps = new Map<string, Float32Array | Uint32Array>();
  for (const name of ['P', 'T', 'B']) {
    if (compiled.plan.tensors.has(name)) maps.set(name, await compiled.read(name));
  }
  if (compiled.plan.tensors.has('mask')) maps.set('mask', new Uint32Array(await compiled.bytes('mask')));
  return maps;
}

/** Maps of the unfused network in f32 with the simplest kernels that there are: what all others are judged by. */
export async function referenceMaps(measurement: MeasurementContext, outputs: Outputs): Promise<Maps> {
  const plain = await compileNetwork(measurement, {
    outputs,
    fusions: [],
    choice: {
      precision: 'f32',
      tile: () => ({ kind: 'direct', pixels: 4, channels: 4 }),
      headPixels: 1,
    },
  });
  try {
    return await mapsOf(plain);
  } finally {
    plain.destroy();
  }
}

/** What is wrong with maps; undefined if nothing is. */
export function mapsProblem(found: Maps, expected: Maps, precision: Precision): string | undefined {
  for (const [name, values] of found) {
    const problem =
      values instanceof Uint32Array
        ? maskProblem(values, found.get('P')!)
        : mapProblem(name, values, expected.get(name), tolerances[precision][name]);
    if (problem) return problem;
  }
  return undefined;
}

function mapProblem(
  name: string,
  found: ArrayLike<number>,
  expected: ArrayLike<number> | undefined,
  tolerance: number,
): string | undefined {
  if (!expected) return `there is nothing to compare map ${name} with`;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(found[i] - expected[i]);
    if (Number.isNaN(difference)) return `map ${name} has NaN at ${i}: not written?`;
    worst = Math.max(worst, difference);
  }
  return worst > tolerance
    ? `map ${name} is off by ${worst.toPrecision(3)}, more than ${tolerance}`
    : undefined;
}

/** The mask must be what its own P says. */
function maskProblem(words: Uint32Array, probability: ArrayLike<number>): string | undefined {
  const threshold = Math.fround(maskThreshold);
  for (let i = 0; i < probability.length; i++) {
    const bit = ((words[i >>> 5] >>> (i & 31)) & 1) === 1;
    if (bit !== probability[i] > threshold) return `bit ${i} of the mask is wrong: P is ${probability[i]}`;
  }
  return undefined;
}

/** The smallest size: what is right there is right at every size, for sizes stand in uniforms and not in the code. */
const smallest: Size = { width: 32, height: 32 };

/** Which layers of a network give something else than their definition in f64, with what is wrong. */
export async function wrongLayersOf(
  context: GpuContext,
  network: Network,
  form: NetworkForm,
): Promise<Map<string, string>> {
  return await wrongLayers(context, graphOf(network, form), {
    image: drawPicture(smallest.width, smallest.height),
    size: smallest,
    input: network.recipe.input,
    choice: form.choice,
  });
}
