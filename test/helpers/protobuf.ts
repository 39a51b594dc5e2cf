/** @file As much of the Protocol Buffers wire format as an ONNX file needs, written. Source: protobuf.dev, "Encoding". */

const encoder = new TextEncoder();

/** Builds one message, field by field. */
export class Message {
  readonly #parts: Uint8Array[] = [];

  /** A whole number: int32, int64, enum. */
  int(field: number, value: number | bigint): this {
    this.#parts.push(varint(field * 8), varint(value));
    return this;
  }

  /** A 32-bit float. */
  float(field: number, value: number): this {
    this.#parts.push(varint(field * 8 + 5), new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }

  /** A string, bytes, or a message inside this one. */
  bytes(field: number, value: string | Uint8Array | Message): this {
    const body =
      typeof value === 'string' ? encoder.encode(value) : value instanceof Message ? value.finish() : value;
    this.#parts.push(varint(field * 8 + 2), varint(body.length), body);
    return this;
  }

  /** Whole numbers in one field. */
  packed(field: number, values: readonly (number | bigint)[]): this {
    return this.bytes(field, join(values.map(varint)));
  }

  /** Bytes as they are, whatever they mean. */
  raw(...bytes: number[]): this {
    this.#parts.push(Uint8Array.from(bytes));
    return this;
  }

  /** The encoded message. */
  finish(): Uint8Array<ArrayBuffer> {
    return join(this.#parts);
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Seven bits per byte, the lowest first; negative numbers as 64 bits. */
function varint(value: number | bigint): Uint8Array {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) + 128);
    rest >>= 7n;
  }
  return Uint8Array.from([...bytes, Number(rest)]);
}
