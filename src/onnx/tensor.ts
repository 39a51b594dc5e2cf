/** @file A TensorProto: its type, its shape, and its numbers wherever the file keeps them. */

import { toFloat32 } from '../safetensors/dtypes.ts';
import type { OnnxTensor } from './model.ts';
import { type Field, failAt, type Place, readFields, readVarints, wire } from './protobuf.ts';

/** Field numbers of TensorProto (onnx/onnx.proto). */
const fields = {
  dims: 1,
  type: 2,
  segment: 3,
  floats: 4,
  ints32: 5,
  ints64: 7,
  name: 8,
  raw: 9,
  doubles: 10,
  uints64: 11,
  external: 13,
  location: 14,
} as const;

interface Type {
  name: string;
  /** Bytes of an element in `raw_data`. */
  bytes: number;
  /** The field that holds the numbers where they are not raw. */
  field: number;
  /** Element `i` of raw data, but for what safetensors reads as well. */
  read?: (view: DataView, i: number) => number;
}

/** TensorProto.DataType by number, as far as they are numbers. */
const types: ReadonlyMap<number, Type> = new Map<number, Type>([
  [1, { name: 'FLOAT', bytes: 4, field: fields.floats }],
  [2, { name: 'UINT8', bytes: 1, field: fields.ints32, read: (view, i) => view.getUint8(i) }],
  [3, { name: 'INT8', bytes: 1, field: fields.ints32, read: (view, i) => view.getInt8(i) }],
  [4, { name: 'UINT16', bytes: 2, field: fields.ints32, read: (view, i) => view.getUint16(2 * i, true) }],
  [5, { name: 'INT16', bytes: 2, field: fields.ints32, read: (view, i) => view.getInt16(2 * i, true) }],
  [6, { name: 'INT32', bytes: 4, field: fields.ints32, read: (view, i) => view.getInt32(4 * i, true) }],
  [
    7,
    {
      name: 'INT64',
      bytes: 8,
      field: fields.ints64,
      read: (view, i) => Number(view.getBigInt64(8 * i, true)),
    },
  ],
  [9, { name: 'BOOL', bytes: 1, field: fields.ints32, read: (view, i) => view.getUint8(i) }],
  [10, { name: 'FLOAT16', bytes: 2, field: fields.ints32 }],
  [11, { name: 'DOUBLE', bytes: 8, field: fields.doubles, read: (view, i) => view.getFloat64(8 * i, true) }],
  [12, { name: 'UINT32', bytes: 4, field: fields.uints64, read: (view, i) => view.getUint32(4 * i, true) }],
  [
    13,
    {
      name: 'UINT64',
      bytes: 8,
      field: fields.uints64,
      read: (view, i) => Number(view.getBigUint64(8 * i, true)),
    },
  ],
  [16, { name: 'BFLOAT16', bytes: 2, field: fields.ints32 }],
]);

/** What safetensors calls the floats that it reads. */
const floats: Readonly<Record<string, 'F32' | 'F16' | 'BF16'>> = {
  FLOAT: 'F32',
  FLOAT16: 'F16',
  BFLOAT16: 'BF16',
};

/** How many sides a shape has at most. */
const mostSides = 16;

/**
 * Reads a tensor; its numbers are read when they are asked for, and what is kept is a view of the file.
 * @throws DBNetError `invalid-onnx`, also for one whose numbers stand in another file.
 */
export function readTensor(
  bytes: Uint8Array,
  place: Place,
  text: (bytes: Uint8Array) => string,
): OnnxTensor & { name: string } {
  const shape: number[] = [];
  let typeNumber = 0;
  let name = '';
  let raw: Uint8Array | undefined;
  let isExternal = false;
  readFields(bytes, place, (field) => {
    switch (field.number) {
      case fields.dims:
        readVarints(field, place, (side) => {
          if (!(side >= 0) || shape.length === mostSides) {
            failAt(place, bytes, `up to ${mostSides} sides from 0`, `a side ${side} after ${shape.length}`);
          }
          shape.push(side);
        });
        break;
      case fields.type:
        if (field.wire !== wire.varint) failAt(place, bytes, 'a type', `wire type ${field.wire}`);
        typeNumber = field.value;
        break;
      case fields.name:
        name = text(field.bytes);
        break;
      case fields.raw:
        if (field.wire !== wire.bytes) failAt(place, bytes, 'bytes', `wire type ${field.wire}`);
        raw = field.bytes;
        break;
      case fields.external:
        isExternal = true;
        break;
      case fields.location:
        isExternal = field.value === 1;
        break;
      case fields.segment:
        failAt(place, bytes, 'a whole tensor', 'a segment of one');
    }
  });
  const named: Place = name === '' ? place : { ...place, what: `tensor '${name}'` };
  if (isExternal) {
    failAt(
      named,
      bytes,
      'its numbers in this file',
      'external data: save the model as one file, with its weights inside',
    );
  }
  const type = types.get(typeNumber);
  if (!type) {
    const known = [...types.values()].map((one) => one.name).join(', ');
    return failAt(named, bytes, `a type of number (${known})`, `type ${typeNumber} of TensorProto`);
  }
  const size = shape.reduce((product, side) => product * side, 1);
  const typed = countTyped(bytes, type, named, size);
  if (raw && typed > 0) failAt(named, raw, 'its numbers once', 'raw data and others');
  const held = raw ? raw.length / type.bytes : typed;
  if (held !== size) failAt(named, raw ?? bytes, `the ${size} numbers of its shape [${shape}]`, String(held));
  return {
    name,
    dtype: type.name,
    shape,
    size,
    numbers: () => (raw ? fromRaw(raw, type) : fromTyped(bytes, type, named, size)),
  };
}

/** How many numbers there are in the field of a type: `most` and one at most. */
function countTyped(bytes: Uint8Array, type: Type, place: Place, most: number): number {
  let count = 0;
  readFields(bytes, place, (field) => {
    if (field.number !== type.field || count > most) return;
    const width = floatWidth(type);
    if (width === undefined) {
      readVarints(field, place, () => {
        count++;
      });
      return;
    }
    const alone = width === 4 ? wire.fixed32 : wire.fixed64;
    if ((field.wire !== wire.bytes && field.wire !== alone) || field.bytes.length % width !== 0) {
      failAt(
        place,
        bytes,
        `numbers of ${width} bytes`,
        `${field.bytes.length} bytes of wire type ${field.wire}`,
      );
    }
    count += field.bytes.length / width;
  });
  return count;
}

/** Bytes of a number of `float_data` and `double_data`; the other fields hold whole numbers. */
const floatWidth = ({ field }: Type): 4 | 8 | undefined =>
  field === fields.floats ? 4 : field === fields.doubles ? 8 : undefined;

function fromRaw(raw: Uint8Array, { name, bytes, read }: Type): Float32Array | Float64Array {
  if (!read) return toFloat32(raw, floats[name]);
  const view = viewOf(raw);
  const numbers = new Float64Array(raw.length / bytes);
  for (let i = 0; i < numbers.length; i++) numbers[i] = read(view, i);
  return numbers;
}

function fromTyped(bytes: Uint8Array, type: Type, place: Place, size: number): Float32Array | Float64Array {
  // Halves stand as their bits.
  const isHalf = type.name === 'FLOAT16' || type.name === 'BFLOAT16';
  const numbers = isHalf
    ? new Uint16Array(size)
    : type.name === 'FLOAT'
      ? new Float32Array(size)
      : new Float64Array(size);
  let at = 0;
  const add = (value: number) => {
    numbers[at++] = value;
  };
  const addFloats = ({ bytes: some }: Field, width: 4 | 8) => {
    const view = viewOf(some);
    for (let i = 0; i < some.length; i += width)
      add(width === 4 ? view.getFloat32(i, true) : view.getFloat64(i, true));
  };
  const width = floatWidth(type);
  readFields(bytes, place, (field) => {
    if (field.number !== type.field) return;
    if (width === undefined) readVarints(field, place, add);
    else addFloats(field, width);
  });
  return numbers instanceof Uint16Array
    ? toFloat32(new Uint8Array(numbers.buffer), floats[type.name])
    : numbers;
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);
