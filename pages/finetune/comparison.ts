/** @file Before and after in numbers: labels found and regions too many, as ICDAR 2015 counts them. */

import type { Point } from 'dbnet-webgpu';
import { matchImage, rates, sumCounts } from 'dbnet-webgpu/eval';
import { find, make } from '../shared/dom.ts';
import type { Model, Photo } from './model.ts';

/** Fills the table, or says what it will hold. */
export function renderComparison({ labelled }: Model, cropSize: number | undefined): void {
  const seen = labelled.filter(({ before }) => before);
  const trained = seen.length > 0 && seen.every(({ after }) => after);
  find('comparison-empty').hidden = trained;
  find('comparison').hidden = !trained;
  if (!trained) return;
  find('comparison-rows').replaceChildren(
    row('Before', 'before', seen, ({ before }) => before!),
    row('After', 'after', seen, ({ after }) => after!),
  );
  find('comparison-note').textContent =
    `On the ${seen.length === 1 ? 'photo' : `${seen.length} photos`} that you labelled, which is what was trained on, ` +
    `seen with a longest side of ${cropSize} pixels. Found is a label that a region overlaps with an IoU above 0.5.`;
}

function row(title: string, name: string, photos: readonly Photo[], regions: (photo: Photo) => Point[][]) {
  const images = photos.map((photo) => matchImage(photo.labels, regions(photo)));
  const counts = sumCounts(images);
  const pairs = images.flatMap((image) => image.pairs);
  const cells = [
    `${counts.matched} of ${counts.labels}`,
    String(counts.detections - counts.matched),
    pairs.length === 0 ? '–' : (sum(pairs.map(({ iou }) => iou)) / pairs.length).toFixed(2),
    rates(counts).f.toFixed(2),
  ];
  const head = make('th', { scope: 'row' }, make('i', { className: `swatch ${name}` }), title);
  return make('tr', {}, head, ...cells.map((cell) => make('td', {}, cell)));
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
