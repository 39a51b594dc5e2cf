/**
 * @file The safetensors reader. Layout of a file: header length (u64, little-endian), header (JSON, UTF-8),
 * the tensors' bytes without gaps. It trusts nothing: a file is read either whole and consistent, or not.
 * Source: the format's description in huggingface/safetensors.
 *
 * Where the reference implementation (the crate `safetensors`) is more generous:
 * - A name or a metadata key that occurs twice: refused. The crate takes the last one; another reader may take the
 *   first, so that what was checked is not what runs. The format's description disallows it.
 * - White space before the opening brace: refused, as the description says that the header begins with it.
 * - `"__metadata__": null`: read as none, as the crate does; it cannot mean anything else.
 * - A field of a tensor besides dtype, shape and data_offsets: refused. The crate skips it; it could change what the
 *   bytes mean (a scale, a layout), which would be wrong in silence.
 * - A side of 0 beside sides whose product overflows: refused in any order. The crate takes [0, 2^40, 2^40] and refuses
 *   [2^40, 2^40, 0]; no tensor needs such a shape, and its strides overflow.
 */

import { countBytes, describe, quote } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { isFloatDtype, toFloat32 } from './dtypes.ts';
import { parseHeader, type SafetensorsHeader, type TensorInfo } from './header.ts';
import { failInvalid } from './json-cursor.ts';
import { viewBytes } from './load.ts';
import { isSafetensors } from './sniff.ts';

/** Bytes of the header length at the start of the file. */
export const LENGTH_BYTES = 8;
/** The longest header that the reference implementation reads, bytes. */
export const MAX_HEADER_BYTES = 100_000_000;

/** A file that has been checked. It keeps a view of the bytes it was made of; do not change them. */
export interface Safetensors {
  /** By name, in the order of the header. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** `__metadata__` of the file, empty where there is none. It has no prototype. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * The tensor as 32-bit floats, row-major, in a new array. F32, F16 and BF16 are exact, F64 is rounded.
   * @throws DBNetError `unsupported-dtype` for the other dtypes, `invalid-argument` for an unknown name.
   */
  float32(name: string): Float32Array;
  /**
   * The tensor's stored bytes, of any dtype: a view of the file, not a copy.
   * @throws DBNetError `invalid-argument` for an unknown name.
   */
  bytes(name: string): Uint8Array;
}

/**
 * Reads a safetensors file and checks all of it but the numbers.
 * @param bytes The whole file.
 * @throws DBNetError `invalid-safetensors`, naming the tensor or the byte, what was expected and found;
 *   `invalid-argument` if it is given something else than bytes.
 * @example
 * const file = parseSafetensors(await loadBytes('weights/db-resnet18.safetensors'));
 * const bias = file.float32('decoder.binarize.6.bias');
 */
export function parseSafetensors(bytes: ArrayBuffer | Uint8Array): Safetensors {
  const file = viewBytes(bytes);
  const headerBytes = readHeaderLength(file);
  const dataOffset = LENGTH_BYTES + headerBytes;
  // The format wants the brace at once: padding is allowed at the end only.
  if (file[LENGTH_BYTES] !== 0x7b) {
    failInvalid(
      `expected "{" at byte ${LENGTH_BYTES}, found ` +
        `0x${file[LENGTH_BYTES].toString(16).padStart(2, '0')}.${adviseOnContent(file)}`,
    );
  }
  const text = decodeHeader(file.subarray(LENGTH_BYTES, dataOffset));
  const { tensors, metadata } = parseHeader(text, LENGTH_BYTES, dataOffset, file.length);

  const find = (name: string): TensorInfo => {
    const info = tensors.get(name);
    if (info !== undefined) return info;
    const sought = typeof name === 'string' ? quote(name) : `named ${describe(name)}`;
    throw new DBNetError(
      'invalid-argument',
      `There is no tensor ${sought} in the file: ${listNames(tensors)}.`,
    );
  };
  const view = ({ byteOffset, byteLength }: TensorInfo): Uint8Array =>
    new Uint8Array(file.buffer, file.byteOffset + byteOffset, byteLength);
  return {
    tensors,
    metadata,
    bytes: (name) => view(find(name)),
    float32(name) {
      const info = find(name);
      if (!isFloatDtype(info.dtype)) {
        throw new DBNetError(
          'unsupported-dtype',
          `Tensor ${quote(name)} is ${info.dtype}; only F64, F32, F16 and BF16 are converted to numbers. ` +
            'Save it as one of these, or read its bytes.',
        );
      }
      return toFloat32(view(info), info.dtype);
    },
  };
}

/**
 * The header of a file of which the beginning is there; undefined until all of the header is, and for what is none. Where
 * the file ends is not checked: {@link parseSafetensors} does that.
 * @throws DBNetError `invalid-safetensors`
 */
export function peekHeader(file: Uint8Array): SafetensorsHeader | undefined {
  if (file.length <= LENGTH_BYTES || !isSafetensors(file)) return undefined;
  const length = new DataView(file.buffer, file.byteOffset).getUint32(0, true);
  const dataOffset = LENGTH_BYTES + length;
  if (length > MAX_HEADER_BYTES || file.length < dataOffset) return undefined;
  return parseHeader(
    decodeHeader(file.subarray(LENGTH_BYTES, dataOffset)),
    LENGTH_BYTES,
    dataOffset,
    undefined,
  );
}

/** Length of the header in bytes: at least 2, at most the limit, and within the file. */
function readHeaderLength(file: Uint8Array): number {
  if (file.length < LENGTH_BYTES) {
    failInvalid(
      `expected at least ${countBytes(LENGTH_BYTES)} (the header length), found ` +
        `${countBytes(file.length)}. It is empty or cut off: fetch it again.`,
    );
  }
  const words = new DataView(file.buffer, file.byteOffset, LENGTH_BYTES);
  const length = words.getBigUint64(0, true);
  if (length > MAX_HEADER_BYTES) {
    failInvalid(
      `bytes 0 to 7 say that the header has ${length} bytes; expected at most ` +
        `${MAX_HEADER_BYTES}.${adviseOnContent(file)}`,
    );
  }
  if (length < 2)
    failInvalid(`bytes 0 to 7 say that the header has ${length} bytes; expected at least 2 ("{}").`);
  if (length > file.length - LENGTH_BYTES) {
    failInvalid(
      `bytes 0 to 7 say that the header has ${length} bytes, but only ` +
        `${countBytes(file.length - LENGTH_BYTES)} follow. It is cut off or damaged: fetch it again.`,
    );
  }
  return Number(length);
}

function decodeHeader(bytes: Uint8Array): string {
  try {
    // A copy, because browsers do not decode shared memory.
    return decoder().decode(bytes.slice());
  } catch {
    failInvalid(
      `expected UTF-8 in the header, found an invalid sequence at byte ${LENGTH_BYTES + firstInvalid(bytes)}.`,
    );
  }
}

function decoder(): TextDecoder {
  return new TextDecoder('utf-8', { fatal: true });
}

/** The last byte of the shortest prefix that no continuation makes valid. */
function firstInvalid(bytes: Uint8Array): number {
  // One decoder looks at pieces, and at what is wrong a second one byte by byte: no byte is read more than twice.
  const pieceAt = firstRefused(bytes, PIECE_BYTES);
  // Before a piece that is wrong all is right, but its last character may go on in it.
  let start = Math.max(0, pieceAt - 1);
  while (start > 0 && (bytes[start] & 0xc0) === 0x80) start--;
  return start + firstRefused(bytes.subarray(start, pieceAt + PIECE_BYTES), 1);
}

/** Where the first piece begins with which a stream is no UTF-8; the length if none is. */
function firstRefused(bytes: Uint8Array, pieceBytes: number): number {
  const stream = decoder();
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    try {
      stream.decode(bytes.slice(at, at + pieceBytes), { stream: true });
    } catch {
      return at;
    }
  }
  return bytes.length;
}

/** Bytes that are decoded at once where a header is searched. */
const PIECE_BYTES = 1 << 14;

const CHECKPOINTS =
  'Of such files PyTorch checkpoints (.pt, .pth, protocol 2 to 5) hold weights: TextDetector.create() opens them, and ' +
  '`dbnet-webgpu convert` makes safetensors of them.';

/** The first bytes of common mistakes, as Latin-1 text, and what to do about each. */
const MISTAKES: ReadonlyArray<readonly [RegExp, string]> = [
  [
    /^\s*<(?:!doctype|html|head|body|!--|\?xml)/i,
    'It begins like an HTML or XML page: the address gives a page (an error, a login or a listing), not the file.',
  ],
  [
    /^version https:\/\/git-lfs/,
    'It is a Git LFS pointer: run "git lfs pull", or use the address of the raw file.',
  ],
  [/^PK/, `It is a ZIP archive. ${CHECKPOINTS}`],
  [/^\x80/, `It begins like a Python pickle. ${CHECKPOINTS}`],
  [
    /^\s*[{[]\s*["{]/,
    'It begins like plain JSON: an error message of the server, or the index of a checkpoint in parts.',
  ],
];

/** Advice for bytes that do not begin as a safetensors file does; empty where nothing is recognised. */
function adviseOnContent(bytes: Uint8Array): string {
  const first = String.fromCharCode(...bytes.subarray(0, 64));
  const advice = MISTAKES.find(([pattern]) => pattern.test(first))?.[1];
  return advice === undefined ? '' : ` ${advice}`;
}

const MOST_NAMES = 8;

function listNames(tensors: ReadonlyMap<string, TensorInfo>): string {
  if (tensors.size === 0) return 'it holds none';
  const names = [...tensors.keys()].slice(0, MOST_NAMES).map((name) => quote(name));
  const rest = tensors.size > MOST_NAMES ? `, ... (${tensors.size} in all)` : '';
  return `it holds ${names.join(', ')}${rest}`;
}
