/**
 * @file Kernels on made-up numbers, judged on the device: one buffer for each name of a binding, filled once; outputs
 * are poisoned before a run and compared afterwards with what another way to compute the same wrote. Nothing goes
 * through the CPU but a count.
 */

import { bind, encode, type Step, storesHalf, Uniforms } from '../gpu/bind.ts';
import { bufferUsage } from '../gpu/buffer-usage.ts';
import { checked, type GpuContext } from '../gpu/device.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import { ReadbackPool } from '../gpu/readback.ts';
import { declare, f32, type Kernel } from '../kernels/kernel.ts';
import { type Precision, wgsl } from '../kernels/wgsl.ts';
import type { Work } from './timing.ts';

/** A kernel, with the names of the buffers that it gets in place of those of its bindings' names. */
export interface Placed {
  kernel: Kernel;
  names?: Readonly<Record<string, string>>;
}

/** What two ways to compute the same may differ by: absolute + relative |value|. */
export interface Tolerance {
  absolute: number;
  relative: number;
}

/** Dispatches in order, bound. */
export interface Bound extends Work {
  kernels: readonly Placed[];
  steps: readonly Step[];
  destroy(): void;
}

const usage = bufferUsage.storage | bufferUsage.copyFrom | bufferUsage.copyTo;

/** Bindings whose elements are neither f32 nor f16: they are not compared. */
const bits = ['mask'];

export class Workbench {
  readonly #context: GpuContext;
  readonly #pipelines: PipelineCache;
  readonly #readback: ReadbackPool;
  readonly #buffers = new Map<string, GPUBuffer>();
  /** Buffers that the caller owns. */
  readonly #given: ReadonlyMap<string, GPUBindingResource>;

  private constructor(
    context: GpuContext,
    pipelines: PipelineCache,
    given: ReadonlyMap<string, GPUBindingResource>,
  ) {
    this.#context = context;
    this.#pipelines = pipelines;
    this.#readback = new ReadbackPool(context);
    this.#given = given;
  }

  /**
   * Allocates what the kernels need, any one at a time, and fills what they read with made-up numbers.
   * @param given what bindings of these names hold instead.
   * @throws DBNetError `gpu-error` where memory does not suffice.
   */
  static async create(
    context: GpuContext,
    pipelines: PipelineCache,
    kernels: readonly Placed[],
    given: ReadonlyMap<string, GPUBindingResource> = new Map(),
  ): Promise<Workbench> {
    const bench = new Workbench(context, pipelines, given);
    const sizes = new Map<string, { bytes: number; half: boolean }>();
    const written = new Set<string>();
    for (const { kernel, names = {} } of kernels) {
      for (const { name, access, bytes } of kernel.bindings) {
        const own = names[name] ?? name;
        if (access === 'uniform' || given.has(own)) continue;
        if (access === 'read_write') written.add(own);
        const half = storesHalf(kernel, name);
        sizes.set(own, { bytes: Math.max(sizes.get(own)?.bytes ?? 0, wholeWords(bytes)), half });
      }
    }
    try {
      await checked(context, 'allocating buffers to measure with', () => {
        for (const [name, { bytes }] of sizes) bench.#allocate(name, bytes);
      });
      for (const [name, { half }] of sizes) if (!written.has(name)) await bench.#fill(name, half);
      return bench;
    } catch (error) {
      bench.destroy();
      throw error;
    }
  }

  /** Bytes of all buffers that kernels read, to be multiplied for runs with cold caches. */
  inputBytes(kernel: Kernel): number {
    return inputs(kernel).reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /**
   * Binds kernels that are dispatched one after the other.
   * @throws DBNetError `gpu-error` for a shader that is refused.
   */
  async bind(kernels: readonly Placed[]): Promise<Bound> {
    const pipelines = await Promise.all(kernels.map(({ kernel }) => this.#pipelines.get(kernel)));
    const context = this.#context;
    const uniforms = await Uniforms.create(
      context,
      kernels.map(({ kernel }) => kernel),
    );
    try {
      const steps = await checked(context, `binding '${kernels[0].kernel.label}'`, () =>
        kernels.map(({ kernel, names = {} }, i) =>
          bind(context, pipelines[i], kernel, uniforms.at(i), ({ name, bytes }) =>
            this.#resource(names[name] ?? name, bytes),
          ),
        ),
      );
      return {
        label: kernels.map(({ kernel }) => kernel.label).join(' + '),
        kernels,
        steps,
        encode: (pass, repetitions) => encode(pass, steps, repetitions),
        destroy: () => uniforms.destroy(),
      };
    } catch (error) {
      uniforms.destroy();
      throw error;
    }
  }

  /** The kernel on `count` sets of what it reads in turns, so that no cache holds them. */
  async bindCold({ kernel }: Placed, count: number): Promise<Bound> {
    const sets: Placed[] = [];
    for (let set = 0; set < count; set++) {
      const names = Object.fromEntries(inputs(kernel).map(({ name }) => [name, `${name} #${set}`]));
      for (const { name, bytes } of inputs(kernel)) {
        if (this.#given.has(name) || this.#buffers.has(names[name])) continue;
        await checked(this.#context, 'allocating copies', () =>
          this.#allocate(names[name], wholeWords(bytes)),
        );
        await this.#fill(names[name], storesHalf(kernel, name));
      }
      sets.push({ kernel, names });
    }
    const bound = await this.bind(sets);
    let next = 0;
    return {
      ...bound,
      encode(pass, repetitions) {
        for (let i = 0; i < repetitions; i++) encode(pass, [bound.steps[next++ % count]]);
      },
    };
  }

  /** Dispatches something once. */
  async run(bound: Bound): Promise<void> {
    await this.#submit(bound.label, (pass) => encode(pass, bound.steps));
  }

  /**
   * Runs `bound` and keeps what its last kernel wrote, for {@link compare}.
   * @throws Error if a number of it was not written or is not finite.
   */
  async keep(bound: Bound): Promise<void> {
    await this.#judge(bound, undefined);
    const outputs = outputsOf(bound);
    await checked(this.#context, 'keeping an output', () => {
      const encoder = this.#context.device.createCommandEncoder();
      for (const { name, bytes } of outputs) {
        const kept = this.#allocate(`kept ${name}`, bytes);
        encoder.copyBufferToBuffer(this.#buffers.get(name)!, 0, kept, 0, bytes);
      }
      this.#context.device.queue.submit([encoder.finish()]);
    });
  }

  /**
   * Runs `bound` and compares what its last kernel wrote with what is kept.
   * @throws Error that says in how many words it is wrong.
   */
  async compare(bound: Bound, tolerance: Tolerance): Promise<void> {
    await this.#judge(bound, tolerance);
  }

  destroy(): void {
    this.#readback.destroy();
    this.#context.memory.free(...this.#buffers.values());
    this.#buffers.clear();
  }

  #allocate(name: string, size: number): GPUBuffer {
    const known = this.#buffers.get(name);
    if (known && known.size >= size) return known;
    this.#context.memory.free(known);
    const buffer = this.#context.memory.createBuffer({ label: `measured: ${name}`, size, usage });
    this.#buffers.set(name, buffer);
    return buffer;
  }

  #resource(name: string, bytes: number): GPUBindingResource {
    const original = name.replace(/ #\d+$/, '');
    const given = this.#given.get(name) ?? this.#given.get(original);
    return given ?? { buffer: this.#buffers.get(name)!, size: bytes > 0 ? wholeWords(bytes) : undefined };
  }

  async #fill(name: string, half: boolean): Promise<void> {
    const words = this.#buffers.get(name)!.size / 4;
    const kernel = fillKernel(words, seedOf(name.replace(/ #\d+$/, '')), half ? 'f16' : 'f32');
    await this.#dispatch({ kernel, names: { words: name } });
  }

  async #dispatch(placed: Placed): Promise<void> {
    const bound = await this.bind([placed]);
    try {
      await this.run(bound);
    } finally {
      bound.destroy();
    }
  }

  async #submit(label: string, record: (pass: GPUComputePassEncoder) => void): Promise<void> {
    await checked(this.#context, label, () => {
      const encoder = this.#context.device.createCommandEncoder({ label });
      const pass = encoder.beginComputePass({ label });
      record(pass);
      pass.end();
      this.#context.device.queue.submit([encoder.finish()]);
    });
  }

  /** Poisons, runs, and counts the words that are not finite, or not within the tolerance of what is kept. */
  async #judge(bound: Bound, tolerance: Tolerance | undefined): Promise<void> {
    const last = bound.kernels[bound.kernels.length - 1].kernel;
    const outputs = outputsOf(bound);
    for (const { name, bytes } of outputs) {
      await this.#dispatch({ kernel: poisonKernel(bytes / 4), names: { words: name } });
    }
    await this.run(bound);
    const wrong = this.#allocate('wrong', 4);
    for (const { name, bytes } of outputs) {
      const precision = storesHalf(last, name) ? 'f16' : 'f32';
      this.#context.device.queue.writeBuffer(wrong, 0, new Uint32Array(1));
      await this.#dispatch({
        kernel: tolerance
          ? compareKernel(bytes / 4, tolerance, precision)
          : finiteKernel(bytes / 4, precision),
        names: { actual: name, expected: `kept ${name}` },
      });
      const [count] = new Uint32Array(await this.#readback.read(wrong, 4));
      if (count === 0) continue;
      const what = tolerance ? 'wrong' : 'not finite, or not written,';
      throw new Error(`'${name}' is ${what} in ${count} of ${bytes / 4} words`);
    }
  }
}

const inputs = ({ bindings }: Kernel) => bindings.filter(({ access }) => access === 'read');

/** What is judged of the last kernel. */
const outputsOf = ({ kernels }: Bound): { name: string; bytes: number }[] =>
  kernels[kernels.length - 1].kernel.bindings
    .filter(({ name, access }) => access === 'read_write' && !bits.includes(name))
    .map(({ name, bytes }) => ({ name, bytes: wholeWords(bytes) }));

const wholeWords = (bytes: number) => Math.ceil(bytes / 4) * 4;

/** Every binding has numbers of its own, so that products do not add up to squares: FNV-1a of its name. */
const seedOf = (binding: string): number =>
  [...binding].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 0x01000193), 0x811c9dc5) >>> 0;

/** Threads of all workgroups together; each takes every so many-th word. */
const threads = 65_536;

/**
 * Writes made-up numbers: multiples of 1/1024 from -1 to below 1, so that f32 and f16 both hold them exactly. The hash
 * is PCG's output function (O'Neill 2014; as a hash: Jarzynski and Olano, JCGT 2020).
 */
function fillKernel(count: number, seed: number, precision: Precision): Kernel {
  const value =
    precision === 'f16'
      ? 'pack2x16float(vec2<f32>(made_up_number(2u * i), made_up_number(2u * i + 1u)))'
      : 'bitcast<u32>(made_up_number(i))';
  const functions = wgsl`
fn made_up_number(index: u32) -> f32 {
  let state = index * 747796405u + shape.seed;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  let hash = (word >> 22u) ^ word;
  return f32(i32(hash & 2047u) - 1024) * 0.0009765625;
}`;
  return overWords('fill', { count, seed }, ['words'], functions, `words[i] = ${value};`);
}

/** Writes NaN in f32 and, twice, in f16: an output that still holds it was never written. */
const poisonKernel = (count: number): Kernel =>
  overWords('poison', { count }, ['words'], '', 'words[i] = 0xffffffffu;');

/** Not finite is told from the bits: compilers may assume that no NaN occurs. */
const notFinite = (precision: Precision) =>
  precision === 'f16'
    ? '(found & 0x7c00u) == 0x7c00u || (found & 0x7c000000u) == 0x7c000000u'
    : '(found & 0x7f800000u) == 0x7f800000u';

const countWrong = 'if (is_wrong(i)) { atomicAdd(&wrong[0], 1u); }';

/** Adds to `wrong[0]` the number of words of `actual` that are not finite. */
function finiteKernel(count: number, precision: Precision): Kernel {
  const functions = wgsl`
fn is_wrong(i: u32) -> bool {
  let found = actual[i];
  return ${notFinite(precision)};
}`;
  return overWords('finite', { count }, ['actual', 'wrong'], functions, countWrong);
}

/** The same of those that are not finite or not within the tolerance of `expected`. */
function compareKernel(count: number, { absolute, relative }: Tolerance, precision: Precision): Kernel {
  const values = precision === 'f16' ? 'unpack2x16float' : 'bitcast<f32>';
  const type = precision === 'f16' ? 'vec2<f32>' : 'f32';
  const functions = wgsl`
fn is_wrong(i: u32) -> bool {
  let found = actual[i];
  let value = ${values}(expected[i]);
  let limit = ${type}(shape.absolute) + shape.relative * abs(value);
  return ${notFinite(precision)} || ${precision === 'f16' ? 'any' : ''}(abs(${values}(found) - value) > limit);
}`;
  const shape = { count, absolute: f32(absolute), relative: f32(relative) };
  return overWords('compare', shape, ['actual', 'expected', 'wrong'], functions, countWrong);
}

/** A kernel that does `statement` for every word `i` below `shape.count`. The last buffer is written. */
function overWords(
  label: string,
  shape: Kernel['shape'],
  buffers: readonly string[],
  functions: string,
  statement: string,
): Kernel {
  const { bindings, declarations } = declare(
    buffers.map((name, i) => ({
      name,
      access: i === buffers.length - 1 ? ('read_write' as const) : ('read' as const),
      bytes: 0,
      type: name === 'wrong' ? 'atomic<u32>' : 'u32',
    })),
    shape,
  );
  const code = wgsl`${declarations}
${functions}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  for (var i = id.x; i < shape.count; i += ${threads}u) {
    ${statement}
  }
}
`;
  const dispatch = [threads / 64, 1, 1] as const;
  return { label: `measuring: ${label}`, code, bindings, shape, dispatch, flops: 0, bytes: 0 };
}
