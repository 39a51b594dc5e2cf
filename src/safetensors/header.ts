/**
 * @file The header of a safetensors file: what each tensor is and where its bytes lie, each claim checked
 * against the others and against the length of the file. Nothing is allocated by what a claim says.
 */

import { countBytes, quote } from '../describe.ts';
import { bitsOf, type Dtype, dtypeNames, isDtype } from './dtypes.ts';
import { failInvalid, JsonCursor } from './json-cursor.ts';

/** What the header says of one tensor. */
export interface TensorInfo {
  readonly dtype: Dtype;
  /** Sides, outermost first (row-major); `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Number of elements: the product of the sides. */
  readonly size: number;
  /** First byte, counted from the start of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** The header, checked. */
export interface SafetensorsHeader {
  /** In the order of the header's text. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** `__metadata__`; has no prototype. */
  readonly metadata: Readonly<Record<string, string>>;
}

const METADATA_KEY = '__metadata__';

/**
 * Reads and checks the header's JSON.
 * @param text The header.
 * @param textOffset Byte of the file at which the text begins.
 * @param dataOffset Byte of the file at which the tensors' bytes begin.
 * @param fileLength Length of the file, bytes; undefined where only its beginning is there, so that the end is not checked.
 * @throws DBNetError `invalid-safetensors`, naming the byte or the tensor.
 */
export function parseHeader(
  text: string,
  textOffset: number,
  dataOffset: number,
  fileLength: number | undefined,
): SafetensorsHeader {
  const cursor = new JsonCursor(text, textOffset);
  const dataLength = fileLength === undefined ? Number.POSITIVE_INFINITY : fileLength - dataOffset;
  const tensors = new Map<string, TensorInfo>();
  const metadata: Record<string, string> = Object.create(null);
  cursor.object('the header', (name) => {
    if (name === METADATA_KEY) readMetadata(cursor, metadata);
    else tensors.set(name, readTensor(cursor, name, dataOffset, dataLength));
  });
  cursor.end();
  checkLayout(tensors, dataOffset, fileLength);
  return { tensors, metadata: Object.freeze(metadata) };
}

function readMetadata(cursor: JsonCursor, metadata: Record<string, string>): void {
  // As much as none, to the reference implementation too.
  if (cursor.nothing()) return;
  cursor.object(METADATA_KEY, (key) => {
    metadata[key] = cursor.string(`${METADATA_KEY}, the value of ${quote(key)}`);
  });
}

function readTensor(cursor: JsonCursor, name: string, dataOffset: number, dataLength: number): TensorInfo {
  const what = `tensor ${quote(name)}`;
  let dtype: Dtype | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  cursor.object(what, (field) => {
    if (field === 'dtype') dtype = readDtype(cursor, what);
    else if (field === 'shape') shape = readNumbers(cursor, `the shape of ${what}`);
    else if (field === 'data_offsets') offsets = readNumbers(cursor, `the data_offsets of ${what}`, 2);
    // A field of a later format could change what the bytes mean, so it is not skipped.
    else
      failInvalid(`${what}: expected dtype, shape and data_offsets only, found the field ${quote(field)}.`);
  });
  if (dtype === undefined) failInvalid(`${what} has no dtype.`);
  if (shape === undefined) failInvalid(`${what} has no shape.`);
  if (offsets === undefined) failInvalid(`${what} has no data_offsets.`);
  if (offsets.length !== 2) {
    failInvalid(`${what}: expected 2 data_offsets (begin, end), found ${offsets.length}.`);
  }
  const [begin, end] = offsets;
  if (begin > end) failInvalid(`${what}: data_offsets begin at ${begin}, after their end ${end}.`);
  if (end > dataLength) {
    failInvalid(
      `${what}: its data ends at byte ${dataOffset + end} of the file, but the file has only ` +
        `${countBytes(dataOffset + dataLength)}. It is cut off or damaged: fetch it again.`,
    );
  }
  const { size, byteLength } = measure(what, dtype, shape);
  if (end - begin !== byteLength) {
    failInvalid(
      `${what}: ${dtype} of shape ${showShape(shape)} takes ${countBytes(byteLength)}, but its ` +
        `data_offsets [${begin}, ${end}] hold ${countBytes(end - begin)}.`,
    );
  }
  return { dtype, shape: Object.freeze(shape), size, byteOffset: dataOffset + begin, byteLength };
}

function readDtype(cursor: JsonCursor, what: string): Dtype {
  const name = cursor.string(`the dtype of ${what}`);
  if (!isDtype(name)) {
    failInvalid(`${what}: expected a dtype of the format (${dtypeNames()}), found ${quote(name)}.`);
  }
  return name;
}

function readNumbers(cursor: JsonCursor, what: string, most = Number.POSITIVE_INFINITY): number[] {
  const numbers: number[] = [];
  cursor.array(what, () => {
    if (numbers.length === most) failInvalid(`${what}: expected ${most} numbers, found more.`);
    numbers.push(cursor.wholeNumber(what));
  });
  return numbers;
}

const MOST_DIMENSIONS = 12;

/** A shape as `[64, 3, 7, 7]`, cut when it is very long. */
export function showShape(shape: readonly number[]): string {
  const shown = shape.slice(0, MOST_DIMENSIONS).join(', ');
  return shape.length > MOST_DIMENSIONS ? `[${shown}, ... ${shape.length} sides]` : `[${shown}]`;
}

/** Elements and bytes of a shape, whatever the order of its sides: a zero does not hide an overflow. */
function measure(what: string, dtype: Dtype, shape: readonly number[]): { size: number; byteLength: number } {
  const bits = bitsOf(dtype);
  let size = 1;
  for (const side of shape) {
    if (side > 0) size *= side;
    // 2^53 bits are 2^50 bytes: no file is that long, and the arithmetic stays exact below.
    if (size * bits > Number.MAX_SAFE_INTEGER) {
      failInvalid(`${what}: ${dtype} of shape ${showShape(shape)} overflows; expected less than 2^50 bytes.`);
    }
  }
  if (shape.includes(0)) size = 0;
  if ((size * bits) % 8 !== 0) {
    failInvalid(
      `${what}: ${dtype} of shape ${showShape(shape)} takes ${size * bits} bits; expected whole bytes.`,
    );
  }
  return { size, byteLength: (size * bits) / 8 };
}

/** The tensors, in the order of their bytes, must cover the data from its first byte to its last. */
function checkLayout(
  tensors: ReadonlyMap<string, TensorInfo>,
  dataOffset: number,
  fileLength: number | undefined,
): void {
  const entries = [...tensors];
  entries.sort(([, a], [, b]) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);
  let end = dataOffset;
  let before: string | undefined;
  for (const [name, { byteOffset, byteLength }] of entries) {
    if (byteOffset < end) {
      failInvalid(
        `tensors ${quote(before ?? '')} and ${quote(name)} overlap: the first ends at byte ${end} of the ` +
          `file, the second begins at byte ${byteOffset}.`,
      );
    }
    if (byteOffset > end) {
      failInvalid(
        `bytes ${end} to ${byteOffset} of the file belong to no tensor; expected tensor ${quote(name)} to ` +
          `begin at byte ${end}, found byte ${byteOffset}.`,
      );
    }
    end = byteOffset + byteLength;
    before = name;
  }
  if (fileLength !== undefined && end !== fileLength) {
    failInvalid(
      `expected the file to end at byte ${end}, after ` +
        `${before === undefined ? 'a header without tensors' : `its last tensor ${quote(before)}`}, found ` +
        `${countBytes(fileLength - end)} more.`,
    );
  }
}
