import process from 'node:process';
import weights from 'dbnet-webgpu/weights';
import { createWorkerDetector } from 'dbnet-webgpu/worker';
import sharp from 'sharp';

const detector = await createWorkerDetector({ weights });
const pixels = sharp(process.argv[2]).autoOrient().toColourspace('srgb').ensureAlpha().raw();
const { data, info } = await pixels.toBuffer({ resolveWithObject: true });
const image = { data, width: info.width, height: info.height, channels: 4 };
const { regions } = await detector.detect(image, { size: { shortSide: 224 } });
console.log(`${regions.length} regions of text.`);
detector.dispose();
