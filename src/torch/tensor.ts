/** @file The elements of a tensor: checked against its storage, brought into row-major order, converted to numbers. */

import { type FloatDtype, toFloat32 } from '../safetensors/dtypes.ts';
import { showShape } from '../safetensors/header.ts';
import { failInvalid } from './fail.ts';
import type { Tensor } from './objects.ts';

/**
 * Number of elements, if each lies in the storage and none of them need be there twice: a tensor that repeats elements
 * (stride 0) can claim any size.
 * @param what The tensor, for the message.
 * @throws DBNetError `invalid-checkpoint`
 */
export function checkPlace(what: string, { storage, offset, shape, strides }: Tensor): number {
  if (shape.includes(0)) return 0;
  let size = 1;
  let last = offset;
  for (const [i, side] of shape.entries()) {
    size *= side;
    last += (side - 1) * strides[i];
    if (size > storage.count || last >= storage.count) break;
  }
  if (size <= storage.count && last < storage.count) return size;
  return failInvalid(
    `${what}: shape ${showShape(shape)}, strides ${showShape(strides)}, offset ${offset} reach beyond its storage ` +
      `"${storage.key}" of ${storage.count} elements. It is damaged, or repeats elements (expand): save a copy, contiguous().`,
  );
}

/**
 * The elements as 32-bit floats, row-major, in a new array.
 * @param bytes The whole storage.
 * @param size Number of elements, not beyond the storage.
 */
export function readFloats(bytes: Uint8Array, tensor: Tensor, dtype: FloatDtype, size: number): Float32Array {
  const elementBytes = tensor.storage.type.bytes;
  if (size === 0) return new Float32Array(0);
  if (isRowMajor(tensor)) {
    const at = tensor.offset * elementBytes;
    return toFloat32(bytes.subarray(at, at + size * elementBytes), dtype);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  switch (dtype) {
    case 'F64': {
      const numbers = new Float32Array(size);
      gather(tensor, (index, from) => {
        numbers[index] = view.getFloat64(from * 8, true);
      });
      return numbers;
    }
    case 'F32': {
      const words = new Uint32Array(size);
      gather(tensor, (index, from) => {
        words[index] = view.getUint32(from * 4, true);
      });
      return new Float32Array(words.buffer);
    }
    default: {
      const halves = new Uint16Array(size);
      gather(tensor, (index, from) => {
        halves[index] = view.getUint16(from * 2, true);
      });
      return toFloat32(new Uint8Array(halves.buffer), dtype);
    }
  }
}

/** Whether the elements lie in order; the stride of a side of 1 means nothing. */
function isRowMajor({ shape, strides }: Tensor): boolean {
  let expected = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== expected) return false;
    expected *= shape[i];
  }
  return true;
}

/** Calls with each index in row-major order and the place of its element in the storage. */
function gather({ offset, shape, strides }: Tensor, copy: (index: number, from: number) => void): void {
  let index = 0;
  const visit = (side: number, from: number): void => {
    if (side === shape.length) {
      copy(index++, from);
      return;
    }
    for (let i = 0; i < shape[side]; i++) visit(side + 1, from + i * strides[side]);
  };
  visit(0, offset);
}
