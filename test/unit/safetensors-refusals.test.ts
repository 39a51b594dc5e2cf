/** @file The safetensors reader on invalid files: every refusal, with its message. */

import { describe, expect, it, vi } from 'vitest';
import { parseSafetensors } from '../../src/safetensors/index.ts';
import { errorOf, makeFile } from './safetensors-helpers.ts';

const invalid = (bytes: Uint8Array) => errorOf('invalid-safetensors', () => parseSafetensors(bytes)).message;
const one = (info: object, data = 4) => makeFile({ a: info }, data);
const F32 = (begin: number, end: number) => ({
  dtype: 'F32',
  shape: [(end - begin) / 4],
  data_offsets: [begin, end],
});

describe('refused: the header length', () => {
  it.each([
    ['an empty file', new Uint8Array(0), 'expected at least 8 bytes (the header length), found 0 bytes'],
    ['seven bytes', new Uint8Array(7), 'found 7 bytes'],
    ['zero', makeFile('{}', 0, 0n), 'bytes 0 to 7 say that the header has 0 bytes; expected at least 2'],
    ['one', makeFile('{}', 0, 1n), 'has 1 bytes; expected at least 2'],
    ['one too many', makeFile('{}', 0, 3n), 'has 3 bytes, but only 2 bytes follow'],
    ['the limit', makeFile('{}', 0, 100_000_000n), 'has 100000000 bytes, but only 2 bytes follow'],
    ['above the limit', makeFile('{}', 0, 100_000_001n), 'has 100000001 bytes; expected at most 100000000'],
    ['2^32 + 2', makeFile('{}', 0, 2n ** 32n + 2n), 'has 4294967298 bytes; expected at most'],
    ['2^53 + 1', makeFile('{}', 0, 2n ** 53n + 1n), 'has 9007199254740993 bytes; expected at most'],
    ['2^64 - 1', makeFile('{}', 0, 2n ** 64n - 1n), 'has 18446744073709551615 bytes; expected at most'],
  ])('%s', (_, bytes, message) => {
    expect(invalid(bytes)).toContain(message);
  });

  it.each([
    ['<!DOCTYPE html><html><body>404</body></html>', 'HTML or XML page'],
    ['\n<html lang="en"><head></head></html>', 'HTML or XML page'],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:00\n', 'git lfs pull'],
    ['PK\u0003\u0004archive/data.pkl', 'ZIP archive'],
    ['{"error":"Not Found"}', 'plain JSON'],
  ])('advice on %j', (text, advice) => {
    expect(invalid(new TextEncoder().encode(text))).toContain(advice);
  });

  it('advice on a pickle', () => {
    expect(invalid(Uint8Array.of(0x80, 2, 0x8a, 10, 108, 252, 156, 70, 249, 32))).toContain('Python pickle');
  });
});

describe('refused: the header as JSON', () => {
  const info = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}';
  it.each([
    ['an array', '[]', 'expected "{" at byte 8, found 0x5b'],
    ['white space in front', ' {}', 'expected "{" at byte 8, found 0x20'],
    ['a byte-order mark', '\ufeff{}', 'expected "{" at byte 8, found 0xef'],
    [
      'no end',
      '{"a"',
      'at byte 12, the header: expected ":" after the name "a", found the end of the header',
    ],
    ['no name', '{7:1}', 'at byte 9, a name in the header: expected a string, found "7"'],
    ['a comma too many', `{"a":${info},}`, 'a name in the header: expected a string, found "}"'],
    ['no comma', `{"a":${info}"b":${info}}`, 'the header: expected "," or "}", found a string'],
    ['text behind', `{"a":${info}} x`, 'expected only padding after the closing brace, found "x"'],
    ['a second object', `{}{}`, 'expected only padding after the closing brace, found an object'],
    ['a zero byte behind', '{}\u0000', 'expected only padding after the closing brace, found "\\u0000"'],
    ['a tensor that is null', '{"a":null}', 'at byte 13, tensor "a": expected an object, found "null"'],
    ['a tensor that is a number', '{"a":1e9}', 'tensor "a": expected an object, found "1e9"'],
    ['a tensor that is an array', '{"a":[1]}', 'tensor "a": expected an object, found an array'],
    ['an open string', '{"a', 'at byte 11, a name in the header: expected a closing quote, found the end'],
    ['a raw line break', '{"a\n":1}', 'at byte 11, a name in the header: expected an escaped control'],
    ['an unknown escape', '{"\\x41":1}', 'at byte 11, a name in the header: expected one of'],
    ['a short escape', '{"\\u00g1":1}', 'expected four hexadecimal digits after \\u, found "\\\\"'],
    ['an escape at the end', '{"\\', 'found the end of the header'],
    ['half a surrogate pair', `{"\\ud800":${info}}`, 'found half a surrogate pair'],
    ['a byte counted in UTF-8', '{"文é😀":1}', 'at byte 21, tensor "文é😀": expected an object, found "1"'],
    [
      'names twice',
      `{"a":${info},"a":${info}}`,
      'the name "a" occurs twice in the header; the second is at byte 62',
    ],
    ['fields twice', `{"a":{"dtype":"F32","dtype":"F32"}}`, 'the name "dtype" occurs twice in tensor "a"'],
    ['metadata twice', '{"__metadata__":{},"__metadata__":{}}', 'the name "__metadata__" occurs twice'],
    [
      'a metadata key twice',
      '{"__metadata__":{"k":"1","k":"2"}}',
      'the name "k" occurs twice in __metadata__',
    ],
    [
      'metadata null twice',
      '{"__metadata__":null,"__metadata__":null}',
      'the name "__metadata__" occurs twice',
    ],
    ['metadata nullx', '{"__metadata__":nullx}', 'the header: expected "," or "}", found "x"'],
    ['metadata true', '{"__metadata__":true}', '__metadata__: expected an object, found "true"'],
    ['line break in front', '\n{}', 'expected "{" at byte 8, found 0x0a'],
    [
      'a metadata number',
      '{"__metadata__":{"k":50}}',
      '__metadata__, the value of "k": expected a string, found "50"',
    ],
    [
      'a metadata object',
      '{"__metadata__":{"k":{}}}',
      'the value of "k": expected a string, found an object',
    ],
  ])('%s', (_, header, message) => {
    expect(invalid(makeFile(header, 4))).toContain(message);
  });

  it.each([
    ['in the middle', [0x7b, 0x22, 0xff, 0x22], 10],
    ['an overlong form', [0x7b, 0x22, 0xc0, 0x80, 0x22], 10],
    ['a surrogate', [0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22], 11],
    ['cut at the end', [0x7b, 0x22, 0xe6, 0x96], 12],
  ])('invalid UTF-8 %s', (_, header, byte) => {
    const message = invalid(makeFile(Uint8Array.from(header), 4));
    expect(message).toContain(`expected UTF-8 in the header, found an invalid sequence at byte ${byte}`);
  });

  it('invalid UTF-8 anywhere, at the byte that is wrong', () => {
    const wrong = [[0xff], [0xe6, 0x96, 0x41], [0xe6, 0x41], [0xc0, 0x80], [0xf4, 0x90], [0x80]];
    const offset = [0, 2, 1, 0, 1, 0];
    // Around the ends of the pieces in which a header is searched.
    for (const piece of [0, 1 << 14, 3 << 14]) {
      for (let at = Math.max(2, piece - 4); at < piece + 4; at++) {
        for (const [i, sequence] of wrong.entries()) {
          const header = new Uint8Array(at + 8).fill(0x61);
          header.set([0x7b, 0x22]);
          header.set(sequence, at);
          const message = invalid(makeFile(header));
          expect(message, `${sequence} at ${at}`).toContain(`sequence at byte ${8 + at + offset[i]}.`);
        }
      }
    }
  });

  it('invalid UTF-8 at the end of a long header, without decoding it again and again', () => {
    const header = new Uint8Array(1 << 22).fill(0x61);
    header.set([0x7b, 0x22]);
    header[header.length - 1] = 0xff;
    const file = makeFile(header);
    const decode = vi.spyOn(TextDecoder.prototype, 'decode');
    try {
      expect(invalid(file)).toContain(`at byte ${8 + header.length - 1}.`);
      const decoded = decode.mock.calls.reduce((sum, [bytes]) => sum + (bytes?.byteLength ?? 0), 0);
      expect(decoded).toBeLessThan(3 * header.length);
    } finally {
      decode.mockRestore();
    }
  });

  it('deep nesting, without a stack overflow', () => {
    const deep = '['.repeat(1_000_000);
    expect(invalid(makeFile(`{"a":${deep}`))).toContain('tensor "a": expected an object, found an array');
    expect(invalid(makeFile(`{"a":{"shape":${deep}`))).toContain(
      'the shape of tensor "a": expected a whole number',
    );
    expect(invalid(makeFile('{"a":'.repeat(200_000)))).toContain('the field "a"');
  });

  it('keeps messages short for long names', () => {
    const name = 'n'.repeat(1_000_000);
    expect(invalid(makeFile(`{"${name}":0}`)).length).toBeLessThan(400);
    expect(invalid(makeFile(`{"a":${'7'.repeat(1_000_000)}}`)).length).toBeLessThan(400);
    const shape = Array(100_000).fill(1);
    expect(invalid(one({ dtype: 'F32', shape, data_offsets: [0, 0] })).length).toBeLessThan(400);
  });
});

describe('refused: tensors', () => {
  it.each([
    ['no dtype', { shape: [1], data_offsets: [0, 4] }, 'tensor "a" has no dtype'],
    ['no shape', { dtype: 'F32', data_offsets: [0, 4] }, 'tensor "a" has no shape'],
    ['no offsets', { dtype: 'F32', shape: [1] }, 'tensor "a" has no data_offsets'],
    [
      'another field',
      { ...F32(0, 4), scale: 1 },
      'tensor "a": expected dtype, shape and data_offsets only, found the field "scale"',
    ],
    ['an unknown dtype', { ...F32(0, 4), dtype: 'F33' }, 'found "F33"'],
    ['a dtype in lower case', { ...F32(0, 4), dtype: 'f32' }, 'expected a dtype of the format (BOOL, F4,'],
    ['an inherited dtype', { ...F32(0, 4), dtype: 'constructor' }, 'found "constructor"'],
    [
      'a dtype that is a number',
      { ...F32(0, 4), dtype: 32 },
      'the dtype of tensor "a": expected a string, found "32"',
    ],
    [
      'a shape that is a number',
      { ...F32(0, 4), shape: 1 },
      'the shape of tensor "a": expected an array, found "1"',
    ],
    [
      'a negative side',
      { ...F32(0, 4), shape: [-1] },
      'expected a whole number from 0 to 2^53 - 1, found "-1"',
    ],
    ['a fraction', { ...F32(0, 4), shape: [1.5] }, 'found "1.5"'],
    ['a string side', { ...F32(0, 4), shape: ['1'] }, 'found a string'],
    ['a null side', { ...F32(0, 4), shape: [null] }, 'found "null"'],
    [
      'one offset',
      { ...F32(0, 4), data_offsets: [0] },
      'tensor "a": expected 2 data_offsets (begin, end), found 1',
    ],
    [
      'three offsets',
      { ...F32(0, 4), data_offsets: [0, 4, 4] },
      'the data_offsets of tensor "a": expected 2 numbers, found more',
    ],
    [
      'offsets backwards',
      { ...F32(0, 4), data_offsets: [4, 0] },
      'tensor "a": data_offsets begin at 4, after their end 0',
    ],
    [
      'a negative offset',
      { ...F32(0, 4), data_offsets: [-4, 0] },
      'the data_offsets of tensor "a": expected a whole number',
    ],
    [
      'too few bytes',
      { ...F32(0, 4), shape: [2] },
      'tensor "a": F32 of shape [2] takes 8 bytes, but its data_offsets [0, 4] hold 4 bytes',
    ],
    [
      'too many bytes',
      { ...F32(0, 4), dtype: 'U8' },
      'U8 of shape [1] takes 1 byte, but its data_offsets [0, 4] hold 4 bytes',
    ],
    [
      'bytes for no elements',
      { ...F32(0, 4), shape: [0] },
      'F32 of shape [0] takes 0 bytes, but its data_offsets [0, 4]',
    ],
    [
      'half a byte',
      { ...F32(0, 4), dtype: 'F4', shape: [3] },
      'F4 of shape [3] takes 12 bits; expected whole bytes',
    ],
    [
      'an overflow',
      { ...F32(0, 4), shape: [2 ** 30, 2 ** 30] },
      'F32 of shape [1073741824, 1073741824] overflows',
    ],
    [
      'an overflow in bits only',
      { ...F32(0, 4), shape: [2 ** 49] },
      'F32 of shape [562949953421312] overflows',
    ],
    ['an overflow to 2^64', { ...F32(0, 4), shape: [2 ** 32, 2 ** 30] }, 'overflows'],
    ['an overflow behind a zero', { ...F32(0, 0), shape: [0, 2 ** 40, 2 ** 40] }, 'overflows'],
    ['an overflow before a zero', { ...F32(0, 0), shape: [2 ** 40, 2 ** 40, 0] }, 'overflows'],
    [
      'a large shape',
      { ...F32(0, 4), shape: [2 ** 40] },
      'takes 4398046511104 bytes, but its data_offsets [0, 4] hold 4 bytes',
    ],
  ])('%s', (_, info, message) => {
    expect(invalid(one(info))).toContain(message);
  });

  it.each([
    '01',
    '+1',
    '1.0',
    '1e0',
    '-0',
    '0x1',
    'NaN',
    'Infinity',
    '9007199254740992',
    '18446744073709551617',
    '1_0',
    '',
  ])('the number %j', (number) => {
    const header = `{"a":{"dtype":"F32","shape":[${number || ','}],"data_offsets":[0,4]}}`;
    expect(invalid(makeFile(header, 4))).toContain(
      'the shape of tensor "a": expected a whole number from 0 to 2^53 - 1, found',
    );
  });

  it('data that ends behind the file', () => {
    const header = JSON.stringify({ a: F32(0, 8) });
    expect(invalid(makeFile(header, 4))).toContain(
      `tensor "a": its data ends at byte ${8 + header.length + 8} of the file, but the file has only ` +
        `${8 + header.length + 4} bytes. It is cut off`,
    );
    const far = one({ dtype: 'F32', shape: [2 ** 40], data_offsets: [0, 2 ** 42] });
    expect(invalid(far)).toContain('but the file has only');
  });

  it('overlaps', () => {
    const at = (object: object) => 8 + JSON.stringify(object).length;
    const overlapping = { b: F32(4, 12), a: F32(0, 8) };
    expect(invalid(makeFile(overlapping, 12))).toContain(
      `tensors "a" and "b" overlap: the first ends at byte ${at(overlapping) + 8} of the file, the second ` +
        `begins at byte ${at(overlapping) + 4}.`,
    );
    expect(invalid(makeFile({ a: F32(0, 4), b: F32(0, 4) }, 4))).toContain('tensors "a" and "b" overlap');
    const inside = { a: F32(0, 8), none: { ...F32(4, 4), shape: [0] } };
    expect(invalid(makeFile(inside, 8))).toContain('tensors "a" and "none" overlap');
  });

  it('gaps and bytes at the end', () => {
    const at = (object: object) => 8 + JSON.stringify(object).length;
    const front = { a: F32(4, 8) };
    expect(invalid(makeFile(front, 8))).toContain(
      `bytes ${at(front)} to ${at(front) + 4} of the file belong to no tensor; expected tensor "a" to begin`,
    );
    const middle = { a: F32(0, 4), b: F32(8, 12) };
    expect(invalid(makeFile(middle, 12))).toContain('belong to no tensor; expected tensor "b" to begin');
    const tail = { a: F32(0, 4) };
    expect(invalid(makeFile(tail, 5))).toContain(
      `expected the file to end at byte ${at(tail) + 4}, after its last tensor "a", found 1 byte more`,
    );
    expect(invalid(makeFile('{}', 3))).toContain('after a header without tensors, found 3 bytes more');
  });
});
