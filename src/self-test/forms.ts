/**
 * @file The forms of kernels in a plan, each as a small layer of its own: the layer's record with few pixels and channels,
 * lowered with the tile of the plan. Sizes and most channels stand in uniforms, so that the shaders are the plan's own.
 */

import type { Graph, kindOf } from '../graph/graph.ts';
import type { inferShapes } from '../graph/infer-shapes.ts';
import type { Constant, KernelChoice, PlanStep, ShapeOf, TensorShape } from '../graph/operation.ts';
import type { Operation } from '../graph/operations/index.ts';
import type { Fusion } from '../graph/passes/index.ts';
import type { GraphPlan } from '../graph/plan.ts';
import { plainTile, type Tile, tileName } from '../kernels/tile.ts';
import { numbers } from './numbers.ts';

/** What the house's bundle for pages holds already, so that the self test's own need not hold it again. */
export interface GraphTools {
  kindOf: typeof kindOf;
  inferShapes: typeof inferShapes;
}

/** A form of kernel: a layer that stands for all with the same shaders. Its tensors and constants have names of their own. */
export interface Form {
  /** The shaders; what a form is known by. */
  code: string;
  /** The layer in the network. */
  name: string;
  /** Small: one operation, or the three of Winograd's filtering. */
  operations: readonly Operation[];
  shapeOf: ShapeOf;
  parameter: (name: string) => Float32Array<ArrayBuffer>;
  steps: readonly PlanStep[];
  constants: readonly Constant[];
  /** Names of its tiles. */
  tiles: readonly string[];
  /** Names of what can be done without, the gentlest first; see {@link KernelChoice} and `Fusion`. */
  remedies: readonly Remedy[];
}

/** What is avoided so that a form is replaced by a plainer one. */
export interface Remedy {
  /** Names of tiles, of fusions, `winograd` or `f16`. */
  avoid: readonly string[];
  /** For people: what gives way to what. */
  what: string;
}

/** Of the image: the smallest at which the deepest layers still have a middle and all borders. */
export const smallSize = { width: 96, height: 64 };

/** With the remainder by a block of 64, the largest of a tile, shaders are the same. */
const fewChannels = (channels: number): number => (channels > 64 ? 64 + (channels % 64) : channels);

/** Members of records that count channels. */
const counts = new Set(['channels', 'inChannels', 'outChannels', 'hidden', 'averaged']);

/**
 * The forms in a plan of a graph of which `isNew` says so by their shaders, the preprocessing left out; shaders are written anew, so it
 * can be interrupted.
 */
export function* formsOf(
  graph: Graph,
  plan: GraphPlan,
  choice: KernelChoice,
  tools: GraphTools,
  isNew: (code: string) => boolean,
): Generator<void, Form[]> {
  const small = tools.inferShapes(graph, smallSize);
  const steps = plan.steps.slice(1);
  const forms = new Map<string, Form>();
  for (const operations of layersOf(graph)) {
    const written = new Set(operations.flatMap((operation) => tools.kindOf(operation).outputs(operation)));
    const end = steps.findIndex((step) => !writes(step, written));
    const code = codeOf(steps.splice(0, end === -1 ? steps.length : end));
    if (!forms.has(code) && isNew(code))
      forms.set(code, smallForm(operations, code, plan, small, choice, tools));
    yield;
  }
  return [...forms.values()];
}

/** The graph's operations one by one, those of Winograd's filtering three together. */
function layersOf({ operations }: Graph): Operation[][] {
  const layers: Operation[][] = [];
  for (const operation of operations) {
    const last = layers.at(-1);
    if (operation.op === 'winogradProducts' || operation.op === 'winogradOutput') last!.push(operation);
    else layers.push([operation]);
  }
  return layers;
}

const writes = ({ kernel, resources }: PlanStep, tensors: ReadonlySet<string>): boolean =>
  kernel.bindings.some(
    ({ access }, i) =>
      access === 'read_write' && resources[i].kind === 'tensor' && tensors.has(resources[i].name),
  );

const codeOf = (steps: readonly PlanStep[]): string => steps.map(({ kernel }) => kernel.code).join('\n');

function smallForm(
  operations: readonly Operation[],
  code: string,
  plan: GraphPlan,
  small: ReadonlyMap<string, TensorShape>,
  choice: KernelChoice,
  tools: GraphTools,
): Form {
  const { precision, headPixels, quads } = choice;
  const tiles: Tile[] = [];
  const tile: KernelChoice['tile'] = (conv) => {
    const chosen = choice.tile(conv);
    tiles.push(chosen);
    return chosen;
  };
  for (const operation of operations) {
    const realShape: ShapeOf = (tensor) => plan.tensors.get(tensor)!.shape;
    tools.kindOf(operation).lower(operation, realShape, { precision, headPixels, quads, tile });
  }
  const build = (few: (channels: number) => number): Form => {
    const records = operations.map(
      (operation): Operation =>
        JSON.parse(JSON.stringify(operation), (key, value) => (counts.has(key) ? few(value) : value)),
    );
    const written = new Map<string, TensorShape>();
    const shapeOf: ShapeOf = (tensor) => {
      const shape = small.get(tensor)!;
      return written.get(tensor) ?? { ...shape, channels: few(shape.channels) };
    };
    const shapes = new Map<string, readonly number[]>();
    const left = [...tiles];
    const next: KernelChoice = { precision, headPixels, quads, tile: () => left.shift()! };
    const steps: PlanStep[] = [];
    const constants: Constant[] = [];
    const parameter = (name: string) => numbers(name, shapes.get(name)!);
    for (const record of records) {
      const kind = tools.kindOf(record);
      for (const [i, shape] of kind.shapes(record, shapeOf).entries()) {
        written.set(kind.outputs(record)[i], shape);
      }
      for (const [name, shape] of kind.parameters?.(record) ?? parametersOf(record)) shapes.set(name, shape);
      steps.push(...kind.lower(record, shapeOf, next));
      constants.push(...(kind.constants?.(record, parameter, precision) ?? []));
    }
    const [{ name }] = operations.slice(-1);
    const names = tiles.map(tileName);
    const remedies = remediesOf(records, names, choice);
    return { code, name, operations: records, shapeOf, parameter, steps, constants, tiles: names, remedies };
  };
  try {
    const form = build(fewChannels);
    if (codeOf(form.steps) === code) return form;
  } catch {
    // Channels that belong together no longer fit, those of two heads in one tensor.
  }
  return build((channels) => channels);
}

/** Parameters of operations that only passes make. */
function parametersOf(operation: Operation): [name: string, shape: readonly number[]][] {
  switch (operation.op) {
    case 'stemPool':
      return [
        [operation.weight, [operation.outChannels, 3, 7, 7]],
        [operation.bias, [operation.outChannels]],
      ];
    case 'upsampledConv2d':
    case 'winogradProducts':
      return [[operation.weight, [operation.outChannels, operation.inChannels, 3, 3]]];
    case 'winogradOutput':
      return operation.bias ? [[operation.bias, [operation.outChannels]]] : [];
    case 'gateFactors': {
      const { reduce, expand, hidden, averaged, channels } = operation;
      return [
        [reduce.weight, [hidden, averaged]],
        [reduce.bias, [hidden]],
        [expand.weight, [channels, hidden]],
        [expand.bias, [channels]],
      ];
    }
    default:
      return [];
  }
}

function remediesOf(
  [first, ...others]: readonly Operation[],
  tiles: readonly string[],
  { precision, quads }: Pick<KernelChoice, 'precision' | 'quads'>,
): Remedy[] {
  if (others.length > 0) {
    return [{ avoid: ['winograd'], what: "Winograd's filtering gives way to the plain convolution" }];
  }
  const remedies = tiles
    .filter((name) => name !== tileName(plainTile))
    .map(
      (name): Remedy => ({ avoid: [name], what: `the tile '${name}' gives way to '${tileName(plainTile)}'` }),
    );
  const fusions = fusionsOf(first);
  if (fusions.length > 0) {
    remedies.push({
      avoid: fusions,
      what: `the fused layer gives way to its parts (no ${fusions.join(', ')})`,
    });
  }
  if (quads)
    remedies.push({ avoid: ['quads'], what: 'quads of threads give way to single ones, in all layers' });
  if (precision === 'f16') remedies.push({ avoid: ['f16'], what: 'f16 gives way to f32, in all layers' });
  return remedies;
}

/** The fusions that may have made an operation. */
function fusionsOf(operation: Operation): Fusion[] {
  const classes: Fusion[] = ['composeNeck', 'convolveBeforeUpsampling'];
  switch (operation.op) {
    case 'stemPool':
      return ['fuseStemPool'];
    case 'upsampledConv2d':
      return classes;
    case 'gateFactors':
      return ['gateInEpilogue'];
    case 'dbHead':
      return operation.features.length < operation.heads.length ? ['mergeHeads'] : [];
    case 'conv2d': {
      const kinds = operation.residuals.map(({ kind }) => kind);
      return [
        ...(operation.factors ? (['gateInEpilogue'] as const) : []),
        ...(operation.sources.length > 1 ? (['fuseShortcut'] as const) : []),
        ...(kinds.includes('upsampled') ? (['fuseUpsampleAdd'] as const) : []),
        ...(kinds.includes('classes') || operation.sources.length > 1 ? classes : []),
      ];
    }
    default:
      return [];
  }
}
