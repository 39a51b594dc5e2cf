/** @file An image that nobody but this library can change. */

import type { TextureCopies } from './gpu-texture.ts';
import type { ReadyImage } from './image.ts';
import { unreadable } from './unreadable.ts';

type BoundImage = Extract<ReadyImage, { kind: 'bound' }>;

/**
 * What is borrowed is copied as it is now, before this returns.
 * @throws DBNetError `invalid-image`.
 */
export function ownImage(image: Exclude<ReadyImage, BoundImage>): ReadyImage | Promise<ReadyImage> {
  if (!image.borrowed) return image;
  const { borrowed: _, ...own } = image;
  if (own.kind === 'pixels') {
    // Not slice(), which for Node's Buffer is a view.
    return { ...own, data: new Uint8Array(own.data) };
  }
  if ('clone' in own.source) {
    // Another handle of the same frame: nothing is copied.
    const source = own.source.clone();
    return { ...own, source, close: () => source.close() } as ReadyImage;
  }
  const { origin: { x, y } = { x: 0, y: 0 }, ...part } = own;
  // Only the handle of the copy comes later.
  return createImageBitmap(part.source, x, y, part.width, part.height).then(
    (source) => ({ ...part, kind: 'texture' as const, source, close: () => source.close() }),
    (cause) => {
      throw unreadable(cause);
    },
  );
}

/** `ownImage` for a texture. @throws DBNetError `invalid-image`, `disposed` */
export function ownTexture(
  { borrowed: _, origin: { x, y } = { x: 0, y: 0 }, ...part }: BoundImage,
  copies: TextureCopies,
): ReadyImage {
  const source = copies.copy(part.source, { x, y, ...part });
  return { ...part, source, close: () => copies.release(source) };
}
