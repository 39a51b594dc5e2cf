/** @file Opening photos: from files, from the examples of the project. */

import { decodePhoto, fileName, load } from '../shared/pictures.ts';
import type { Photo } from './model.ts';

/** Relative to the page. */
const exampleLabels = '../../examples/labels.json';

/** @throws Error as `decodePhoto()`. */
export async function openPhoto(name: string, file: Blob): Promise<Photo> {
  const bitmap = await decodePhoto(name, file);
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!canvas) throw new Error('this browser gives no 2D canvas to read a photo with');
  canvas.drawImage(bitmap, 0, 0);
  bitmap.close();
  const image = canvas.getImageData(0, 0, width, height);
  return { name, image, url: URL.createObjectURL(file), labels: [], past: [], future: [] };
}

/** @throws Error as `load()` and `openPhoto()`. */
export async function openExample(address: string): Promise<Photo> {
  const file = await (await load(address)).blob();
  return { ...(await openPhoto(fileName(address), file)), isExample: true };
}

/** The labels of all examples, as JSON. */
export const loadExampleLabels = async (): Promise<string> => (await load(exampleLabels)).text();
