/**
 * @file Whether this device computes what it is told to: drivers are known that silently do not. Before a plan's first result
 * each of its forms of kernel (operation, tile, precision) runs once on a small input with small weights.
 *
 * - A form is a layer's shaders. Sizes stand in uniforms, so that the plan's own pipelines run: nothing more is compiled.
 * - Inputs and weights are fixed numbers that f32 and f16 hold exactly. What must come of them is computed from the layer's
 *   definition, in f64: a stored table would know no layers but those of the networks it was made with.
 * - All forms are dispatched in one submit and read back at once; outputs hold NaN before.
 * - What passed is kept where tuning is kept, by adapter, runtime with its version, library and precision, and is not run again.
 *   What failed is tried again each time: a page cannot see that a driver was updated.
 * - What fails is replaced one step at a time: Winograd by the plain convolution, the tile by the plain one, a fusion by its parts,
 *   f16 by f32. The plan that is made then is tested in turn. Where no step is left, an error says so.
 */

import { DBNetError } from '../errors.ts';
import { Arena } from '../gpu/arena.ts';
import { bufferUsage } from '../gpu/buffer-usage.ts';
import { ConstantStore } from '../gpu/constants.ts';
import { checked, type GpuContext } from '../gpu/device.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import { type Externals, Program } from '../gpu/program.ts';
import { ReadbackPool } from '../gpu/readback.ts';
import { submit } from '../gpu/run.ts';
import { textureUsage } from '../gpu/texture-usage.ts';
import type { Graph } from '../graph/graph.ts';
import {
  type Constant,
  elementCount,
  type KernelChoice,
  type PlanStep,
  type TensorShape,
} from '../graph/operation.ts';
import type { DbHeadOperation } from '../graph/operations/db-head.ts';
import { externals, type GraphPlan, type PlanInput, type plan as planOf } from '../graph/plan.ts';
import { maskUniforms } from '../kernels/db-head.ts';
import { toHalf } from '../kernels/half.ts';
import { vectorsOf } from '../kernels/kernel.ts';
import { elementBytes, type Precision } from '../kernels/wgsl.ts';
import { inPieces, Pace } from '../pace.ts';
import { toFloat32 } from '../safetensors/dtypes.ts';
import type { Web } from '../web.ts';
import { type Form, formsOf, type GraphTools, smallSize } from './forms.ts';
import { type SmallImage, smallImage } from './image.ts';
import { numbers } from './numbers.ts';
import { outputsByDefinition, sigmoid } from './reference.ts';
import { keepPassed, passedBefore, type VerdictTools } from './verdicts.ts';

/** A plan, and what it was made of. */
export interface SelfTestTask {
  context: GpuContext;
  /** Those of the plan. */
  pipelines: PipelineCache;
  graph: Graph;
  plan: GraphPlan;
  input: PlanInput;
  choice: KernelChoice;
  /** What is avoided: it grows by what fails. */
  avoided: Set<string>;
  tools: GraphTools & VerdictTools & { plan: typeof planOf };
  signal?: Web<'AbortSignal'>;
}

/**
 * Tests the forms of a plan that did not pass before; most often there are none.
 * @returns for people, what fails and what stands in for it: the plan is to be made anew. Nothing if all pass.
 * @throws DBNetError `wrong-results` where nothing can stand in; `gpu-error`, `disposed`, `device-lost`; the signal's reason.
 */
export async function selfTest(task: SelfTestTask): Promise<string[]> {
  const { graph, plan, input, choice, avoided, tools } = task;
  const before = await passedBefore(task.context, choice.precision, tools);
  const isNew = (code: string) => !before.has(tools.fingerprint(code));
  const pace = new Pace(task.signal);
  const forms = await inPieces(formsOf(graph, plan, choice, tools, isNew), pace);
  const whole = smallImage(graph, input, choice, tools.plan);
  const image = whole && isNew(whole.step.kernel.code) ? whole : undefined;
  if (forms.length === 0 && !image) return [];
  const { passed, failed } = await run(task, forms, image);
  await keepPassed(task.context, choice.precision, passed.map(tools.fingerprint), tools);
  const messages = new Map<string, string>();
  const given = new Set<string>();
  // What fails by its tile is tried with another one, before more is given up.
  for (const { name, tiles, remedies, fault } of failed.sort((a, b) => stepsOf(a) - stepsOf(b))) {
    if (tiles.some((tile) => given.has(tile))) continue;
    const wrong = `'${name}' gives wrong numbers on this device (${fault})`;
    const remedy = remedies.find(({ avoid }) => avoid.some((one) => !avoided.has(one)));
    if (!remedy) {
      throw new DBNetError(
        'wrong-results',
        `expected a GPU that computes right, found that ${wrong}: update its driver or the browser, or use another adapter`,
      );
    }
    const { avoid, what } = remedy;
    for (const one of avoid) given.add(one);
    const message = `${wrong}: ${what}, which is slower; a newer driver or browser may help`;
    messages.set(what, messages.get(what) ?? message);
  }
  for (const one of given) avoided.add(one);
  return [...messages.values()];
}

/** Those of Winograd's filtering have a tile in common with others: they come last. */
const stepsOf = ({ tiles, remedies }: Candidate): number =>
  remedies[0]?.avoid[0] === 'winograd' ? tiles.length : 0;

/** What is judged, and told of it. */
type Candidate = Pick<Form, 'code' | 'name' | 'tiles' | 'remedies'>;

interface Verdicts {
  /** Codes. */
  passed: string[];
  failed: (Candidate & { fault: string })[];
}

async function run(
  { context, pipelines, graph, choice, tools, signal }: SelfTestTask,
  forms: readonly Form[],
  image: SmallImage | undefined,
): Promise<Verdicts> {
  const { device, memory } = context;
  const { precision } = choice;
  const layout = new Layout(precision);
  if (image) layout.add('', [image.step], () => ({ ...smallSize, channels: 3, planes: 1 }));
  const constants = new Map<string, Constant>();
  for (const [i, { steps, shapeOf, constants: own }] of forms.entries()) {
    layout.add(`${i}:`, steps, shapeOf);
    for (const constant of own) {
      const name = `${i}:${constant.name}`;
      constants.set(name, { ...constant, name });
    }
  }
  const store = new ConstantStore(context, pipelines);
  const arena = new Arena(context);
  const readback = new ReadbackPool(context);
  const { steps, tensors, bufferSizes } = layout;
  const building = Program.build(
    { steps, constants, bufferSizes, tensors },
    { context, pipelines, constants: store, arena },
  );
  // A failure is seen below.
  building.catch(() => {});
  let source: ReturnType<typeof bindImage> | undefined;
  try {
    // What must come of them is computed while the driver compiles.
    const pace = new Pace(signal);
    const judges: ReturnType<typeof judgeOf>[] = [];
    for (const form of forms) {
      await pace.rest();
      judges.push(judgeOf(form, precision, tools));
    }
    const built = await building;
    signal?.throwIfAborted();
    built.setShape(maskUniforms({ of: 'P', threshold: 0.5 }));
    const staging = await readback.acquire(layout.writtenBytes);
    await checked(context, 'the self test', () => {
      source = image && bindImage(context, image);
      for (const [name, { shape, written, bytes }] of tensors) {
        const values = written ? undefined : numbers(name.replace(/^\d+:/, ''), [countOf(shape)]);
        const stored = values
          ? storedAs(values, shape, precision)
          : new Uint32Array(bytes / 4).fill(0xffffffff);
        device.queue.writeBuffer(built.tensor(name).buffer, 0, stored);
      }
      submit(context, built.steps(source?.bound ?? new Map()), (encoder) => {
        for (const [name, { written, bytes, offset }] of tensors) {
          if (written) encoder.copyBufferToBuffer(built.tensor(name).buffer, 0, staging, offset, bytes);
        }
      });
    });
    const results = await readback.map(staging, layout.writtenBytes);
    const read = (name: string) => layout.read(name, results);
    const verdicts: Verdicts = { passed: [], failed: [] };
    const judge = (form: Candidate, fault: string | undefined) => {
      if (fault) verdicts.failed.push({ ...form, fault });
      else verdicts.passed.push(form.code);
    };
    if (image) {
      const { code, label: name } = image.step.kernel;
      const remedies = precision === 'f16' ? [{ avoid: ['f16'], what: 'f16 gives way to f32' }] : [];
      const fault = difference(read(graph.input), padded(image.expected(), 3), tolerances[precision]);
      judge({ code, name, tiles: [], remedies }, fault);
    }
    for (const [i, form] of forms.entries()) {
      judge(
        form,
        judges[i]((name) => read(`${i}:${name}`)),
      );
    }
    return verdicts;
  } finally {
    // After an abort it may still be under way.
    await building.then((program) => program.destroy()).catch(() => {});
    memory.free(...(source?.owned ?? []));
    for (const owner of [store, arena, readback]) owner.destroy();
  }
}

interface PlacedTensor {
  buffer: number;
  bytes: number;
  shape: TensorShape;
  written: boolean;
  /** Where it is read back to, if it is written. */
  offset: number;
}

/** The steps of all forms as one plan, in which every tensor has a buffer of its own. */
class Layout {
  readonly steps: PlanStep[] = [];
  readonly tensors = new Map<string, PlacedTensor>();
  readonly bufferSizes: number[] = [];
  readonly #precision: Precision;
  /** Bytes of all tensors that are written. */
  writtenBytes = 0;

  constructor(precision: Precision) {
    this.#precision = precision;
  }

  add(prefix: string, steps: readonly PlanStep[], shapeOf: (tensor: string) => TensorShape): void {
    const own = steps.map(({ kernel, resources }) => ({
      kernel,
      resources: resources.map(({ kind, name }) => ({
        kind,
        name: kind === 'external' ? name : prefix + name,
      })),
    }));
    this.steps.push(...own);
    for (const { kernel, resources } of own) {
      for (const [i, { kind, name }] of resources.entries()) {
        // A tensor is written before it is read, if at all.
        if (kind !== 'tensor' || this.tensors.has(name)) continue;
        const shape = shapeOf(name.slice(prefix.length));
        const bytes = elementCount(shape) * (shape.storage ? 4 : elementBytes(this.#precision));
        const written = kernel.bindings[i].access === 'read_write';
        this.tensors.set(name, {
          buffer: this.bufferSizes.length,
          bytes,
          shape,
          written,
          offset: this.writtenBytes,
        });
        this.bufferSizes.push(bytes);
        if (written) this.writtenBytes += bytes;
      }
    }
  }

  /** What was read back of a tensor, as numbers; a mask as its words. */
  read(name: string, results: ArrayBuffer): ArrayLike<number> {
    const { shape, offset, bytes } = this.tensors.get(name)!;
    if (shape.storage === 'u32') return new Uint32Array(results, offset, bytes / 4);
    const half = this.#precision === 'f16' && !shape.storage;
    return toFloat32(new Uint8Array(results, offset, bytes), half ? 'F16' : 'F32');
  }
}

const countOf = ({ height, width, channels, planes }: TensorShape): number =>
  height * width * channels * planes;

/** With zeros in the lanes that are left over. */
function padded(values: Float64Array, channels: number): Float64Array {
  const stored = 4 * vectorsOf(channels);
  if (stored === channels) return values;
  const result = new Float64Array((values.length / channels) * stored);
  for (const [i, value] of values.entries())
    result[Math.floor(i / channels) * stored + (i % channels)] = value;
  return result;
}

function storedAs(values: Float32Array, { channels, storage }: TensorShape, precision: Precision) {
  const whole = Float32Array.from(storage ? values : padded(Float64Array.from(values), channels));
  return precision === 'f16' && !storage ? toHalf(whole) : whole;
}

/** Largest difference, as a part of the largest value: far above rounding, far below what one product too few makes. */
const tolerances = { f32: 2e-4, f16: 2e-2 } as const;

/** What is wrong, if anything is. */
function difference(found: ArrayLike<number>, expected: Float64Array, tolerance: number): string | undefined {
  const known = expected.filter((value) => !Number.isNaN(value));
  const largest = known.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const isRight = (found: number, value: number) =>
    Number.isNaN(value) ? Number.isFinite(found) : Math.abs(found - value) <= tolerance * largest;
  const at = expected.findIndex((value, i) => !isRight(found[i], value));
  return at === -1 ? undefined : `number ${at} is ${found[at]}, not ${expected[at].toPrecision(4)}`;
}

/** Computes what the outputs of a form must be. @returns what is wrong with those that were read, if anything is. */
function judgeOf(
  { operations, shapeOf, parameter }: Form,
  precision: Precision,
  { kindOf }: GraphTools,
): (read: (tensor: string) => ArrayLike<number>) => string | undefined {
  const [last] = operations.slice(-1);
  const outputs = kindOf(last).outputs(last);
  const get = (name: string) => Float64Array.from(numbers(name, [countOf(shapeOf(name))]));
  const expected = outputsByDefinition(operations, { get, shapeOf, parameter }).map((values, i) => {
    const { channels, storage } = shapeOf(outputs[i]);
    return storage ? values : padded(values, channels);
  });
  return (read) => {
    for (const [i, values] of expected.entries()) {
      const fault = difference(read(outputs[i]), values, tolerances[precision]);
      if (fault) return fault;
    }
    return last.op === 'dbHead' ? headFault(last, read) : undefined;
  };
}

/** What is wrong with what follows from P and T. */
function headFault(last: DbHeadOperation, read: (tensor: string) => ArrayLike<number>): string | undefined {
  // What follows from P and T as they were computed: the steep function would enlarge their errors.
  const [P, T, B] = last.outputs.map((name) => Float64Array.from(read(name) as Float32Array));
  const binary = B && P.map((p, i) => sigmoid(last.k * (p - T[i])));
  const words = last.mask === undefined ? undefined : read(last.mask);
  const isSet = (i: number) => ((words![i >> 5] >>> (i & 31)) & 1) === 1;
  const bit = words ? P.findIndex((p, i) => p > 0.5 !== isSet(i)) : -1;
  return (
    (binary && difference(B, binary, 1e-4 + last.k * 1e-6)) ??
    (bit === -1 ? undefined : `bit ${bit} of the mask is wrong`)
  );
}

/** The pixels and the table of the resize on the device. */
function bindImage({ device, memory }: GpuContext, { step, width, height, bytes, table }: SmallImage) {
  const buffer = (label: string, data: Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>) => {
    const size = data.byteLength;
    const made = memory.createBuffer({ label, size, usage: bufferUsage.storage | bufferUsage.copyTo });
    device.queue.writeBuffer(made, 0, data);
    return made;
  };
  const resize = buffer('self test: resize table', table);
  if (step.kernel.bindings[0].access !== 'texture') {
    const pixels = buffer('self test: pixels', bytes);
    const bound: Externals = new Map([
      [externals.source, pixels],
      [externals.resize, resize],
    ]);
    return { bound, owned: [resize, pixels] };
  }
  const texture = memory.createTexture({
    label: 'self test: pixels',
    size: [width, height],
    format: 'rgba8unorm',
    usage: textureUsage.copyTo | textureUsage.binding,
  });
  device.queue.writeTexture({ texture }, bytes, { bytesPerRow: 4 * width }, [width, height]);
  const bound: Externals = new Map<string, GPUBuffer | GPUTextureView>([
    [externals.source, texture.createView()],
    [externals.resize, resize],
  ]);
  return { bound, owned: [resize, texture] };
}
