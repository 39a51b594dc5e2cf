/** @file A page's script: everything of the browser that the package takes. */

import { type CreateOptions, TextDetector } from 'dbnet-webgpu';
import { createWorkerDetector, type Detector } from 'dbnet-webgpu/worker';

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

const either: Detector[] = [detector];
const inWorker = await createWorkerDetector({ weights: 'weights', worker: () => new Worker('thread.js') });
either.push(inWorker);
for (const each of either) (await each.detect(new Image(), { maps: true })).maps.P.length;
for await (const { skipped } of inWorker.stream(document.createElement('video'), { transfer: true }))
  skipped.toFixed();
declare const device: GPUDevice;
declare const texture: GPUTexture;
// @ts-expect-error: a device cannot be sent to a worker.
await createWorkerDetector({ weights: 'weights', device });
const options: CreateOptions = { weights: 'weights', device };
// @ts-expect-error: nor can one of other options.
await createWorkerDetector(options);
// @ts-expect-error: nor can a texture.
await inWorker.detect(texture);
