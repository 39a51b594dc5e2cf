/** @file Images on their way into a worker. */

import { DBNetError } from '../errors.ts';
import { isTexture } from '../input/gpu-texture.ts';
import { type ReadyImage, readImage } from '../input/image.ts';
import { ownImage } from '../input/own-image.ts';
import { kindOf } from '../kind-of.ts';
import { canBeGiven } from './bytes.ts';
import type { Crossing, CrossingImage } from './protocol.ts';
import type { WorkerImage } from './types.ts';

/**
 * An image as it is at this moment: at once, unless it has to be decoded or is copied by the browser.
 * @param give whether the caller's own is sent, where it can be, instead of a copy.
 * @throws DBNetError `invalid-image`.
 */
export function packImage(
  image: WorkerImage,
  give: boolean,
): Crossing<CrossingImage> | Promise<Crossing<CrossingImage>> {
  if (isTexture(image)) {
    throw new DBNetError(
      'invalid-image',
      'expected an image that can be sent to a worker, found a GPUTexture, which stays with its device: use TextDetector, or ' +
        'draw it on a canvas and pass that',
    );
  }
  const kind = kindOf(image);
  // Decoded there.
  if (kind === 'Blob' || kind === 'File') return { value: image as Blob, transfer: [] };
  const pack = (ready: ReadyImage) => {
    const own = (give && isMovable(ready)) || ready.kind === 'bound' ? ready : ownImage(ready);
    return 'then' in own ? own.then(packReady) : packReady(own);
  };
  const ready = readImage(image);
  return 'then' in ready ? ready.then(pack) : pack(ready);
}

const isMovable = (image: ReadyImage) =>
  image.kind === 'pixels'
    ? canBeGiven(image.data)
    : ['ImageBitmap', 'VideoFrame'].includes(kindOf(image.source));

function packReady(image: ReadyImage): Crossing<CrossingImage> {
  if (image.kind === 'pixels') {
    const { data, width, height, channels } = image;
    return { value: { data, width, height, channels }, transfer: [data.buffer as ArrayBuffer] };
  }
  const source = image.source as ImageBitmap | VideoFrame;
  return { value: source, transfer: [source], discard: image.close };
}
