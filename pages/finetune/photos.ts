/** @file Opening photos: from files, from what is dropped, from the examples of the project. */

import type { Photo } from './model.ts';

/** Addresses relative to the page. */
export const examples = ['../../examples/sign.jpg', '../../examples/shop.jpg', '../../examples/walkway.jpg'];
const exampleLabels = '../../examples/labels.json';

/**
 * Decodes a photo, upright as the browser shows it.
 * @throws Error that names the file.
 */
export async function openPhoto(name: string, file: Blob): Promise<Photo> {
  const bitmap = await createImageBitmap(file).catch((cause) => {
    const found = file.type === '' ? 'of unknown type' : `of type ${file.type}`;
    throw new Error(`${name}: expected a photo that this browser can show, found a file ${found}`, { cause });
  });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (!canvas) throw new Error('this browser gives no 2D canvas to read a photo with');
  canvas.drawImage(bitmap, 0, 0);
  bitmap.close();
  const image = canvas.getImageData(0, 0, width, height);
  return { name, image, url: URL.createObjectURL(file), labels: [], past: [], future: [] };
}

/** A file beside the page. @throws Error that says what the server answered. */
async function load(address: string): Promise<Response> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: the server answered ${response.status}`);
  return response;
}

/** @throws Error as `load()` and `openPhoto()`. */
export async function openExample(address: string): Promise<Photo> {
  const file = await (await load(address)).blob();
  return { ...(await openPhoto(address.slice(address.lastIndexOf('/') + 1), file)), isExample: true };
}

/** The labels of all examples, as JSON. */
export const loadExampleLabels = async (): Promise<string> => (await load(exampleLabels)).text();
