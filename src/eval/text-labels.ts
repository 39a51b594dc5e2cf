/**
 * @file Label files in text, one per image, in the formats of the competitions: which of them a data set has, and what
 * it says.
 */

import { array, check, object, oneOf, string } from '../check.ts';
import { DBNetError } from '../errors.ts';
import type { Point } from '../postprocess/types.ts';
import {
  checkOutline,
  checkPoint,
  isDontCare,
  type TextLabel,
  withoutMark,
  withoutQuotes,
} from './labels.ts';

/**
 * How a line is read; its text is all that stands behind the corners.
 * - `icdar` (ICDAR 2015): four corners, text.
 * - `mlt` (ICDAR MLT 2017 and 2019): four corners, script, text.
 * - `polygons` (Total-Text and CTW1500 as they are commonly converted): four corners or more, text. Leading numbers are
 *   corners only in pairs, and only as long as a field is left for the text; or all that stands before `####`.
 */
export type LabelFormat = 'icdar' | 'mlt' | 'polygons';

/** What a line of each format looks like. */
export const LABEL_FORMATS: Readonly<Record<LabelFormat, string>> = {
  icdar: 'x1,y1,...,x4,y4,text',
  mlt: 'x1,y1,...,x4,y4,script,text',
  polygons: 'x1,y1,...,xn,yn,text',
};

/** A whole or decimal number as coordinates are written; "007" is text. */
const COORDINATE = /^[+-]?(?:0|[1-9]\d*)(?:\.\d*)?$/;
/** The scripts of MLT 2017 and 2019, as the organisers' evaluation lists them. */
const SCRIPT = /^(?:Arabic|Latin|Chinese|Japanese|Korean|Bangla|Hindi|Symbols|Mixed|None)$/;
/** Don't care behind a field that is none of ICDAR's. */
const DONT_CARE_BEHIND_FIELD = /,\s*"?###"?\s*$/;
/** Stands before the text in files of CTW1500. */
const TEXT_MARK = '####';
/** Corners lie apart from the first four if an edge is longer than these are wide or high, times this. */
const APART = 2;

/** A label file as it was read. */
export interface TextLabelFile {
  /** For messages. */
  name: string;
  text: string;
}

interface Line {
  where: string;
  fields: string[];
  /** Numbers that it begins with, at least 8. */
  numbers: number;
}

/**
 * Reads the label files of a data set, UTF-8 with or without a byte-order mark. Empty lines are skipped; `###` and `*`
 * mean don't care, in quotes or not.
 *
 * Without a format it is the one that all lines of all files fit. Where each line names a script, it is `mlt`. `icdar`
 * and `polygons` read the same from lines of four corners and a text; in a longer one, such as `...,x4,y4,12,5,2014`,
 * the numbers behind the fourth corner speak for polygons if they go on as an outline does, and for a text if they
 * are a pair that lies apart.
 *
 * @param format What the files are said to be; what they look like by default.
 * @param option What says it, for messages: the name of an option of a program. `format` by default.
 * @returns The format, and the labels of each file.
 * @throws DBNetError `invalid-labels` with file and line: what no format reads, and where none or several fit;
 *   `invalid-argument`.
 * @example
 * const { labels } = parseTextLabels([{ name: 'gt_img_1.txt', text: '377,117,463,117,465,130,378,130,Genaxis' }]);
 */
export function parseTextLabels(
  files: readonly TextLabelFile[],
  format?: LabelFormat,
  option = 'format',
): { format: LabelFormat; labels: TextLabel[][] } {
  const lines = check('files', files, array).map((file, i) => splitLines(checkFile(`files[${i}]`, file)));
  if (format !== undefined) check('format', format, labelFormat);
  check('option', option, string);
  const chosen = format ?? chooseFormat(lines.flat(), option);
  return { format: chosen, labels: lines.map((each) => each.map((line) => readLine(line, chosen))) };
}

const labelFormat = oneOf(...(Object.keys(LABEL_FORMATS) as LabelFormat[]));

/** @throws DBNetError `invalid-argument` */
function checkFile(what: string, file: unknown): TextLabelFile {
  const { name, text } = check(what, file, object);
  return { name: check(`${what}.name`, name, string), text: check(`${what}.text`, text, string) };
}

function splitLines({ name, text }: TextLabelFile): Line[] {
  const lines = withoutMark(text).split(/\r\n|\r|\n/);
  return lines.flatMap((line, i) => (line.trim() === '' ? [] : [splitLine(line, `${name}, line ${i + 1}`)]));
}

function splitLine(line: string, where: string): Line {
  const fields = line.split(',');
  const firstText = fields.findIndex((field) => !COORDINATE.test(field.trim()));
  const numbers = firstText < 0 ? fields.length : firstText;
  if (numbers >= 8) return { where, fields, numbers };
  const found = firstText < 0 ? 'the line ends' : `"${fields[firstText].slice(0, 40)}" stands`;
  throw new DBNetError(
    'invalid-labels',
    `${where}: expected at least 4 points and a transcription, "x1,y1,x2,y2,x3,y3,x4,y4,text"; ` +
      `${found} after ${numbers} of 8 numbers.`,
  );
}

/** Corners as `polygons` counts them. */
function countCorners({ fields, numbers }: Line): number {
  return Math.floor((numbers === fields.length && numbers > 8 ? numbers - 1 : numbers) / 2);
}

const textOf = ({ fields }: Line, corners: number): string =>
  fields
    .slice(2 * corners)
    .join(',')
    .trim();

function readLine(line: Line, format: LabelFormat): TextLabel {
  const { where, fields } = line;
  const corners = format === 'polygons' ? countCorners(line) : 4;
  let text = textOf(line, corners);
  if (format === 'mlt') {
    const script = fields[8]?.trim() ?? '';
    if (!/^[A-Za-z]+$/.test(script) || fields.length < 10) {
      throw new DBNetError(
        'invalid-labels',
        `${where}: expected the name of a script and a text behind the fourth corner, "${LABEL_FORMATS.mlt}", found ` +
          `"${text.slice(0, 40)}".`,
      );
    }
    text = fields.slice(9).join(',').trim();
  } else if (format === 'polygons' && text.startsWith(TEXT_MARK)) {
    text = text.slice(TEXT_MARK.length);
  }
  const points = cornersOf(line, corners);
  for (const point of points) checkPoint(point, where);
  checkOutline(points, where);
  return { points, text: withoutQuotes(text), ignore: isDontCare(text) };
}

function cornersOf({ fields }: Line, count: number): Point[] {
  return Array.from({ length: count }, (_, i): Point => [Number(fields[2 * i]), Number(fields[2 * i + 1])]);
}

/** Why a line is none of a format, as a sentence's end; undefined if it may be one. */
type Objection = (line: Line) => string | undefined;

const againstBoth: Objection = (line) =>
  DONT_CARE_BEHIND_FIELD.test(textOf(line, 4))
    ? '### stands behind a field that is neither a corner nor the name of a script'
    : undefined;

const againstIcdar: Objection = (line) => {
  if (textOf(line, 4).startsWith(TEXT_MARK) || textOf(line, countCorners(line)).startsWith(TEXT_MARK)) {
    return `${TEXT_MARK} stands before the text`;
  }
  const corners = countCorners(line);
  if (corners < 6 || liesApart(cornersOf(line, corners))) return againstBoth(line);
  return `the numbers behind the fourth corner go on as an outline of ${corners}`;
};

const againstPolygons: Objection = (line) => {
  const corners = cornersOf(line, countCorners(line));
  if (corners.length !== 5 || !liesApart(corners)) return againstBoth(line);
  return `a fifth corner (${corners[4].join(', ')}) would lie far from the others`;
};

/** Whether the outline leaps to and fro behind its fourth corner. */
function liesApart(corners: readonly Point[]): boolean {
  const range = (axis: 0 | 1) => {
    const values = corners.slice(0, 4).map((corner) => corner[axis]);
    return Math.max(...values) - Math.min(...values);
  };
  const extent = Math.max(range(0), range(1));
  return corners.slice(3).some(([x, y], i) => {
    const [nextX, nextY] = corners[(i + 4) % corners.length];
    return Math.hypot(nextX - x, nextY - y) > APART * extent;
  });
}

/** @throws DBNetError `invalid-labels` where none or several fit. */
function chooseFormat(lines: readonly Line[], option: string): LabelFormat {
  const namesScript = ({ fields }: Line) => fields.length > 9 && SCRIPT.test(fields[8].trim());
  if (lines.length > 0 && lines.every(namesScript)) return 'mlt';
  const object = (objection: Objection) => {
    const line = lines.find((each) => objection(each) !== undefined);
    return line && `${line.where}: ${objection(line)}`;
  };
  const [icdar, polygons] = [object(againstIcdar), object(againstPolygons)];
  const say = `say how the lines are to be read with ${option} (${Object.keys(LABEL_FORMATS).join(', ')})`;
  if (icdar !== undefined && polygons !== undefined) {
    throw new DBNetError(
      'invalid-labels',
      `expected labels in one format, found none that all lines fit. Not "${LABEL_FORMATS.icdar}": ${icdar}. Not ` +
        `"${LABEL_FORMATS.polygons}": ${polygons}. Correct them, or ${say}.`,
    );
  }
  if (icdar !== undefined) return 'polygons';
  const unclear = lines.find((line) => countCorners(line) > 4);
  if (polygons !== undefined || unclear === undefined) return 'icdar';
  const corners = countCorners(unclear);
  throw new DBNetError(
    'invalid-labels',
    `${unclear.where}: these may be 4 corners and the text "${textOf(unclear, 4).slice(0, 40)}", or ${corners} ` +
      `corners and the text "${textOf(unclear, corners).slice(0, 40)}": ${say}.`,
  );
}
