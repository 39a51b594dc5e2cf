/**
 * @file Label files: the text files of ICDAR 2015 (one per image) and the project's JSON (one per data set).
 * Coordinates are pixels of the picture as its EXIF orientation turns it.
 */

import { DBNetError } from '../errors.ts';
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

/** Coordinates beyond this are refused: no image is that large, and Clipper's exactness ends somewhere. */
const MAX_COORDINATE = 1e7;

/** A whole or decimal number as coordinates are written; "007" is text. */
const COORDINATE = /^[+-]?(?:0|[1-9]\d*)(?:\.\d*)?$/;

/** Transcriptions that mean don't care. */
function isDontCare(text: string): boolean {
  return text === '###' || text === '*';
}

/**
 * Reads the text format: `x1,y1,...,xn,yn,transcription` per line, n >= 4, UTF-8 with or without a
 * byte-order mark; `###` or `*` means don't care; empty lines are skipped.
 *
 * The transcription may hold commas and digits: leading numbers are coordinates only in pairs, and only as
 * long as a field is left for the transcription. A line of eight numbers alone has an empty transcription.
 *
 * @param file Name for error messages.
 * @throws DBNetError `invalid-labels` with file and line.
 */
export function parseTextLabels(text: string, file: string): TextLabel[] {
  const labels: TextLabel[] = [];
  for (const [index, line] of withoutMark(text)
    .split(/\r\n|\r|\n/)
    .entries()) {
    if (line.trim() !== '') labels.push(parseLine(line, `${file}, line ${index + 1}`));
  }
  return labels;
}

function parseLine(line: string, where: string): TextLabel {
  const fields = line.split(',');
  const firstText = fields.findIndex((field) => !COORDINATE.test(field.trim()));
  const numbers = firstText < 0 ? fields.length : firstText;
  if (numbers < 8) {
    const found = firstText < 0 ? 'the line ends' : `"${fields[firstText].slice(0, 40)}" stands`;
    throw new DBNetError(
      'invalid-labels',
      `${where}: expected at least 4 points and a transcription, "x1,y1,x2,y2,x3,y3,x4,y4,text"; ` +
        `${found} after ${numbers} of 8 numbers.`,
    );
  }
  const available = firstText < 0 && numbers > 8 ? numbers - 1 : numbers;
  const pairs = Math.floor(available / 2);
  const points = Array.from({ length: pairs }, (_, i): Point => {
    const point: Point = [Number(fields[2 * i]), Number(fields[2 * i + 1])];
    checkPoint(point, where);
    return point;
  });
  const transcription = fields
    .slice(2 * pairs)
    .join(',')
    .trim();
  return { points, text: transcription, ignore: isDontCare(transcription) };
}

/**
 * Reads the JSON format: `[{ image, width, height, polygons: [{ points: [[x, y], ...], text, ignore }] }]`.
 * `width` and `height` may be left out; `text` is empty and `ignore` follows from `text` where left out.
 *
 * @param file Name for error messages.
 * @throws DBNetError `invalid-labels` with the file and the line (not JSON) or the path of the value.
 */
export function parseJsonLabels(text: string, file: string): LabelledImage[] {
  const json = withoutMark(text);
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new DBNetError('invalid-labels', `${file}${lineOf(cause, json)}: not JSON. ${reason(cause)}`, {
      cause,
    });
  }
  if (!Array.isArray(value)) fail(file, '', 'an array of images', value);
  return value.map((entry: unknown, i) => parseImage(entry, file, `[${i}]`));
}

function parseImage(value: unknown, file: string, path: string): LabelledImage {
  if (!isObject(value)) fail(file, path, 'an object { image, polygons }', value);
  const { image, width, height, polygons } = value;
  if (typeof image !== 'string' || image === '') fail(file, `${path}.image`, 'a path', image);
  if (!Array.isArray(polygons)) fail(file, `${path}.polygons`, 'an array', polygons);
  return {
    image,
    width: optionalSide(width, file, `${path}.width`),
    height: optionalSide(height, file, `${path}.height`),
    polygons: polygons.map((polygon: unknown, i) => parsePolygon(polygon, file, `${path}.polygons[${i}]`)),
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
  return {
    points: points.map((point: unknown, i): Point => {
      const where = `${path}.points[${i}]`;
      if (!Array.isArray(point) || point.length !== 2 || !point.every((c) => typeof c === 'number')) {
        fail(file, where, 'a pair of numbers [x, y]', point);
      }
      checkPoint(point as Point, `${file}, ${where}`);
      return point as Point;
    }),
    text,
    ignore: ignore ?? isDontCare(text.trim()),
  };
}

function optionalSide(value: unknown, file: string, path: string): number | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) {
    fail(file, path, 'a positive whole number', value);
  }
  return value;
}

function checkPoint([x, y]: Point, where: string): void {
  if (Math.abs(x) <= MAX_COORDINATE && Math.abs(y) <= MAX_COORDINATE) return;
  throw new DBNetError(
    'invalid-labels',
    `${where}: coordinates must be pixels between -${MAX_COORDINATE} and ${MAX_COORDINATE}, found (${x}, ${y}).`,
  );
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

function withoutMark(text: string): string {
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** V8 tells where JSON breaks as "position N" or "line N column M", or not at all. */
function lineOf(cause: unknown, text: string): string {
  const message = reason(cause);
  const line = /line (\d+) column/.exec(message)?.[1];
  if (line !== undefined) return `, line ${line}`;
  const position = /position (\d+)/.exec(message)?.[1];
  return position === undefined ? '' : `, line ${text.slice(0, Number(position)).split('\n').length}`;
}
