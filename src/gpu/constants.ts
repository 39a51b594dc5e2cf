/** @file Values that stay on the device, uploaded once and shared by all programs: the weights. */

import { DBNetError } from '../errors.ts';
import type { Constant } from '../graph/operation.ts';
import { largestHalf, toHalf } from '../kernels/half.ts';
import type { Kernel } from '../kernels/kernel.ts';
import { Pace } from '../pace.ts';
import type { Web } from '../web.ts';
import { bind, Uniforms } from './bind.ts';
import { bufferUsage } from './buffer-usage.ts';
import { checked, type GpuContext } from './device.ts';
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
    // NaN, which is above nothing, for a factor that is no number itself.
    const most =
      Math.abs(factor) <= largestSingle ? Math.min(limit / Math.abs(factor), largestSingle) : Number.NaN;
    const end = (row + 1) * perFactor;
    while (index < end && Math.abs(values[index]) <= most) index++;
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

/** What the device makes of a constant, ready to be dispatched. */
interface Transform {
  kernel: Kernel;
  pipeline: GPUComputePipeline;
  uniform: GPUBufferBinding;
  scale?: Float32Array<ArrayBuffer>;
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
    const kernels = missing.flatMap(({ transform }) => transform?.kernel() ?? []);
    const pace = new Pace(signal);
    const answers: Promise<void>[] = [];
    let uniforms: Uniforms | undefined;
    let transformed = 0;
    try {
      if (kernels.length > 0) uniforms = await Uniforms.create(this.#context, kernels);
      for (const constant of missing) {
        let transform: Transform | undefined;
        if (uniforms && constant.transform) {
          const kernel = kernels[transformed];
          const pipeline = await this.#pipelines.get(kernel);
          transform = { kernel, pipeline, uniform: uniforms.at(transformed++) };
        }
        await pace.rest();
        const values = constant.data();
        const scale = constant.transform?.scale?.();
        assertStorable(constant, values, scale);
        await pace.rest();
        const answer = checked(this.#context, 'uploading the weights', () =>
          this.#upload(constant, values, transform && { ...transform, scale }),
        );
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
      uniforms?.destroy();
    }
  }

  #upload({ name, precision }: Constant, values: Float32Array<ArrayBuffer>, transform?: Transform): void {
    if (!transform) {
      this.#buffers.set(name, this.#write(name, precision === 'f16' ? toHalf(values) : values));
      return;
    }
    const { memory } = this.#context;
    const { kernel, pipeline, uniform, scale } = transform;
    const given: GPUBuffer[] = [];
    try {
      for (const numbers of scale ? [values, scale] : [values])
        given.push(this.#write(`${name}, plain`, numbers));
      const size = kernel.bindings[given.length].bytes;
      const buffer = memory.createBuffer({ label: name, size, usage: bufferUsage.storage });
      this.#buffers.set(name, buffer);
      const step = bind(this.#context, pipeline, kernel, uniform, (_, index) => ({
        buffer: given[index] ?? buffer,
      }));
      submit(this.#context, [step]);
    } finally {
      // What was submitted is done before it goes.
      memory.free(...given);
    }
  }

  #write(label: string, values: Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>): GPUBuffer {
    const buffer = this.#context.memory.createBuffer({
      label,
      size: values.byteLength,
      usage: bufferUsage.storage | bufferUsage.copyTo,
    });
    this.#context.device.queue.writeBuffer(buffer, 0, values);
    return buffer;
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
