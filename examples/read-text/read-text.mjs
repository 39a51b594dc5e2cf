/** @file `npm start -- PHOTO`: what stands in a photo. dbnet-webgpu finds the text, another network reads it. */

import { readingOrder, rectify, TextDetector } from 'dbnet-webgpu';
import { gpu } from 'dbnet-webgpu/node';
import weights from 'dbnet-webgpu/weights';
import sharp from 'sharp';
import { height, recognize } from './recognizer.mjs';

const [photo = '../shop.jpg'] = process.argv.slice(2);
const { data, info } = await sharp(photo)
  .autoOrient()
  .removeAlpha()
  .toColourspace('srgb')
  .raw()
  .toBuffer({ resolveWithObject: true });
const image = { data, width: info.width, height: info.height, channels: info.channels };

const detector = await TextDetector.create({ weights, gpu: await gpu() });
const { regions } = await detector.detect(image);
detector.dispose();

for (const region of readingOrder(regions)) {
  const { text, score } = await recognize(await rectify(image, region, { height }));
  console.log(`${score.toFixed(2)}  ${text}`);
}
process.exit(0);
