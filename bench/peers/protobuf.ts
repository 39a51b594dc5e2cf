/** @file As much of the Protocol Buffers wire format as an ONNX file needs. Source: protobuf.dev, "Encoding". */

const varintType = 0;
const bytesType = 2;
const fixed32Type = 5;

const encoder = new TextEncoder();

/** Builds one message, field by field. The parts are joined once, so large fields are copied once per level. */
export class Message {
  readonly #parts: Uint8Array[] = [];

  /** A whole number, 0 or more: int32, int64, enum. */
  int(field: number, value: number): this {
    this.#parts.push(varint(field * 8 + varintType), varint(value));
    return this;
  }

  /** A 32-bit float. */
  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    this.#parts.push(varint(field * 8 + fixed32Type), bytes);
    return this;
  }

  /** A string, bytes, or a message inside this one. */
  bytes(field: number, value: string | Uint8Array | Message): this {
    const body =
      typeof value === 'string' ? encoder.encode(value) : value instanceof Message ? value.finish() : value;
    this.#parts.push(varint(field * 8 + bytesType), varint(body.length), body);
    return this;
  }

  /** The encoded message. */
  finish(): Uint8Array {
    const all = new Uint8Array(this.#parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of this.#parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }
}

/** Seven bits per byte, the lowest first. */
function varint(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new Error(`expected a whole number, 0 or more, found ${value}`);
  }
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Uint8Array.from([...bytes, rest]);
}
