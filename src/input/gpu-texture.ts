/** @file A caller's texture as an image: which ones the kernels can read, and a copy of one that has to wait. */

import { can } from '../check.ts';
import { DBNetError } from '../errors.ts';
import type { GpuContext } from '../gpu/device.ts';
import { textureUsage } from '../gpu/texture-usage.ts';
import type { Box } from '../size.ts';

/** Deno's textures have no tag. */
export const isTexture = (value: unknown): value is GPUTexture => can(value, 'createView');

/** @throws DBNetError `invalid-image` for a texture that the kernels cannot read. */
export function checkTexture(texture: GPUTexture, isOfOurDevice: boolean): GPUTexture {
  const { format, dimension, sampleCount, usage } = texture;
  const refuse = (expected: string, found: string) => {
    throw new DBNetError('invalid-image', `expected ${expected}, found ${found}`);
  };
  if (!isOfOurDevice) {
    refuse(
      'a GPUTexture of the device that this detector computes on, passed to create() as `device`',
      "one where the device is not the caller's: pass `device`, or a canvas, bitmap or pixels instead",
    );
  }
  if (format !== 'rgba8unorm' && format !== 'bgra8unorm') {
    refuse("a GPUTexture of the format 'rgba8unorm' or 'bgra8unorm'", `'${format}'`);
  }
  if (dimension !== '2d' || sampleCount !== 1) {
    refuse('a GPUTexture of two dimensions and one sample', `${dimension} with ${sampleCount} samples`);
  }
  if ((usage & textureUsage.binding) === 0)
    refuse('a GPUTexture with the usage TEXTURE_BINDING', `usage ${usage}`);
  return texture;
}

/** Copies that are kept to be used again: as many as wait where a stream has few frames on their way. */
const keptCopies = 4;

/** Copies of textures that wait for their turn. Those that are done with are used again, so that frames make no new ones. */
export class TextureCopies {
  readonly #context: Pick<GpuContext, 'device' | 'memory'>;
  readonly #free: GPUTexture[] = [];
  /** In use, and to be kept. */
  readonly #lent = new Set<GPUTexture>();

  constructor(context: Pick<GpuContext, 'device' | 'memory'>) {
    this.#context = context;
  }

  /** @throws DBNetError `invalid-image` for a texture that cannot be copied, `disposed`. */
  copy(source: GPUTexture, { x, y, width, height }: Box): GPUTexture {
    if ((source.usage & textureUsage.copyFrom) === 0) {
      throw new DBNetError(
        'invalid-image',
        'expected a GPUTexture with the usage COPY_SRC where it has to wait for its turn, found one without: add that usage, or ' +
          'await earlier calls, and warmup() for its size, before this one',
      );
    }
    const { device, memory } = this.#context;
    const { format } = source;
    const fits = (copy: GPUTexture) =>
      copy.width === width && copy.height === height && copy.format === format;
    if (!this.#free.every(fits)) this.destroy();
    const copy =
      this.#free.pop() ??
      memory.createTexture({
        label: 'waiting image',
        size: [width, height],
        format,
        usage: textureUsage.copyTo | textureUsage.binding,
      });
    this.#lent.add(copy);
    const encoder = device.createCommandEncoder();
    encoder.copyTextureToTexture({ texture: source, origin: [x, y] }, { texture: copy }, [width, height]);
    device.queue.submit([encoder.finish()]);
    return copy;
  }

  /** Gives a copy back. */
  release(copy: GPUTexture): void {
    if (this.#lent.delete(copy) && this.#free.length < keptCopies) this.#free.push(copy);
    else this.#context.memory.free(copy);
  }

  /** Frees all copies, those in use when they are given back. */
  destroy(): void {
    this.#context.memory.free(...this.#free.splice(0));
    this.#lent.clear();
  }
}
