/** @file A program that uses the package without `lib: dom`, as servers do. */

import { TextDetector } from 'dbnet-webgpu';
import 'dbnet-webgpu/eval';
import 'dbnet-webgpu/kernels';
import 'dbnet-webgpu/labels';
import { gpu } from 'dbnet-webgpu/node';
import 'dbnet-webgpu/postprocess';
import 'dbnet-webgpu/safetensors';
import 'dbnet-webgpu/train';
import weights from 'dbnet-webgpu/weights';
import { createWorkerDetector } from 'dbnet-webgpu/worker';

const detector = await TextDetector.create({ gpu: await gpu(), weights });
const image = { data: new Uint8Array(4), width: 1, height: 1, channels: 4 } as const;
const { regions } = await detector.detect(image);
regions.map(({ score }) => score.toFixed(2));
// @ts-expect-error: an address is no image.
await detector.detect('photo.jpg');
const inWorker = await createWorkerDetector({ weights });
(await inWorker.detect(image, { maps: true, transfer: true })).maps.P.length;
