/** @file Labels as a file: the project's JSON, which `eval` and `train` on the command line read too. */

import { type LabelledImage, parseJsonLabels } from 'dbnet-webgpu/eval';
import { plural } from '../shared/dom.ts';
import type { Label, Model, Photo } from './model.ts';

/** Labels that were loaded before their photo, by its name. */
export type Waiting = Map<string, LabelledImage>;

const nameOf = (path: string): string =>
  path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);

/** `[{ image, width, height, polygons: [{ points, text, ignore }] }]`, a photo per line. */
export function labelsAsJson(photos: readonly Photo[]): string {
  const lines = photos.map(({ name, image: { width, height }, labels }) =>
    JSON.stringify({ image: name, width, height, polygons: labels }),
  );
  return `[\n${lines.join(',\n')}\n]\n`;
}

/**
 * Reads labels into `waiting`.
 * @returns the names of their photos.
 * @throws DBNetError `invalid-labels`.
 */
export function readLabels(text: string, file: string, waiting: Waiting): string[] {
  const images = parseJsonLabels(text, file);
  for (const entry of images) waiting.set(nameOf(entry.image), entry);
  return images.map(({ image }) => nameOf(image));
}

/**
 * Gives the photos their labels, by file name; those of photos that are not open are kept in `waiting`.
 * @returns a sentence on what was done.
 * @throws DBNetError `invalid-labels`; Error for labels of another size.
 */
export function applyLabels(text: string, file: string, model: Model, waiting: Waiting): string {
  const names = readLabels(text, file, waiting);
  const given = model.photos.filter((photo) => takeLabels(photo, model, waiting));
  const missing = names.filter((name) => waiting.has(name));
  const rest = missing.length === 0 ? '' : ` Open the others and they get theirs: ${missing.join(', ')}.`;
  return `${file}: labels for ${given.length} of ${plural(names.length, 'photo')}.${rest}`;
}

/** Gives a photo the labels that wait for it, if any do. */
export function takeLabels(photo: Photo, model: Model, waiting: Waiting): boolean {
  const entry = waiting.get(photo.name);
  if (!entry) return false;
  waiting.delete(photo.name);
  const { width, height } = photo.image;
  if ((entry.width ?? width) !== width || (entry.height ?? height) !== height) {
    throw new Error(
      `${photo.name}: the labels are for ${entry.width}x${entry.height} pixels, but the photo has ${width}x${height}. ` +
        'Open the photo that they were drawn on.',
    );
  }
  model.edit(
    entry.polygons.map(({ points, text, ignore }): Label => ({ points, text, ignore })),
    photo,
  );
  return true;
}
