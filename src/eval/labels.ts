/**
 * @file What labels are, and the label files in JSON, one per data set: the project's own, and what `detect --json`
 * writes. `text-labels.ts` reads those in text.
 * Coordinates are pixels of the picture as its EXIF orientation turns it.
 */

import { check, string } from '../check.ts';
import { messageOf } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { tooIntricate } from '../geometry/crossings.ts';
import { MAX_COORDINATE, MAX_PIXELS } from '../geometry/limits.ts';
import type { Point } from '../postprocess/types.ts';
import type { Label } from './icdar.ts';

/** A label with its transcription. */
export interface TextLabel extends Label {
  text: string;
}

/** The labels of one image, as a JSON file gives them. */
export interface LabelledImage {
  /** Path of the image, relative to the file. */
  image: string;
  /** Size of the stored image, pixels, where the file gives it. */
  width?: number;
  height?: number;
  polygons: TextLabel[];
}

/** Transcriptions that mean don't care, in quotes or not. */
export function isDontCare(text: string): boolean {
  const bare = withoutQuotes(text.trim());
  return bare === '###' || bare === '*';
}

/** The organisers' reading of a transcription: quotes around it are no part of it; within them `\\` and `\"` stand for `\` and `"`. */
export function withoutQuotes(text: string): string {
  const quoted = /^"(.*)"$/.exec(text)?.[1];
  return quoted === undefined ? text : quoted.replaceAll('\\\\', '\\').replaceAll('\\"', '"');
}

/**
 * Reads JSON: an array of images, or an image per line as `detect --json` writes them. An image is
 * `{ image, width, height, polygons: [{ points: [[x, y], ...], text, ignore }] }`; `regions` stands for `polygons` as
 * well. `width` and `height` may be left out; `text` is empty and `ignore` follows from `text` where left out.
 *
 * @example
 * const [image] = parseJsonLabels(
 *   '[{ "image": "a.jpg", "polygons": [{ "points": [[10, 10], [110, 10], [110, 40]], "text": "EXIT" }] }]',
 *   'labels.json',
 * );
 *
 * @param file Name for error messages.
 * @throws DBNetError `invalid-labels` with the file and the line (not JSON) or the path of the value;
 *   `invalid-argument` for what is no text.
 */
export function parseJsonLabels(text: string, file: string): LabelledImage[] {
  const json = withoutMark(check('text', text, string));
  check('file', file, string);
  if (json.trimStart().startsWith('{')) return parseLines(json, file);
  const value = parseJson(json, file);
  if (!Array.isArray(value)) fail(file, '', 'an array of images', value);
  return value.map((entry: unknown, i) => parseImage(entry, file, `[${i}]`));
}

/** One image that takes up several lines, or one per line. */
function parseLines(json: string, file: string): LabelledImage[] {
  const whole = attempt(json);
  if ('value' in whole) return [parseImage(whole.value, file, '')];
  const images: LabelledImage[] = [];
  for (const [i, line] of json.split('\n').entries()) {
    if (line.trim() === '') continue;
    const where = `${file}, line ${i + 1}`;
    images.push(parseImage(parseJson(line, where, false), where, ''));
  }
  return images;
}

function attempt(json: string): { value: unknown } | { cause: unknown } {
  try {
    return { value: JSON.parse(json) };
  } catch (cause) {
    return { cause };
  }
}

function parseJson(json: string, where: string, namesLine = true): unknown {
  const parsed = attempt(json);
  if ('value' in parsed) return parsed.value;
  const { cause } = parsed;
  const line = namesLine ? lineOf(cause, json) : '';
  throw new DBNetError('invalid-labels', `${where}${line}: not JSON. ${messageOf(cause)}`, { cause });
}

function parseImage(value: unknown, file: string, path: string): LabelledImage {
  if (!isObject(value)) fail(file, path, 'an object { image, polygons }', value);
  const at = (name: string) => (path === '' ? name : `${path}.${name}`);
  const { image, regions } = value;
  if (typeof image !== 'string' || image === '') fail(file, at('image'), 'a path', image);
  if (value.polygons !== undefined && regions !== undefined) {
    fail(file, path, 'polygons or regions, not both', value);
  }
  const name = regions === undefined ? 'polygons' : 'regions';
  const polygons = value[name];
  if (!Array.isArray(polygons)) fail(file, at(name), 'an array', polygons);
  const width = optionalSide(value.width, file, at('width'));
  const height = optionalSide(value.height, file, at('height'));
  if ((width ?? 1) * (height ?? 1) > MAX_PIXELS) {
    fail(file, path, `an image of at most ${MAX_PIXELS} pixels`, { width, height });
  }
  return {
    image,
    width,
    height,
    polygons: polygons.map((polygon: unknown, i) => parsePolygon(polygon, file, at(`${name}[${i}]`))),
  };
}

function parsePolygon(value: unknown, file: string, path: string): TextLabel {
  if (!isObject(value)) fail(file, path, 'an object { points, text, ignore }', value);
  const { points, text = '', ignore } = value;
  if (!Array.isArray(points) || points.length < 3) {
    fail(file, `${path}.points`, 'an array of at least 3 points', points);
  }
  if (typeof text !== 'string') fail(file, `${path}.text`, 'a string', text);
  if (ignore !== undefined && typeof ignore !== 'boolean') fail(file, `${path}.ignore`, 'a boolean', ignore);
  const outline = points.map((point: unknown, i): Point => {
    const where = `${path}.points[${i}]`;
    if (!Array.isArray(point) || point.length !== 2 || !point.every((c) => typeof c === 'number')) {
      fail(file, where, 'a pair of numbers [x, y]', point);
    }
    checkPoint(point as Point, `${file}, ${where}`);
    return point as Point;
  });
  checkOutline(outline, `${file}, ${path}.points`);
  return { points: outline, text, ignore: ignore ?? isDontCare(text) };
}

function optionalSide(value: unknown, file: string, path: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) {
    fail(file, path, 'a positive whole number', value);
  }
  return value;
}

/** @throws DBNetError `invalid-labels` for a point that no image has. */
export function checkPoint([x, y]: Point, where: string): void {
  if (Math.abs(x) <= MAX_COORDINATE && Math.abs(y) <= MAX_COORDINATE) return;
  throw new DBNetError(
    'invalid-labels',
    `${where}: coordinates must be pixels between -${MAX_COORDINATE} and ${MAX_COORDINATE}, found (${x}, ${y}).`,
  );
}

/** @throws DBNetError `invalid-labels` for an outline that no text has. */
export function checkOutline(points: readonly Point[], where: string): void {
  const problem = tooIntricate(points);
  if (problem !== undefined) throw new DBNetError('invalid-labels', `${where}: ${problem}.`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fail(file: string, path: string, expected: string, found: unknown): never {
  const text = found === undefined ? 'nothing' : (JSON.stringify(found) ?? String(found));
  const shown = text.length > 60 ? `${text.slice(0, 57)}...` : text;
  throw new DBNetError(
    'invalid-labels',
    `${file}${path === '' ? '' : `, ${path}`}: expected ${expected}, found ${shown}.`,
  );
}

/** Text without its byte-order mark. */
export function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

/** V8 tells where JSON breaks as "position N" or "line N column M", or not at all. */
function lineOf(cause: unknown, text: string): string {
  const message = messageOf(cause);
  const line = /line (\d+) column/.exec(message)?.[1];
  if (line !== undefined) return `, line ${line}`;
  const position = /position (\d+)/.exec(message)?.[1];
  return position === undefined ? '' : `, line ${text.slice(0, Number(position)).split('\n').length}`;
}
