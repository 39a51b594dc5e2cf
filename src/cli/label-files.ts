/** @file Finds label files and the images that they are about. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { DBNetError } from '../errors.ts';
import { parseJsonLabels, parseTextLabels, type TextLabel } from '../eval/labels.ts';
import { UsageError } from './failure.ts';

/** One image of a data set. */
export interface EvalImage {
  /** Name for people and for JSON rows. */
  name: string;
  /** Where the image lies; a sentence in `problem` where it cannot be found. */
  path?: string;
  problem?: string;
  labels: TextLabel[];
  /** Size that the labels are for, pixels, where they say so. */
  width?: number;
  height?: number;
}

/** A data set as it lies in folders. */
export interface EvalSet {
  images: EvalImage[];
  /** Images in the folder that have no labels (text labels only). */
  unlabelled: number;
}

const IMAGE_EXTENSIONS = ['.jpg', '.jpeg', '.png', '.webp', '.tif', '.tiff', '.gif', '.avif'];
const LABEL_NAME = /^gt_(.+)\.txt$/i;

/**
 * Reads labels: a folder of `gt_<image>.txt`, or a JSON file.
 *
 * @throws UsageError where a path is not what it should be; DBNetError `invalid-labels`.
 */
export function readEvalSet(imagesPath: string, labelsPath: string, cwd: string): EvalSet {
  const images = resolve(cwd, imagesPath);
  const labels = resolve(cwd, labelsPath);
  if (!isFolder(images)) throw new UsageError(`--images expects a folder; ${imagesPath} is none.`);
  if (isFolder(labels)) return readTextSet(images, labels, labelsPath);
  if (!existsSync(labels)) throw new UsageError(`--labels: ${labelsPath} does not exist.`);
  if (/\.txt$/i.test(labels)) {
    throw new UsageError(
      `--labels expects a folder of gt_<image>.txt, or a JSON file; ${labelsPath} is one text file.`,
    );
  }
  return readJsonSet(images, labels, labelsPath);
}

function readTextSet(images: string, folder: string, shown: string): EvalSet {
  const files = readdirSync(folder)
    .filter((file) => LABEL_NAME.test(file))
    .sort(byNumber);
  if (files.length === 0) {
    throw new DBNetError('invalid-labels', `${shown}: expected files named gt_<image>.txt, found none.`);
  }
  const byStem = new Map<string, string[]>();
  for (const file of readdirSync(images)) {
    if (!IMAGE_EXTENSIONS.includes(extname(file).toLowerCase())) continue;
    const stem = basename(file, extname(file)).toLowerCase();
    byStem.set(stem, [...(byStem.get(stem) ?? []), file]);
  }
  const set = files.map((file): EvalImage => {
    const stem = LABEL_NAME.exec(file)![1];
    const labels = parseTextLabels(readText(join(folder, file), join(shown, file)), join(shown, file));
    const found = byStem.get(stem.toLowerCase()) ?? [];
    byStem.delete(stem.toLowerCase());
    if (found.length === 1) return { name: found[0], path: join(images, found[0]), labels };
    const problem =
      found.length === 0
        ? `expected an image for ${file} in ${images}, found none.`
        : `expected one image for ${file}, found ${found.join(' and ')}.`;
    return { name: stem, problem, labels };
  });
  return { images: set, unlabelled: [...byStem.values()].flat().length };
}

function readJsonSet(images: string, file: string, shown: string): EvalSet {
  const entries = parseJsonLabels(readText(file, shown), shown);
  const set = entries.map(({ image, width, height, polygons }): EvalImage => {
    const path = findImage(image, images, dirname(file));
    const problem = path === undefined ? `expected it below ${images}, found no such file.` : undefined;
    return { name: image, path, problem, labels: polygons, width, height };
  });
  return { images: set, unlabelled: 0 };
}

/**
 * Paths in a JSON file are relative to it. The images folder may be that same tree or another copy of it:
 * so the path counts from the label file if that lies in the images folder, else from the images folder, with
 * leading folders dropped as needed. An image outside of the images folder is never taken.
 */
function findImage(image: string, images: string, labelFolder: string): string | undefined {
  const parts = image.split(/[/\\]+/).filter((part) => part !== '' && part !== '.');
  const candidates = [
    resolve(labelFolder, image),
    ...parts.map((_, i) => resolve(images, ...parts.slice(i))),
  ];
  return candidates.find((path) => isInside(path, images) && existsSync(path) && !isFolder(path));
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== '' && !isAbsolute(way) && way.split(/[/\\]/)[0] !== '..';
}

function readText(path: string, shown: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new DBNetError('invalid-labels', `${shown}: expected UTF-8 text, found bytes that are not.`, {
      cause,
    });
  }
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

/** img_2 before img_10. */
function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
