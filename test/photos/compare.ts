/**
 * @file `npm run test:photos -- FOLDER`: the detector on photos with reference regions of another implementation.
 * FOLDER holds `labels.json`, `reference_480.json` (`[{ image, network: [width, height], regions }]`) and the images
 * that they name. Prints how many reference regions are matched at IoU 0.9 and precision, recall and F of both;
 * exit status 1 if fewer than 95 % are matched or F is off by more than 0.03.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createImageCodec } from '../../cli/image-codec.ts';
import { TextDetector } from '../../src/detect/detector.ts';
import { type ImageCounts, type Label, matchImage, rates, sumCounts } from '../../src/eval/icdar.ts';
import { parseJsonLabels } from '../../src/eval/labels.ts';
import { intersectionOverUnion, toShape } from '../../src/eval/overlap.ts';
import { acquireGpu } from '../../src/platform/gpu.ts';
import type { Region } from '../../src/postprocess/types.ts';

interface Reference {
  image: string;
  network: [width: number, height: number];
  regions: Region[];
}

/** How many of `wanted` have a partner of their own in `found` at IoU 0.9. */
function countMatched(wanted: readonly Region[], found: readonly Region[]): number {
  const free = new Set(found.map(({ points }) => toShape(points)));
  let matched = 0;
  for (const { points } of wanted) {
    const shape = toShape(points);
    const partner = [...free].find((other) => intersectionOverUnion(shape, other) >= 0.9);
    if (!partner) continue;
    free.delete(partner);
    matched++;
  }
  return matched;
}

async function main(folder: string, precision: 'f32' | 'f16'): Promise<boolean> {
  const read = (name: string) => readFileSync(join(folder, name), 'utf8');
  const references = JSON.parse(read('reference_480.json')) as Reference[];
  const labels = new Map(
    parseJsonLabels(read('labels.json'), 'labels.json').map(({ image, polygons }): [string, Label[]] => [
      image,
      polygons,
    ]),
  );
  const { gpu, name } = await acquireGpu();
  const detector = await TextDetector.create({
    weights: 'weights/db-resnet18.safetensors',
    gpu,
    precision,
  });
  const codec = createImageCodec();
  const counts: Record<'ours' | 'reference', ImageCounts[]> = { ours: [], reference: [] };
  let matched = 0;
  let wanted = 0;
  let found = 0;
  for (const { image, network, regions } of references) {
    const picture = await codec.decode(join(folder, image));
    const [width, height] = network;
    const ours = (await detector.detect(picture, { size: { width, height } })).regions;
    matched += countMatched(regions, ours);
    wanted += regions.length;
    found += ours.length;
    const points = (list: readonly Region[]) => list.map((region) => region.points);
    counts.ours.push(matchImage(labels.get(image) ?? [], points(ours)));
    counts.reference.push(matchImage(labels.get(image) ?? [], points(regions)));
  }
  detector.dispose();
  const share = matched / wanted;
  console.log(`${name}, ${precision}, ${references.length} photos`);
  console.log(
    `reference regions matched at IoU 0.9: ${matched} of ${wanted} (${(100 * share).toFixed(1)} %); found ${found}`,
  );
  const [ours, reference] = [counts.ours, counts.reference].map((rows) => rates(sumCounts(rows)));
  for (const [who, { precision, recall, f }] of Object.entries({ ours, reference })) {
    console.log(`${who}: precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)}, F ${f.toFixed(3)}`);
  }
  return share >= 0.95 && Math.abs(ours.f - reference.f) <= 0.03;
}

const [folder, precision = 'f32'] = process.argv.slice(2);
if (!folder || (precision !== 'f32' && precision !== 'f16')) {
  console.error('usage: npm run test:photos -- FOLDER [f32|f16]');
  process.exit(2);
}
process.exit((await main(folder, precision)) ? 0 : 1);
