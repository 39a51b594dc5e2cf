/** @file Values that stay on the device, uploaded once and shared by all programs: the weights. */

import { DBNetError } from '../errors.ts';
import type { Constant } from '../graph/operation.ts';
import { largestHalf, toHalf } from '../kernels/half.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { Pace } from '../pace.ts';
import type { Web } from '../web.ts';
import { bind, Uniforms } from './bind.ts';
import { bufferUsage } from './buffer-usage.ts';
import { allocate, checked, type GpuContext } from './device.ts';
import type { PipelineCache } from './pipelines.ts';
import { submit } from './run.ts';

/** The largest finite f32. */
const largestSingle = (2 - 2 ** -23) * 2 ** 127;

/**
 * Weights may be finite and become what is not when they are folded, transformed or stored: then the network would
 * compute nonsense without a word.
 * @param scale factors of the values' first dimension, which the device multiplies by.
 * @throws DBNetError `incompatible-weights`.
 */
function assertStorable(
  { name, precision, transform }: Constant,
  values: Float32Array,
  scale: Float32Array = one,
): void {
  const limit = (precision === 'f16' ? largestHalf : largestSingle) / (transform?.growth ?? 1);
  const perFactor = values.length / scale.length;
  for (let row = 0, index = 0; row < scale.length; row++) {
    const factor = scale[row];
    const end = (row + 1) * perFactor;
    while (index < end && Math.abs(values[index] * factor) <= limit) index++;
    if (index === end) continue;
    const found = values[index] * factor;
    const hint =
      precision === 'f16' && Number.isFinite(found) ? "use precision 'f32'" : 'the file is damaged';
    throw new DBNetError(
      'incompatible-weights',
      `'${name}', folded with its batch norm: expected numbers that ${precision} can hold, found ${found}: ${hint}`,
    );
  }
}

const one = Float32Array.of(1);

type Numbers = Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;

/** Bound ranges of a buffer begin at multiples of this. */
const alignment = 256;

const aligned = (bytes: number): number => Math.ceil(bytes / alignment) * alignment;

/** What the transforms of an upload share, each read before the next is written. */
interface Transforms {
  kernels: readonly Kernel[];
  uniforms: Uniforms;
  /** Takes what a transform reads. */
  given: GPUBuffer;
}

export class ConstantStore {
  readonly #context: GpuContext;
  readonly #pipelines: PipelineCache;
  readonly #buffers = new Map<string, GPUBuffer>();

  constructor(context: GpuContext, pipelines: PipelineCache) {
    this.#context = context;
    this.#pipelines = pipelines;
  }

  /** Bytes of all buffers. */
  get bytes(): number {
    return [...this.#buffers.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /**
   * Uploads those that are not there yet, in pieces.
   * @throws DBNetError `gpu-error` where memory is out or a transform is refused, `disposed`, `device-lost`; what `data()`
   *   throws; the signal's reason.
   */
  async upload(constants: ReadonlyMap<string, Constant>, signal?: Web<'AbortSignal'>): Promise<void> {
    const missing = [...constants.values()].filter(({ name }) => !this.#buffers.has(name));
    const pace = new Pace(signal);
    const answers: Promise<void>[] = [];
    const transformed = missing.filter(({ transform }) => transform);
    const shared = transformed.length > 0 ? await this.#share(transformed) : undefined;
    try {
      for (const constant of missing) {
        const { name, precision, transform } = constant;
        const index = transformed.indexOf(constant);
        const pipeline = shared && transform && (await this.#pipelines.get(shared.kernels[index]));
        await pace.rest();
        const values = constant.data();
        const scale = transform?.scale?.();
        assertStorable(constant, values, scale);
        await pace.rest();
        const answer = checked(this.#context, 'uploading the weights', () => {
          if (pipeline) this.#transform(name, scale ? [values, scale] : [values], shared, index, pipeline);
          else this.#store(name, precision === 'f16' ? toHalf(values) : values);
        });
        // Only awaited once all are under way.
        answer.catch(() => {});
        answers.push(answer);
      }
      await Promise.all(answers);
    } catch (error) {
      // What could not be had must not be taken for weights by the next program.
      for (const { name } of missing) this.#free(name);
      throw error;
    } finally {
      shared?.uniforms.destroy();
      this.#context.memory.free(shared?.given);
    }
  }

  async #share(transformed: readonly Constant[]): Promise<Transforms> {
    const kernels = transformed.map(({ transform }) => transform!.kernel());
    const sizes = kernels.map(({ bindings }) =>
      bindings.slice(0, -2).reduce((sum, { bytes }) => sum + aligned(bytes), 0),
    );
    const given = await allocate(this.#context, {
      label: 'weights to be transformed',
      size: Math.max(...sizes),
      usage: bufferUsage.storage | bufferUsage.copyTo,
    });
    try {
      return { kernels, uniforms: await Uniforms.create(this.#context, kernels), given };
    } catch (error) {
      this.#context.memory.free(given);
      throw error;
    }
  }

  #transform(
    name: string,
    inputs: readonly Float32Array<ArrayBuffer>[],
    { kernels, uniforms, given }: Transforms,
    index: number,
    pipeline: GPUComputePipeline,
  ): void {
    const kernel = kernels[index];
    const size = kernel.bindings[inputs.length].bytes;
    const buffer = this.#context.memory.createBuffer({ label: name, size, usage: bufferUsage.storage });
    this.#buffers.set(name, buffer);
    let offset = 0;
    const resources: GPUBindingResource[] = inputs.map((values) => {
      const range = { buffer: given, offset, size: values.byteLength };
      this.#write(given, offset, values);
      offset += aligned(values.byteLength);
      return range;
    });
    resources.push({ buffer });
    submit(this.#context, [
      bind(this.#context, pipeline, kernel, uniforms.at(index), (_, binding) => resources[binding]),
    ]);
  }

  #store(name: string, values: Numbers): void {
    const size = values.byteLength;
    const usage = bufferUsage.storage | bufferUsage.copyTo;
    const buffer = this.#context.memory.createBuffer({ label: name, size, usage });
    this.#buffers.set(name, buffer);
    this.#write(buffer, 0, values);
  }

  #write(buffer: GPUBuffer, offset: number, values: Numbers): void {
    const { queue } = this.#context.device;
    const writeElements = (globalThis as any).PIECE ?? 1e9;
    for (let from = 0; from < values.length; from += writeElements) {
      const count = Math.min(writeElements, values.length - from);
      queue.writeBuffer(buffer, offset + from * values.BYTES_PER_ELEMENT, values, from, count);
    }
  }

  #free(name: string): void {
    this.#context.memory.free(this.#buffers.get(name));
    this.#buffers.delete(name);
  }

  /** Frees all that are not in `used`. */
  keepOnly(used: ReadonlySet<string>): void {
    for (const name of this.#buffers.keys()) if (!used.has(name)) this.#free(name);
  }

  /** The buffer called `name`, which must have been uploaded. */
  get(name: string): GPUBuffer {
    const buffer = this.#buffers.get(name);
    if (!buffer) throw new Error(`the constant '${name}' was not uploaded`);
    return buffer;
  }

  destroy(): void {
    for (const name of this.#buffers.keys()) this.#free(name);
  }
}
