/**
 * @file Images of calls that wait. Their callers may draw the next frame into the same memory meanwhile, so what is
 * theirs is copied; how much is copied has a bound, so that calls that come faster than they are computed fail instead of
 * filling the memory.
 */

import { DBNetError } from '../errors.ts';
import type { GpuContext } from '../gpu/device.ts';
import { TextureCopies } from './gpu-texture.ts';
import type { ReadyImage } from './image.ts';
import { ownImage, ownTexture } from './own-image.ts';

/** Bytes that copies may take together; a single one may take more. */
export const waitingLimit = 512 * 2 ** 20;

export class WaitingImages {
  readonly #copies: TextureCopies;
  #bytes = 0;

  constructor(context: GpuContext) {
    this.#copies = new TextureCopies(context);
  }

  /**
   * The image as it is at this moment, whatever becomes of the caller's. `close()` of it makes room.
   * @throws DBNetError `busy` if the copies would be too large, `invalid-image`.
   */
  keep(image: ReadyImage): ReadyImage | Promise<ReadyImage> {
    if (!image.borrowed) return image;
    const bytes = image.width * image.height * (image.kind === 'pixels' ? image.channels : 4);
    if (this.#bytes > 0 && this.#bytes + bytes > waitingLimit) {
      throw new DBNetError(
        'busy',
        `expected at most ${waitingLimit / 2 ** 20} MiB of images that wait for their turn, found ` +
          `${((this.#bytes + bytes) / 2 ** 20).toFixed(1)} MiB with this one: await earlier calls before the next`,
      );
    }
    this.#bytes += bytes;
    const release = () => {
      this.#bytes -= bytes;
    };
    const releasing = (own: ReadyImage): ReadyImage => ({
      ...own,
      close: () => {
        release();
        own.close?.();
      },
    });
    try {
      const own = image.kind === 'bound' ? ownTexture(image, this.#copies) : ownImage(image);
      if (!('then' in own)) return releasing(own);
      const kept = own.then(releasing, (error) => {
        release();
        throw error;
      });
      kept.catch(() => {}); // Told when its turn comes.
      return kept;
    } catch (error) {
      release();
      throw error;
    }
  }

  /** Frees what is kept to be used again. */
  trim(): void {
    this.#copies.destroy();
  }
}
