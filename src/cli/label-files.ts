/** @file Finds label files and the images that they are about. */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { DBNetError } from '../errors.ts';
import { type LabelledImage, parseJsonLabels, parseTextLabels, type TextLabel } from '../eval/labels.ts';
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
 * @param prefix What the names of the options that state the paths begin with.
 * @throws UsageError where a path is not what it should be; DBNetError `invalid-labels`.
 */
export function readEvalSet(
  imagesPath: string,
  labelsPath: string,
  cwd: string,
  prefix: '--' | '--eval-' = '--',
): EvalSet {
  const images = resolve(cwd, imagesPath);
  const labels = resolve(cwd, labelsPath);
  if (!isFolder(images)) throw new UsageError(`${prefix}images expects a folder; ${imagesPath} is none.`);
  if (isFolder(labels)) return readTextSet(images, labels, labelsPath);
  if (!existsSync(labels)) throw new UsageError(`${prefix}labels: ${labelsPath} does not exist.`);
  if (/\.txt$/i.test(labels)) {
    throw new UsageError(
      `${prefix}labels expects a folder of gt_<image>.txt, or a JSON file; ${labelsPath} is one text file.`,
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
    const stem = stemOf(file).toLowerCase();
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

/** The labels of one image. */
export interface ImageLabels {
  labels: TextLabel[];
  /** Size that the labels are for, pixels, where they say so. */
  width?: number;
  height?: number;
  /** The file that they stand in. */
  file: string;
}

/**
 * Reads the labels of one image: from a text file, the `gt_<image>.txt` of a folder, or the image's entry in a
 * JSON file. An entry is the image's if its path leads there; else if it is the only one of that name. Without an
 * image the JSON file must have one entry.
 *
 * @throws UsageError where the path is not what it should be; DBNetError `invalid-labels`.
 */
export function readImageLabels(labelsPath: string, image: string | undefined, cwd: string): ImageLabels {
  const given = resolve(cwd, labelsPath);
  if (!existsSync(given)) throw new UsageError(`--labels: ${labelsPath} does not exist.`);
  if (isFolder(given) && image === undefined) {
    throw new UsageError(`--labels expects a file where no image is given; ${labelsPath} is a folder.`);
  }
  const inFolder = isFolder(given) ? `gt_${stemOf(image!)}.txt` : undefined;
  const file = inFolder === undefined ? given : join(given, inFolder);
  const shown = inFolder === undefined ? labelsPath : join(labelsPath, inFolder);
  if (!existsSync(file)) throw new UsageError(`--labels: ${shown} does not exist.`);
  const text = readText(file, shown);
  if (/\.txt$/i.test(file)) return { labels: parseTextLabels(text, shown), file };
  const entries = parseJsonLabels(text, shown);
  const { polygons, width, height } = chooseEntry(entries, image && resolve(cwd, image), file, shown);
  return { labels: polygons, width, height, file };
}

function chooseEntry(
  entries: LabelledImage[],
  image: string | undefined,
  file: string,
  shown: string,
): LabelledImage {
  const fileName = (path: string) => path.split(/[/\\]/).at(-1)!.toLowerCase();
  const exact = entries.filter((entry) => resolve(dirname(file), entry.image) === image);
  const sameName = entries.filter(
    (entry) => image === undefined || fileName(entry.image) === fileName(image),
  );
  const found = exact.length > 0 ? exact : sameName;
  if (found.length === 1) return found[0];
  const expected =
    image === undefined ? 'one entry, or an image that says which' : `one entry for ${basename(image)}`;
  throw new DBNetError('invalid-labels', `${shown}: expected ${expected}, found ${found.length || 'none'}.`);
}

/** @throws DBNetError `invalid-labels` if labels say that they are for another size than the image's. */
export function checkLabelSize(
  { width, height }: { width?: number; height?: number },
  image: { width: number; height: number },
): void {
  if ((width ?? image.width) === image.width && (height ?? image.height) === image.height) return;
  const turned = width === image.height && height === image.width;
  throw new DBNetError(
    'invalid-labels',
    `the labels are for ${width ?? '?'} x ${height ?? '?'} pixels, the image has ${image.width} x ${image.height}.` +
      (turned
        ? ' Labels are in pixels of the picture as its EXIF orientation turns it; with --ignore-orientation in those that ' +
          'are stored.'
        : ''),
  );
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

/** A file's name without folder and extension. */
export function stemOf(path: string): string {
  return basename(path, extname(path));
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

/** img_2 before img_10. */
function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
