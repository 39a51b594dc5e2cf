/** @file The Protocol Buffers wire format, read without trust. Source: protobuf.dev, "Encoding". */

import { countBytes } from '../describe.ts';
import { DBNetError } from '../errors.ts';

/** Wire types; groups (3, 4) are none that ONNX has. */
export const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

export type Wire = (typeof wire)[keyof typeof wire];

/** One field of a message. */
export interface Field {
  number: number;
  wire: Wire;
  /** Of a varint, as a signed number of 64 bits; beyond 2^53 the nearest that a double has. */
  value: number;
  /** Of all others: a view. */
  bytes: Uint8Array;
}

/** Where in a file something stands, for messages: what it is and its first byte. */
export interface Place {
  what: string;
  /** The file. */
  file: Uint8Array;
}

/** @throws DBNetError `invalid-onnx` that names the place. */
export function failAt({ what, file }: Place, bytes: Uint8Array, expected: string, found: string): never {
  const at = bytes.byteOffset - file.byteOffset;
  throw new DBNetError(
    'invalid-onnx',
    `ONNX file, ${what} at byte ${at}: expected ${expected}, found ${found}.`,
  );
}

const none = new Uint8Array();

/**
 * Calls `read` with the fields of a message, in the order of the file.
 * @throws DBNetError `invalid-onnx` for bytes that are no message.
 */
export function readFields(bytes: Uint8Array, place: Place, read: (field: Field) => void): void {
  const cursor = new Cursor(bytes, place);
  while (!cursor.done) {
    const tag = cursor.varint();
    const number = Math.floor(tag / 8);
    if (number < 1 || number >= 1 << 29) cursor.fail('the number of a field', String(number));
    const type = tag & 7;
    switch (type) {
      case wire.varint:
        read({ number, wire: type, value: cursor.varint(), bytes: none });
        break;
      case wire.fixed64:
      case wire.fixed32:
        read({ number, wire: type, value: 0, bytes: cursor.take(type === wire.fixed64 ? 8 : 4) });
        break;
      case wire.bytes:
        read({ number, wire: type, value: 0, bytes: cursor.take(cursor.varint()) });
        break;
      default:
        cursor.fail('a wire type of 0, 1, 2 or 5', String(type));
    }
  }
}

/** The numbers of a repeated integer field, packed or one by one; `add` is called with each. */
export function readVarints(field: Field, place: Place, add: (value: number) => void): void {
  if (field.wire === wire.varint) {
    add(field.value);
    return;
  }
  if (field.wire !== wire.bytes) failAt(place, field.bytes, 'whole numbers', `wire type ${field.wire}`);
  const cursor = new Cursor(field.bytes, place);
  while (!cursor.done) add(cursor.varint());
}

class Cursor {
  readonly #bytes: Uint8Array;
  readonly #place: Place;
  #at = 0;

  constructor(bytes: Uint8Array, place: Place) {
    this.#bytes = bytes;
    this.#place = place;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** Seven bits per byte, the lowest first: 64 bits, in two halves. */
  varint(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) this.fail('a whole number', 'the end of the message');
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      // The fifth byte has bits of both.
      if (shift >= 28) high |= shift < 32 ? bits >> 4 : bits << (shift - 32);
      if (byte < 0x80) return high * 2 ** 32 + (low >>> 0);
    }
    return this.fail('a whole number of at most 10 bytes', 'a longer one');
  }

  take(length: number): Uint8Array {
    const left = this.#bytes.length - this.#at;
    if (length < 0 || length > left) {
      this.fail(`${length} bytes`, `${countBytes(left)} before the end: it is cut off or damaged`);
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  fail(expected: string, found: string): never {
    return failAt(this.#place, this.#bytes.subarray(Math.min(this.#at, this.#bytes.length)), expected, found);
  }
}
