/** @file The two containers of PyTorch by hand: what is read, and every refusal. */

import { describe, expect, it } from 'vitest';
import { isTorch, readTorch } from '../../src/torch/index.ts';
import { errorOf, makeFile } from './safetensors-helpers.ts';
import {
  archiveFile,
  FLOATS,
  join,
  le,
  legacyFile,
  MAGIC,
  type Piece,
  pickle,
  tensor,
  type ZipEntry,
  type ZipParts,
  zipFile,
} from './torch-helpers.ts';

const { text, int, dict, list, file } = pickle;

const OBJECT = file(dict(text('a'), tensor()));
const invalid = (bytes: Uint8Array) => errorOf('invalid-checkpoint', () => readTorch(bytes)).message;
const isRead = (bytes: Uint8Array) => expect(readTorch(bytes).float32('a')).toEqual(Float32Array.of(1, 2));

describe('told by content', () => {
  it('a ZIP archive or a pickle, whatever is in it', () => {
    expect(isTorch(archiveFile(OBJECT))).toBe(true);
    expect(isTorch(legacyFile(OBJECT))).toBe(true);
    expect(isTorch(file('N'))).toBe(true);
    expect(isTorch(zipFile([{ name: 'a.txt', data: 'a' }]))).toBe(true);
  });

  it('never safetensors, even if its length begins as a pickle', () => {
    for (const length of [0x280, 0x2880, 0x8a0280]) {
      const header = `{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`.padEnd(length);
      expect(isTorch(makeFile(header))).toBe(false);
    }
  });

  it.each<[string, Piece]>([
    ['nothing', ''],
    ['one byte', '\x80'],
    ['a pickle of protocol 1', '}.'],
    ['an empty archive', join('PK\x05\x06', new Uint8Array(18))],
    ['a page', '<!DOCTYPE html>'],
  ])('not %s', (_, bytes) => {
    expect(isTorch(join(bytes))).toBe(false);
    expect(invalid(join(bytes))).toContain('expected a ZIP archive or a Python pickle at byte 0');
  });
});

describe('the ZIP container', () => {
  const archive = (more: ZipEntry[], parts?: ZipParts) => archiveFile(OBJECT, more, parts);
  const storage = (entry: Partial<ZipEntry>): Uint8Array =>
    archive([{ name: 'archive/data/0', data: FLOATS, ...entry }]);

  it.each<[string, Uint8Array]>([
    ['as torch 1.6 writes it', archive([])],
    ['without ZIP64 records', archive([], { zip64: false })],
    ['sizes in ZIP64 fields', storage({ zip64: true })],
    ['a comment', archive([], { comment: 'PK\x05\x06 is no end'.padEnd(100) })],
    [
      'byteorder and others, as torch 2 writes them',
      archive([
        { name: 'archive/byteorder', data: 'little' },
        { name: 'archive/.format_version', data: '1' },
        { name: 'archive/.storage_alignment', data: '64' },
        { name: 'archive/.data/serialization_id', data: '0'.repeat(40) },
      ]),
    ],
    [
      'an entry that is not needed, compressed',
      archive([{ name: 'archive/data/9', data: 'a', method: 8, size: 9 }]),
    ],
    [
      'a folder of another name',
      zipFile([
        { name: 'ic15 é/data.pkl', data: OBJECT },
        { name: 'ic15 é/data/0', data: FLOATS },
      ]),
    ],
  ])('is read: %s', (_, bytes) => isRead(bytes));

  it.each<[string, Uint8Array, string]>([
    [
      'another archive',
      zipFile([
        { name: 'word/document.xml', data: '' },
        { name: '[Content_Types].xml', data: '' },
      ]),
      'expected a ZIP archive with an entry FOLDER/data.pkl, as torch.save writes it, found one of 2 entries: "word/document.xml", "[Content_Types].xml".',
    ],
    [
      'an archive of NumPy',
      zipFile(['a', 'b', 'c', 'd', 'e'].map((name) => ({ name: `${name}.npy`, data: '' }))),
      'found one of 5 entries: "a.npy", "b.npy", "c.npy", "d.npy", ...',
    ],
    [
      'an entry data.pkl at the top',
      zipFile([{ name: 'data.pkl', data: OBJECT }]),
      'found one of 1 entries: "data.pkl"',
    ],
    [
      'two checkpoints',
      zipFile([
        { name: 'a/data.pkl', data: OBJECT },
        { name: 'b/data.pkl', data: OBJECT },
      ]),
      'expected one entry data.pkl, found 2 ("a/", "b/")',
    ],
    [
      'a TorchScript program',
      archive([{ name: 'archive/code/__torch__.py', data: '' }]),
      'it is a TorchScript program',
    ],
    [
      'a TorchScript program without code',
      archive([{ name: 'archive/constants.pkl', data: '' }]),
      'it is a TorchScript program',
    ],
    [
      'the other byte order',
      archive([{ name: 'archive/byteorder', data: 'big' }]),
      'entry "archive/byteorder": expected "little", found "big"',
    ],
    [
      'a missing storage',
      zipFile([{ name: 'archive/data.pkl', data: OBJECT }]),
      'expected the entry "archive/data/0", found none',
    ],
    [
      'a storage too short',
      storage({ data: FLOATS.subarray(1) }),
      'entry "archive/data/0": expected 8 bytes (FloatStorage of 2), found 7 bytes.',
    ],
    [
      'a storage too long',
      storage({ data: [...FLOATS, 0] }),
      'expected 8 bytes (FloatStorage of 2), found 9 bytes.',
    ],
    [
      'a compressed storage',
      storage({ method: 8 }),
      'entry "archive/data/0": expected it to be stored as it is, found it compressed (method 8)',
    ],
    ['a stored size of its own', storage({ storedSize: 4 }), 'expected it to be stored as it is'],
    [
      'a compressed object',
      archive([{ name: 'archive/data.pkl', data: OBJECT, method: 8, storedSize: 9 }]),
      'entry "archive/data.pkl": expected it to be stored',
    ],
    ['an encrypted storage', storage({ flags: 1 }), 'entry "archive/data/0" is encrypted'],
    [
      'another name in its header',
      storage({ localName: 'archive/data/1' }),
      'entry "archive/data/0": the header at byte',
    ],
    [
      'a header that is none',
      storage({ headerAt: 1 }),
      'entry "archive/data/0": expected its header at byte 1, found none',
    ],
    [
      'a header in the directory',
      storage({ headerAt: archive([]).length - 150 }),
      'expected its header at byte',
    ],
    [
      'a header beyond the file',
      storage({ headerAt: 2 ** 32 - 2 }),
      'expected its header at byte 4294967294, found none',
    ],
    [
      'a header at 2^63',
      storage({ headerAt: 2 ** 63, zip64: true }),
      'expected its header at byte 9223372036854776000, found none',
    ],
    ['a size of 2^32 - 2', storage({ size: 2 ** 32 - 2 }), 'its 4294967294 bytes from byte'],
    ['a size of 2^62', storage({ size: 2 ** 62, zip64: true }), 'bytes from byte'],
    [
      'a ZIP64 field that is missing',
      storage({ size: 2 ** 32 - 1 }),
      'entry "archive/data/0": expected a ZIP64 field',
    ],
    [
      'a name twice',
      archive([
        { name: 'archive/x', data: '' },
        { name: 'archive/x', data: '' },
      ]),
      'the entry "archive/x" occurs twice',
    ],
    [
      'a long name',
      archive([{ name: 'x'.repeat(513), data: '' }]),
      'expected a name of at most 512 bytes, found 513',
    ],
    [
      'entries that are missing',
      archive([], { count: 4 }),
      'expected entry 3 of 4 of the ZIP directory at byte',
    ],
    ['entries too many', archive([], { count: 2 }), 'expected 2 entries in the ZIP directory, found more'],
    ['2^32 entries', archive([], { count: 2 ** 32 }), 'expected at most 65535 entries, found 4294967296'],
    ['a directory elsewhere', archive([], { shift: -1 }), 'expected the ZIP directory to end at byte'],
    ['a directory beyond the file', archive([], { shift: 2 ** 40 }), 'from byte 10995'],
    ['a locator of nothing', archive([], { locatorAt: 3 }), 'expected a ZIP64 end record at byte 3'],
    [
      'a locator beyond the file',
      archive([], { locatorAt: 2 ** 60 }),
      'expected a ZIP64 end record at byte 1152921504606847000',
    ],
    [
      'no end',
      archive([]).subarray(0, -1),
      'expected the directory of a ZIP archive at the end, found none. It is cut off',
    ],
    ['its beginning alone', join('PK\x03\x04'), 'expected the directory of a ZIP archive at the end'],
    ['something behind', join(archive([]), 0), 'expected the directory of a ZIP archive at the end'],
  ])('is refused: %s', (_, bytes, message) => {
    const found = invalid(bytes);
    expect(found).toContain(message);
    expect(found.length).toBeLessThan(400);
  });

  it('at any shorter length', () => {
    const bytes = archive([]);
    for (let length = 0; length < bytes.length; length++) invalid(bytes.subarray(0, length));
  });
});

describe('the old container', () => {
  const wide = (protocol: number) => join('\x80', protocol, '\x95', le(12, 8), MAGIC, '.');

  it.each<[string, Uint8Array]>([
    ['as torch 1.2 writes it', legacyFile(OBJECT)],
    ['protocol 3', legacyFile(OBJECT, { magic: join('\x80\x03', MAGIC, '.') })],
    ['protocol 4', legacyFile(OBJECT, { magic: wide(4) })],
    ['protocol 5', legacyFile(OBJECT, { magic: wide(5) })],
    ['a system that says nothing', legacyFile(OBJECT, { system: file('}') })],
  ])('is read: %s', (_, bytes) => isRead(bytes));

  it('reads storages in the order of their list, of whatever sizes', () => {
    const object = file(
      dict(
        text('model'),
        dict(text('a'), tensor()),
        text('optimizer'),
        dict(text('b'), tensor({ key: '94', type: 'ByteStorage', count: 3, shape: [3] })),
      ),
    );
    const storages = join(le(3, 8), 'abc', le(2, 8), FLOATS);
    isRead(legacyFile(object, { keys: file(list(text('94'), text('0'))), storages }));
  });

  it.each<[string, Uint8Array, string]>([
    ['another pickle', file(dict(text('a'), int(1))), 'it is a Python pickle, but not of torch.save'],
    [
      'another magic number',
      legacyFile(OBJECT, { magic: file('\x8a\x0a', '0123456789') }),
      'it is a Python pickle, but not of torch.save',
    ],
    [
      'another version',
      legacyFile(OBJECT, { version: file(int(1002)) }),
      'byte 15: expected version 1001, found the number 1002',
    ],
    [
      'a version that is none',
      legacyFile(OBJECT, { version: file('N') }),
      'expected version 1001, found None',
    ],
    [
      'the other byte order',
      legacyFile(OBJECT, { system: file(dict(text('little_endian'), '\x89')) }),
      'expected little_endian true, found the boolean false',
    ],
    ['a system that is none', legacyFile(OBJECT, { system: file('N') }), 'expected a dict, found None'],
    [
      'a system with a storage',
      legacyFile(OBJECT, { system: file('NQ') }),
      'expected plain data, found the persistent id None',
    ],
    [
      'a list of storages that is none',
      legacyFile(OBJECT, { keys: file(dict()) }),
      'expected a list of storages, found a dict of 0',
    ],
    [
      'a storage that is not in the list',
      legacyFile(OBJECT, { keys: file(']'), storages: '' }),
      'expected storage "0" in the list of storages at byte',
    ],
    [
      'a storage twice',
      legacyFile(OBJECT, { keys: file(list(text('0'), text('0'))) }),
      'found the text "0" twice',
    ],
    [
      'a storage that nothing refers to',
      legacyFile(OBJECT, { keys: file(list(text('1'))) }),
      'found the text "1" beside them',
    ],
    [
      'a key that is no text',
      legacyFile(OBJECT, { keys: file(list(int(0))) }),
      'found the number 0 beside them',
    ],
    [
      'a count too few',
      legacyFile(OBJECT, { storages: join(le(1, 8), FLOATS) }),
      'expected 2 elements, as its tensors say, found 1',
    ],
    [
      'a count of 2^64 - 1',
      legacyFile(OBJECT, { storages: join(le(-1, 8), FLOATS) }),
      'found 18446744073709551615',
    ],
    [
      'a storage too short',
      legacyFile(OBJECT, { storages: join(le(2, 8), FLOATS.subarray(1)) }),
      'expected 16 bytes, but only 15 bytes follow. It is cut off or damaged',
    ],
    ['no storages', legacyFile(OBJECT, { storages: '' }), 'expected 16 bytes, but only 0 bytes follow'],
    ['a byte too many', join(legacyFile(OBJECT), 0), 'after its last storage, found 1 byte more'],
    [
      'a storage of 2^50',
      legacyFile(file(dict(text('a'), tensor({ count: 2 ** 50 })))),
      'expected 4503599627370504 bytes, but only 16',
    ],
  ])('is refused: %s', (_, bytes, message) => {
    const found = invalid(bytes);
    expect(found).toContain(message);
    expect(found.length).toBeLessThan(400);
  });

  it('at any shorter length', () => {
    const bytes = legacyFile(OBJECT);
    for (let length = 0; length < bytes.length; length++) invalid(bytes.subarray(0, length));
  });
});
