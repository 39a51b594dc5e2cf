/** @file A page's script: everything of the browser that the package takes. */

import { TextDetector } from 'dbnet-webgpu';

const { signal } = new AbortController();
const detector = await TextDetector.create({ weights: new URL('weights', location.href), signal });
await TextDetector.create({ weights: await fetch('weights') });
for (const image of [
  new Image(),
  document.createElement('canvas'),
  new OffscreenCanvas(1, 1),
  await createImageBitmap(new Blob()),
  new ImageData(1, 1),
  new File([], 'photo.png'),
]) {
  await detector.detect(image, { signal });
}
// @ts-expect-error: a paragraph is no image.
await detector.detect(document.createElement('p'));
