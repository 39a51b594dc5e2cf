/** @file Values that stay on the device, uploaded once and shared by all programs: the weights. */

import { DBNetError } from '../errors.ts';
import type { Constant } from '../graph/operation.ts';
import { largestHalf, toHalf } from '../kernels/half.ts';
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
    const { queue } = this.#context.device;
    const pace = new Pace(signal);
    const answers: Promise<void>[] = [];
    let uniforms: Uniforms | undefined;
    // Takes what is to be transformed, one after the other: each is read before the next is written.
    let given: GPUBuffer | undefined;
    let transformed = 0;
    try {
      if (kernels.length > 0) {
        uniforms = await Uniforms.create(this.#context, kernels);
        const size = Math.max(...kernels.map(({ bindings: [{ bytes }] }) => bytes));
        const usage = bufferUsage.storage | bufferUsage.copyTo;
        given = await allocate(this.#context, { label: 'weights to be transformed', size, usage });
      }
      for (const constant of missing) {
        const { name, precision, transform } = constant;
        const index = transform ? transformed++ : -1;
        const pipeline = transform && (await this.#pipelines.get(kernels[index]));
        await pace.rest();
        const values = constant.data();
        await pace.rest();
        const scale = transform?.scale();
        assertStorable(constant, values, scale);
        await pace.rest();
        const answer = checked(this.#context, 'uploading the weights', () => {
          if (!pipeline) {
            const stored = precision === 'f16' ? toHalf(values) : values;
            queue.writeBuffer(this.#make(name, stored.byteLength), 0, stored);
            return;
          }
          const kernel = kernels[index];
          const [{ bytes: size }, { bytes }] = kernel.bindings;
          queue.writeBuffer(given!, 0, values);
          queue.writeBuffer(given!, values.byteLength, scale!);
          const resources = [{ buffer: given!, size }, { buffer: this.#make(name, bytes) }];
          const uniform = uniforms!.at(index);
          submit(this.#context, [bind(this.#context, pipeline, kernel, uniform, (_, i) => resources[i])]);
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
      uniforms?.destroy();
      this.#context.memory.free(given);
    }
  }

  #make(name: string, size: number): GPUBuffer {
    const usage = bufferUsage.storage | bufferUsage.copyTo;
    const buffer = this.#context.memory.createBuffer({ label: name, size, usage });
    this.#buffers.set(name, buffer);
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
