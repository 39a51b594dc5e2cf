/** @file Finds label files and the images that they are about. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { DBNetError } from '../src/errors.ts';
import { type LabelledImage, parseJsonLabels, type TextLabel } from '../src/eval/labels.ts';
import { LABEL_FORMATS, type LabelFormat, parseTextLabels } from '../src/eval/text-labels.ts';
import { namesLine, UsageError } from './failure.ts';
import { otherThanFile } from './input-file.ts';

/** One image of a data set. */
export interface EvalImage {
  /** Name for people and for JSON rows. */
  name: string;
  /** Where the image lies; without it, there is none, or more than one as `problem` says. */
  path?: string;
  problem?: string;
  labels: TextLabel[];
  /** Size that the labels are for, pixels, where they say so. */
  width?: number;
  height?: number;
}

/** One image of a data set that was found. */
export type FoundImage = EvalImage & { path: string };

/** Whether an image was found. */
export function hasFile(image: EvalImage): image is FoundImage {
  return image.path !== undefined;
}

/** A data set as it lies in folders. */
export interface EvalSet {
  images: EvalImage[];
  /** The folder of the images, as the user wrote it. */
  folder: string;
  /** The files that the labels stand in. */
  labelFiles: string[];
  /** Images in the folder that have no labels (text labels only). */
  unlabelled: number;
  /** What the labels were read as. */
  format: LabelFormat | 'json';
}

/** Where labels are, as the options of a command say it. */
export interface LabelsArguments {
  labels: string;
  /** How lines of text are read; without it, the format that all of them fit. */
  labelFormat?: LabelFormat;
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
  { labels: labelsPath, labelFormat }: LabelsArguments,
  cwd: string,
  prefix: '--' | '--eval-' = '--',
): EvalSet {
  const images = resolve(cwd, imagesPath);
  const labels = resolve(cwd, labelsPath);
  if (!isFolder(images)) throw new UsageError(`${prefix}images expects a folder; ${imagesPath} is none.`);
  if (isFolder(labels)) {
    const read = readTextFolder(labels, labelsPath, labelFormat, prefix);
    return { ...pairWithImages(read.files, labels, images), folder: imagesPath, format: read.format };
  }
  if (!existsSync(labels)) throw new UsageError(`${prefix}labels: ${labelsPath} does not exist.`);
  if (/\.txt$/i.test(labels)) {
    throw new UsageError(
      `${prefix}labels expects a folder of gt_<image>.txt, or a JSON file; ${labelsPath} is one text file.`,
    );
  }
  refuseFormat(labelFormat, prefix, labelsPath);
  return { ...readJsonSet(images, labels, labelsPath), folder: imagesPath };
}

/** @throws UsageError for a format of text where the labels are JSON. */
function refuseFormat(format: LabelFormat | undefined, prefix: string, shown: string): void {
  if (format === undefined) return;
  throw new UsageError(`${prefix}label-format is for labels in text; ${shown} is read as JSON.`);
}

/** One line for people: what the labels were read as, and how many of them are words. */
export function labelsLine(
  { format, images }: { format: LabelFormat | 'json'; images: readonly { labels: readonly TextLabel[] }[] },
  what = 'Labels',
): string {
  const labels = images.flatMap((image) => image.labels);
  const count = (n: number, noun: string) => `${n} ${n === 1 ? noun : `${noun}s`}`;
  const dontCare = labels.filter(({ ignore }) => ignore).length;
  const as = format === 'json' ? 'JSON' : `${format} (${LABEL_FORMATS[format]})`;
  const words = count(labels.length - dontCare, 'word');
  return `${what} read as ${as}: ${words} and ${dontCare} don't care in ${count(images.length, 'image')}.`;
}

/** Says which labels have no image, all of them in one line, and which have more than one. */
export function warnOfMissing({ images, folder }: EvalSet, warn: (line: string) => void): void {
  const lost = images.filter((image) => !hasFile(image));
  for (const { name, problem } of lost) if (problem !== undefined) warn(`error: ${name}: ${problem}`);
  const absent = lost.filter(({ problem }) => problem === undefined).map(({ name }) => name);
  if (absent.length === 0) return;
  const labels = `Labels of ${absent.length} of ${images.length} images`;
  warn(`error: ${labels}: expected their images in ${folder}, found none for ${namesLine(absent)}.`);
}

interface TextFile {
  /** File name in the folder. */
  file: string;
  labels: TextLabel[];
}

/** Reads all `gt_<image>.txt` of a folder, in one format. */
function readTextFolder(
  folder: string,
  shown: string,
  labelFormat: LabelFormat | undefined,
  prefix: string,
): { format: LabelFormat; files: TextFile[] } {
  const files = readdirSync(folder)
    .filter((file) => LABEL_NAME.test(file))
    .sort(byNumber);
  if (files.length === 0) {
    throw new DBNetError('invalid-labels', `${shown}: expected files named gt_<image>.txt, found none.`);
  }
  const texts = files.map((file) => {
    const name = join(shown, file);
    return { name, text: readText(join(folder, file), name) };
  });
  const { format, labels } = parseTextLabels(texts, labelFormat, `${prefix}label-format`);
  return { format, files: files.map((file, i) => ({ file, labels: labels[i] })) };
}

function pairWithImages(
  files: readonly TextFile[],
  folder: string,
  images: string,
): Omit<EvalSet, 'format' | 'folder'> {
  const byStem = new Map<string, string[]>();
  for (const file of readdirSync(images)) {
    if (!IMAGE_EXTENSIONS.includes(extname(file).toLowerCase())) continue;
    const stem = stemOf(file).toLowerCase();
    byStem.set(stem, [...(byStem.get(stem) ?? []), file]);
  }
  const set = files.map(({ file, labels }): EvalImage => {
    const stem = LABEL_NAME.exec(file)![1];
    const found = byStem.get(stem.toLowerCase()) ?? [];
    byStem.delete(stem.toLowerCase());
    if (found.length === 1) return { name: found[0], path: join(images, found[0]), labels };
    if (found.length === 0) return { name: stem, labels };
    return { name: stem, problem: `expected one image for ${file}, found ${found.join(' and ')}.`, labels };
  });
  const labelFiles = files.map(({ file }) => join(folder, file));
  return { images: set, labelFiles, unlabelled: [...byStem.values()].flat().length };
}

function readJsonSet(images: string, file: string, shown: string): Omit<EvalSet, 'folder'> {
  const entries = parseJsonLabels(readText(file, shown), shown);
  const set = entries.map(({ image, width, height, polygons }): EvalImage => {
    const path = findImage(image, images, dirname(file));
    return { name: image, path, labels: polygons, width, height };
  });
  return { images: set, labelFiles: [file], unlabelled: 0, format: 'json' };
}

/** The labels of one image. */
export interface ImageLabels {
  labels: TextLabel[];
  /** Size that the labels are for, pixels, where they say so. */
  width?: number;
  height?: number;
  /** The file that they stand in. */
  file: string;
  format: LabelFormat | 'json';
}

/**
 * Reads the labels of one image: from a text file, the `gt_<image>.txt` of a folder (whose files are all read, as they
 * have one format), or the image's entry in a JSON file. An entry is the image's if its path leads there; else if it is the only one of that name. Without an
 * image the JSON file must have one entry.
 *
 * @throws UsageError where the path is not what it should be; DBNetError `invalid-labels`.
 */
export function readImageLabels(
  { labels: labelsPath, labelFormat }: LabelsArguments,
  image: string | undefined,
  cwd: string,
): ImageLabels {
  const given = resolve(cwd, labelsPath);
  if (!existsSync(given)) throw new UsageError(`--labels: ${labelsPath} does not exist.`);
  if (isFolder(given) && image === undefined) {
    throw new UsageError(`--labels expects a file where no image is given; ${labelsPath} is a folder.`);
  }
  const inFolder = isFolder(given) ? `gt_${stemOf(image!)}.txt` : undefined;
  const file = inFolder === undefined ? given : join(given, inFolder);
  const shown = inFolder === undefined ? labelsPath : join(labelsPath, inFolder);
  if (!existsSync(file)) throw new UsageError(`--labels: ${shown} does not exist.`);
  if (inFolder !== undefined) {
    const { format, files } = readTextFolder(given, labelsPath, labelFormat, '--');
    return { labels: files.find((each) => each.file === inFolder)!.labels, file, format };
  }
  const text = readText(file, shown);
  if (/\.txt$/i.test(file)) {
    const { format, labels } = parseTextLabels([{ name: shown, text }], labelFormat, '--label-format');
    return { labels: labels[0], file, format };
  }
  refuseFormat(labelFormat, '--', shown);
  const entries = parseJsonLabels(text, shown);
  const { polygons, width, height } = chooseEntry(entries, image && resolve(cwd, image), file, shown);
  return { labels: polygons, width, height, file, format: 'json' };
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
  const other = otherThanFile(path);
  if (other !== undefined) {
    throw new DBNetError('invalid-labels', `${shown}: expected a file, found ${other}.`);
  }
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

/** The files that a set was read from, or will be. */
export function filesOf({ images, labelFiles }: EvalSet): string[] {
  return [...labelFiles, ...images.flatMap(({ path }) => path ?? [])];
}

function isFolder(path: string): boolean {
  return otherThanFile(path) === 'a folder';
}

/** img_2 before img_10. */
function byNumber(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}
