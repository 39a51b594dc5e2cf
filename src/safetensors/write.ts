/** @file The safetensors writer, for floats of 32 and of 16 bits. */

import { check, record } from '../check.ts';
import { countBytes, quote } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { isTypedArray, kindOf } from '../kind-of.ts';
import { showShape } from './header.ts';
import { LENGTH_BYTES, MAX_HEADER_BYTES } from './parse.ts';

/** A tensor to be written, row-major; as many numbers as the product of the sides. */
export type TensorData = {
  /** Sides, outermost first; `[]` for a scalar. */
  shape: readonly number[];
} & (
  | { dtype: 'F32'; data: Float32Array }
  /** `data`: the bits of IEEE 754 binary16. */
  | { dtype: 'F16'; data: Uint16Array }
);

const arrays = { F32: 'Float32Array', F16: 'Uint16Array' } as const;

/** The data begins at a multiple of this, as the reference implementation writes it. */
const ALIGNMENT = 8;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Writes tensors into the bytes of a safetensors file, in the order given and without gaps.
 * @param tensors By name, as an object or as pairs (a `Map`, say).
 * @param metadata `__metadata__`: strings only; left out of the file where it is not given.
 * @throws DBNetError `invalid-argument`, naming the tensor or the key.
 * @example
 * const P = new Float32Array(480 * 640);
 * const bytes = writeSafetensors({ P: { dtype: 'F32', shape: [480, 640], data: P } }, { k: '50' });
 */
export function writeSafetensors(
  tensors: Readonly<Record<string, TensorData>> | Iterable<readonly [string, TensorData]>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const pairs = isIterable(tensors) ? [...tensors] : Object.entries(tensors);
  // Joined by hand: as a key of a literal object, "__proto__" would vanish and "7" would move.
  const members: string[] = [];
  if (metadata !== undefined) members.push(`"__metadata__":${metadataJson(metadata)}`);
  const names = new Set<string>();
  let end = 0;
  for (const pair of pairs) {
    if (!Array.isArray(pair))
      failArgument(`Tensors must be given as pairs of a name and a tensor, not as ${kindOf(pair)}.`);
    const [name, tensor] = pair;
    checkTensor(name, tensor);
    if (names.has(name)) failArgument(`The tensor ${quote(name)} is given twice.`);
    names.add(name);
    const begin = end;
    end += tensor.data.byteLength;
    const info = { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, end] };
    members.push(`${JSON.stringify(name)}:${JSON.stringify(info)}`);
  }
  const header = new TextEncoder().encode(`{${members.join(',')}}`);
  const headerBytes = Math.ceil(header.length / ALIGNMENT) * ALIGNMENT;
  if (headerBytes > MAX_HEADER_BYTES) {
    failArgument(
      `The names and the metadata take ${countBytes(headerBytes)}; a header has at most ${MAX_HEADER_BYTES}.`,
    );
  }

  const file = new Uint8Array(LENGTH_BYTES + headerBytes + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerBytes), true);
  file.fill(0x20, LENGTH_BYTES, LENGTH_BYTES + headerBytes);
  file.set(header, LENGTH_BYTES);
  let at = LENGTH_BYTES + headerBytes;
  for (const [, { data }] of pairs) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

function failArgument(message: string): never {
  throw new DBNetError('invalid-argument', message);
}

function isIterable(
  tensors: Readonly<Record<string, TensorData>> | Iterable<readonly [string, TensorData]>,
): tensors is Iterable<readonly [string, TensorData]> {
  const iterable = typeof tensors === 'object' && tensors !== null && Symbol.iterator in tensors;
  if (!iterable && !record.is(tensors)) {
    failArgument(`Tensors must be given by name, as an object or as pairs, not as ${kindOf(tensors)}.`);
  }
  return iterable;
}

function checkTensor(name: string, tensor: TensorData): void {
  checkText(name, 'A tensor name');
  const what = `Tensor ${quote(name)}`;
  if (name === '__metadata__')
    failArgument(`${what}: the format keeps this name for its metadata; use another.`);
  const dtype: unknown = tensor?.dtype;
  if (dtype !== 'F32' && dtype !== 'F16') {
    failArgument(
      `${what}: expected dtype F32 or F16, found ${quote(typeof dtype === 'object' ? kindOf(dtype) : String(dtype))}.`,
    );
  }
  if (!isTypedArray(tensor.data, arrays[dtype])) {
    failArgument(`${what}: expected its data as a ${arrays[dtype]}, found ${kindOf(tensor.data)}.`);
  }
  if (
    !Array.isArray(tensor.shape) ||
    !tensor.shape.every((side) => Number.isSafeInteger(side) && side >= 0)
  ) {
    failArgument(
      `${what}: expected a shape of whole numbers from 0, found ` +
        `${Array.isArray(tensor.shape) ? showShape(tensor.shape) : kindOf(tensor.shape)}.`,
    );
  }
  const size = tensor.shape.reduce((product, side) => product * side, 1);
  if (size !== tensor.data.length) {
    failArgument(
      `${what}: the shape ${showShape(tensor.shape)} holds ${size} numbers, its data ${tensor.data.length}.`,
    );
  }
}

function metadataJson(metadata: Readonly<Record<string, string>>): string {
  const members = Object.entries(check<object>('metadata', metadata, record)).map(([key, value]) => {
    checkText(key, 'A metadata key');
    checkText(value, `The metadata value of ${quote(key)}`);
    return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
  });
  return `{${members.join(',')}}`;
}

function checkText(text: unknown, what: string): void {
  if (typeof text !== 'string') failArgument(`${what} must be a string, not ${kindOf(text)}.`);
  if (LONE_SURROGATE.test(text)) {
    failArgument(`${what} must be Unicode text; ${quote(text)} holds half a surrogate pair.`);
  }
}
