/** @file Images on their way to the GPU: one buffer or texture that is used again, and the table of the resize. */

import { DBNetError } from '../errors.ts';
import { bufferUsage } from '../gpu/buffer-usage.ts';
import type { GpuContext } from '../gpu/device.ts';
import type { Externals } from '../gpu/program.ts';
import { textureUsage } from '../gpu/texture-usage.ts';
import { externals } from '../graph/plan.ts';
import { resizeTable } from '../kernels/preprocess.ts';
import type { PaddedSize } from '../size.ts';
import type { ReadyImage } from './image.ts';
import { unreadable } from './unreadable.ts';

/** What a copy from an external image needs. */
const copiedUsage = textureUsage.copyTo | textureUsage.binding | textureUsage.render;

export class ImageUpload {
  readonly #context: GpuContext;
  #pixels: GPUBuffer | undefined;
  #texture: { texture: GPUTexture; view: GPUTextureView } | undefined;
  #table: GPUBuffer | undefined;
  /** For which sizes the table holds. */
  #tableFor = '';

  constructor(context: GpuContext) {
    this.#context = context;
  }

  /** Bytes of all buffers and textures. */
  get bytes(): number {
    const texture = this.#texture?.texture;
    return (
      (this.#pixels?.size ?? 0) +
      (this.#table?.size ?? 0) +
      (texture ? texture.width * texture.height * 4 : 0)
    );
  }

  /**
   * Uploads an image that will be resized to the content of `target`, or binds it as it is: then it has to be read in the
   * task in which this is called, since a frame is there no longer and a texture may be drawn on.
   * @throws DBNetError `limit-exceeded` if the pixels are more than one buffer can hold; `invalid-image` where the
   *   platform keeps the pixels to itself.
   */
  upload(image: ReadyImage, target: PaddedSize): Externals {
    return new Map<string, GPUBuffer | GPUTextureView | GPUExternalTexture>([
      [externals.source, this.#source(image)],
      [externals.resize, this.#uploadTable(image, target)],
    ]);
  }

  /** Frees all buffers and textures. The next image gets new ones. */
  destroy(): void {
    this.#context.memory.free(this.#pixels, this.#texture?.texture, this.#table);
    this.#pixels = undefined;
    this.#texture = undefined;
    this.#table = undefined;
  }

  #source(image: ReadyImage): GPUBuffer | GPUTextureView | GPUExternalTexture {
    const { device } = this.#context;
    switch (image.kind) {
      case 'pixels':
        return this.#uploadPixels(image);
      case 'texture':
        return this.#uploadTexture(image);
      case 'bound':
        return image.source.createView({ dimension: '2d', arrayLayerCount: 1, mipLevelCount: 1 });
      case 'external':
        try {
          return device.importExternalTexture({ source: image.source });
        } catch (cause) {
          throw unreadable(cause);
        }
    }
  }

  #uploadPixels({ data, width, height, channels }: ReadyImage & { kind: 'pixels' }): GPUBuffer {
    const { device, memory } = this.#context;
    // The shader reads whole words.
    const size = Math.ceil(data.length / 4) * 4;
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
    if (size > limit) {
      throw new DBNetError(
        'limit-exceeded',
        `an image of ${width}x${height} with ${channels} channels has ${size} bytes, but the device's ` +
          `maxStorageBufferBindingSize is ${limit}: make the image smaller`,
      );
    }
    if (!this.#pixels || this.#pixels.size < size) {
      memory.free(this.#pixels);
      this.#pixels = memory.createBuffer({
        label: 'pixels',
        size,
        usage: bufferUsage.storage | bufferUsage.copyTo,
      });
    }
    const whole = data.length & ~3;
    device.queue.writeBuffer(this.#pixels, 0, data as Uint8Array<ArrayBuffer>, 0, whole);
    if (whole < data.length) {
      const rest = new Uint8Array(4);
      rest.set(data.subarray(whole));
      device.queue.writeBuffer(this.#pixels, whole, rest);
    }
    return this.#pixels;
  }

  #uploadTexture({ source, origin, width, height }: ReadyImage & { kind: 'texture' }): GPUTextureView {
    const { device, memory } = this.#context;
    const old = this.#texture?.texture;
    // A larger one will do. One as wide and as high as any would be larger than each, where some are wide and others tall.
    if (!this.#texture || !old || old.width < width || old.height < height) {
      memory.free(old);
      const texture = memory.createTexture({
        label: 'image',
        size: [width, height],
        format: 'rgba8unorm',
        usage: copiedUsage,
      });
      this.#texture = { texture, view: texture.createView() };
    }
    const { texture, view } = this.#texture;
    try {
      device.queue.copyExternalImageToTexture({ source, origin }, { texture, premultipliedAlpha: false }, [
        width,
        height,
      ]);
    } catch (cause) {
      throw unreadable(cause);
    }
    return view;
  }

  #uploadTable({ kind, width, height, origin }: ReadyImage, target: PaddedSize): GPUBuffer {
    const { device, memory } = this.#context;
    // What was copied has no other parts.
    const from = kind === 'bound' || kind === 'external' ? origin : undefined;
    const key = JSON.stringify([width, height, from, target]);
    const size = 8 * (1 + target.width + target.height);
    if (!this.#table || this.#table.size < size) {
      memory.free(this.#table);
      this.#table = memory.createBuffer({
        label: 'resize table',
        size,
        usage: bufferUsage.storage | bufferUsage.copyTo,
      });
      this.#tableFor = '';
    }
    if (this.#tableFor !== key) {
      device.queue.writeBuffer(this.#table, 0, resizeTable({ width, height }, target, from));
      this.#tableFor = key;
    }
    return this.#table;
  }
}
