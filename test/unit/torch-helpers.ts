/** @file PyTorch files for tests: those of the fixture, and pickles and archives by hand, right or wrong. */

import { readFixture } from '../helpers/fixtures.ts';

/** The bytes of a file in `test/fixtures/torch.safetensors`, whose `note` says what it is. */
export function torchFixture(name: string): Uint8Array {
  return Uint8Array.from(readFixture('torch.safetensors').get(`${name}/file`)!.data);
}

/** Bytes, or text of which each character is a byte. */
export type Piece = string | number | ArrayLike<number>;

export function join(...pieces: Piece[]): Uint8Array {
  const parts = pieces.map((piece) => {
    if (typeof piece === 'number') return [piece];
    return typeof piece === 'string' ? latin1(piece) : piece;
  });
  const joined = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** A whole number, little-endian. */
export function le(value: number | bigint, byteCount: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
  return bytes.subarray(0, byteCount);
}

/** Opcodes of protocol 2, as `pickletools` names them. */
export const pickle = {
  text: (text: string) => {
    const bytes = new TextEncoder().encode(text);
    return join('X', le(bytes.length, 4), bytes);
  },
  int: (value: number) =>
    Math.abs(value) < 2 ** 31 ? join('J', le(value, 4)) : join('\x8a\x08', le(value, 8)),
  global: (module: string, name: string) => join(`c${module}\n${name}\n`),
  tuple: (...items: Piece[]) => join('(', ...items, 't'),
  list: (...items: Piece[]) => join('](', ...items, 'e'),
  dict: (...items: Piece[]) => join('}(', ...items, 'u'),
  /** Behind PROTO, up to STOP. */
  file: (...pieces: Piece[]) => join('\x80\x02', ...pieces, '.'),
};

export interface TensorParts {
  key?: string;
  type?: string;
  count?: number;
  offset?: number;
  shape?: number[];
  strides?: number[];
}

/** A tensor of `torch._utils._rebuild_tensor_v2`; 2 floats of storage 0 unless told otherwise. */
export function tensor(parts: TensorParts = {}): Uint8Array {
  const { key = '0', type = 'FloatStorage', count = 2, offset = 0, shape = [2], strides = [1] } = parts;
  const { text, int, global, tuple } = pickle;
  const storage = join(
    tuple(text('storage'), global('torch', type), text(key), text('cpu'), int(count), 'N'),
    'Q',
  );
  return join(
    global('torch._utils', '_rebuild_tensor_v2'),
    tuple(storage, int(offset), tuple(...shape.map(int)), tuple(...strides.map(int)), '\x89', '}'),
    'R',
  );
}

/** 1 and 2 as floats. */
export const FLOATS = new Uint8Array(Float32Array.of(1, 2).buffer);

export const MAGIC = '\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19';

export interface LegacyParts {
  magic?: Piece;
  version?: Piece;
  system?: Piece;
  /** The pickle of the list of storages. */
  keys?: Piece;
  /** Counts and elements. */
  storages?: Piece;
}

const hasStorage = (object: Piece) => new TextDecoder('latin1').decode(join(object)).includes('Storage');

/** A file of the old container around a pickled object; storage 0, if the object has it, has two floats. */
export function legacyFile(object: Piece, parts: LegacyParts = {}): Uint8Array {
  const { file, int, dict, text, list } = pickle;
  const {
    magic = file(MAGIC),
    version = file(int(1001)),
    system = file(dict(text('protocol_version'), int(1001), text('little_endian'), '\x88')),
    keys = file(hasStorage(object) ? list(text('0')) : ']'),
    storages = hasStorage(object) ? join(le(2, 8), FLOATS) : '',
  } = parts;
  return join(magic, version, system, object, keys, storages);
}

export interface ZipEntry {
  name: string;
  data: Piece;
  method?: number;
  flags?: number;
  localName?: string;
  /** In the central directory. */
  size?: number;
  storedSize?: number;
  headerAt?: number;
  /** Sizes and place in the ZIP64 field. */
  zip64?: boolean;
  padding?: number;
}

export interface ZipParts {
  comment?: string;
  zip64?: boolean;
  count?: number;
  /** Added to the place of the directory. */
  shift?: number;
  locatorAt?: number;
}

const ALL_ONES = 0xffffffff;

/** A ZIP archive as torch writes it: sizes in the central directory alone, padding in the local header alone. */
export function zipFile(entries: readonly ZipEntry[], parts: ZipParts = {}): Uint8Array {
  const { comment = '', zip64 = true, count = entries.length, shift = 0 } = parts;
  const pieces: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let at = 0;
  const add = (piece: Uint8Array) => {
    pieces.push(piece);
    at += piece.length;
  };
  for (const entry of entries) {
    const { name, method = 0, flags = 0x808, localName = name, padding = 0 } = entry;
    const data = join(entry.data);
    const { size = data.length, storedSize = size, headerAt = at } = entry;
    const fixed = join(le(flags, 2), le(method, 2), le(0, 8));
    const extra = join('FB', le(padding, 2), new Uint8Array(padding));
    add(
      join(
        'PK\x03\x04',
        le(0, 2),
        fixed,
        le(0, 8),
        le(localName.length, 2),
        le(extra.length, 2),
        localName,
        extra,
      ),
    );
    add(data);
    add(join('PK\x07\x08', le(0, 4), le(storedSize, 4), le(size, 4)));
    const field = entry.zip64
      ? join(le(1, 2), le(24, 2), le(size, 8), le(storedSize, 8), le(headerAt, 8))
      : [];
    const number = (value: number) => le(entry.zip64 ? ALL_ONES : value, 4);
    directory.push(
      join(
        join('PK\x01\x02', le(0, 4), fixed, number(storedSize), number(size)),
        join(le(name.length, 2), le(field.length, 2), le(0, 2), le(0, 2), le(0, 2), le(0, 4)),
        join(number(headerAt), name, field),
      ),
    );
  }
  const start = at + shift;
  const bytes = join(...directory).length;
  for (const piece of directory) add(piece);
  const endAt = at;
  if (zip64) {
    add(
      join(
        'PK\x06\x06',
        le(44, 8),
        le(0, 4),
        le(0, 8),
        le(count, 8),
        le(count, 8),
        le(bytes, 8),
        le(start, 8),
      ),
    );
    add(join('PK\x06\x07', le(0, 4), le(parts.locatorAt ?? endAt, 8), le(1, 4)));
  }
  add(
    join(
      'PK\x05\x06',
      le(0, 4),
      le(count, 2),
      le(count, 2),
      le(bytes, 4),
      le(start, 4),
      le(comment.length, 2),
      comment,
    ),
  );
  return join(...pieces);
}

/** A file of the ZIP container around a pickled object; storage 0 has two floats. */
export function archiveFile(object: Piece, more: readonly ZipEntry[] = [], parts: ZipParts = {}): Uint8Array {
  const entries = [
    { name: 'archive/data.pkl', data: object },
    { name: 'archive/data/0', data: FLOATS, padding: 5 },
    { name: 'archive/version', data: '3\n' },
  ];
  const replaced = entries.filter(({ name }) => more.every((entry) => entry.name !== name));
  return zipFile([...replaced, ...more], parts);
}
