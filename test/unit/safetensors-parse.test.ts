/** @file The safetensors reader on valid files: names, dtypes, alignment, exact conversion. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseSafetensors } from '../../src/safetensors/index.ts';
import { errorOf, makeFile } from './safetensors-helpers.ts';

const invalid = (bytes: Uint8Array) => errorOf('invalid-safetensors', () => parseSafetensors(bytes)).message;
const one = (info: object, data = 4) => makeFile({ a: info }, data);
const F32 = (begin: number, end: number) => ({
  dtype: 'F32',
  shape: [(end - begin) / 4],
  data_offsets: [begin, end],
});

describe('valid files', () => {
  it('reads the published weights', () => {
    const bytes = readFileSync(new URL('../../weights/db-resnet18.safetensors', import.meta.url));
    const file = parseSafetensors(bytes);
    expect(file.tensors.size).toBe(134);
    expect(file.metadata.architecture).toBe('db-resnet18');
    expect(JSON.parse(file.metadata.input).channelOrder).toBe('rgb');
    const first = file.tensors.get('backbone.conv1.weight')!;
    expect(first).toMatchObject({ dtype: 'F16', shape: [64, 3, 7, 7], size: 9408, byteLength: 18816 });
    let stored = 0;
    for (const [name, info] of file.tensors) {
      const values = file.float32(name);
      expect(values.length).toBe(info.size);
      expect(values.every(Number.isFinite)).toBe(true);
      stored += info.byteLength;
    }
    const header = Number(bytes.readBigUInt64LE(0));
    expect(8 + header + stored).toBe(bytes.length);
    // Stored halves, looked up by hand in the raw bytes.
    const raw = bytes.readUInt16LE(first.byteOffset);
    const half = (raw & 0x8000 ? -1 : 1) * 2 ** (((raw >> 10) & 31) - 15) * (1 + (raw & 1023) / 1024);
    expect(file.float32('backbone.conv1.weight')[0]).toBe(half);
  });

  it('reads integers as bytes only', () => {
    const file = parseSafetensors(readFileSync(new URL('../fixtures/network.safetensors', import.meta.url)));
    expect(file.tensors.get('image')).toMatchObject({ dtype: 'U8', shape: [96, 160, 3] });
    expect(file.bytes('image')).toBeInstanceOf(Uint8Array);
    expect(file.bytes('image').length).toBe(96 * 160 * 3);
    expect(errorOf('unsupported-dtype', () => file.float32('image')).message).toContain(
      'Tensor "image" is U8',
    );
  });

  it('takes an ArrayBuffer and a view that begins anywhere', () => {
    const bytes = one({ dtype: 'F32', shape: [1], data_offsets: [0, 4] });
    new DataView(bytes.buffer).setFloat32(bytes.length - 4, 2.5, true);
    expect([...parseSafetensors(bytes.buffer as ArrayBuffer).float32('a')]).toEqual([2.5]);
    for (let shift = 0; shift < 8; shift++) {
      const larger = new Uint8Array(bytes.length + 16).fill(255);
      larger.set(bytes, shift);
      const file = parseSafetensors(larger.subarray(shift, shift + bytes.length));
      expect([...file.float32('a')]).toEqual([2.5]);
      expect(file.bytes('a').buffer).toBe(larger.buffer);
    }
  });

  it('reads every float dtype at every alignment', () => {
    const values = [1.5, -2.25, 0, 1024];
    const view = new DataView(new ArrayBuffer(4 * 8));
    for (const [dtype, size] of [
      ['F64', 8],
      ['F32', 4],
      ['F16', 2],
      ['BF16', 2],
    ] as const) {
      values.forEach((value, i) => {
        if (dtype === 'F64') view.setFloat64(i * 8, value, true);
        if (dtype === 'F32') view.setFloat32(i * 4, value, true);
        if (dtype === 'F16') view.setUint16(i * 2, [0x3e00, 0xc080, 0, 0x6400][i], true);
        if (dtype === 'BF16') view.setUint16(i * 2, [0x3fc0, 0xc010, 0, 0x4480][i], true);
      });
      const data = new Uint8Array(view.buffer, 0, 4 * size);
      for (let shift = 0; shift < 8; shift++) {
        const file = parseSafetensors(
          makeFile(
            {
              pad: { dtype: 'U8', shape: [shift], data_offsets: [0, shift] },
              a: { dtype, shape: [2, 2], data_offsets: [shift, shift + 4 * size] },
            },
            [...new Uint8Array(shift), ...data],
          ),
        );
        expect([...file.float32('a')]).toEqual(values);
      }
    }
  });

  it('converts all 65,536 halves and bfloats exactly', () => {
    const words = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const bytes = new Uint8Array(words.buffer);
    const read = (dtype: string) =>
      parseSafetensors(makeFile({ a: { dtype, shape: [65536], data_offsets: [0, 131072] } }, bytes)).float32(
        'a',
      );
    const halves = read('F16');
    const bfloats = read('BF16');
    const scratch = new DataView(new ArrayBuffer(4));
    let wrong = 0;
    for (let i = 0; i < 65536; i++) {
      const sign = i & 0x8000 ? -1 : 1;
      const exponent = (i >> 10) & 31;
      const fraction = i & 1023;
      let half = sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
      if (exponent === 31) half = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
      scratch.setUint32(0, i * 65536);
      if (!Object.is(halves[i], half) || !Object.is(bfloats[i], scratch.getFloat32(0))) wrong++;
    }
    expect(wrong).toBe(0);
    expect(halves[0x0001]).toBe(2 ** -24);
    expect(halves[0x7bff]).toBe(65504);
    expect(Object.is(halves[0x8000], -0)).toBe(true);
  });

  it('rounds F64 to the nearest float', () => {
    const doubles = Float64Array.of(0.1, 1 + 2 ** -24, 1 + 3 * 2 ** -24, 2 ** -149, 1e300, -0);
    const file = parseSafetensors(
      makeFile({ a: { dtype: 'F64', shape: [6], data_offsets: [0, 48] } }, new Uint8Array(doubles.buffer)),
    );
    const expected = [Math.fround(0.1), 1, 1 + 2 ** -22, 2 ** -149, Number.POSITIVE_INFINITY, -0];
    expect([...file.float32('a')]).toEqual(expected);
  });

  it('gives a new array from float32 and a view from bytes', () => {
    const file = parseSafetensors(one(F32(0, 4)));
    file.float32('a')[0] = 7;
    expect(file.float32('a')[0]).toBe(0);
    new DataView(file.bytes('a').buffer, file.bytes('a').byteOffset).setFloat32(0, 3, true);
    expect(file.float32('a')[0]).toBe(3);
  });

  it('reads scalars, tensors without elements, and files without tensors', () => {
    const file = parseSafetensors(
      makeFile(
        {
          none: { dtype: 'F16', shape: [0, 3], data_offsets: [4, 4] },
          scalar: { dtype: 'F32', shape: [], data_offsets: [0, 4] },
          alsoNone: { dtype: 'F64', shape: [3, 0], data_offsets: [0, 0] },
          atEnd: { dtype: 'I64', shape: [0], data_offsets: [4, 4] },
        },
        [0, 0, 128, 63],
      ),
    );
    expect([...file.float32('scalar')]).toEqual([1]);
    expect(file.tensors.get('scalar')).toMatchObject({ shape: [], size: 1 });
    expect(file.float32('none').length).toBe(0);
    expect(file.float32('alsoNone').length).toBe(0);
    expect(file.bytes('atEnd').length).toBe(0);
    expect(parseSafetensors(makeFile('{}')).tensors.size).toBe(0);
    expect(parseSafetensors(makeFile('{"__metadata__":{}}')).metadata).toEqual({});
  });

  it('takes metadata null for none', () => {
    expect({ ...parseSafetensors(makeFile('{"__metadata__": null }')).metadata }).toEqual({});
  });

  it('takes tensors in any order, padding and white space', () => {
    const file = parseSafetensors(
      makeFile(
        '{ "b" : {"data_offsets":[4 , 8],\n"shape":[1],"dtype":"F32"},\t"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]} } \r\n  ',
        8,
      ),
    );
    expect([...file.tensors.keys()]).toEqual(['b', 'a']);
  });

  it('keeps odd names harmless', () => {
    const names = [
      '__proto__',
      'constructor',
      'toString',
      '',
      ' ',
      'é',
      '文字',
      '😀',
      'a"b\\c/d\n',
      '7',
      '\u0000',
    ];
    const header = names.map((name, i) => `${JSON.stringify(name)}:${JSON.stringify(F32(4 * i, 4 * i + 4))}`);
    const metadata = names.map((name) => `${JSON.stringify(name)}:"v"`);
    const file = parseSafetensors(
      makeFile(`{${header.join(',')},"__metadata__":{${metadata.join(',')}}}`, 4 * names.length),
    );
    expect([...file.tensors.keys()]).toEqual(names);
    expect(Object.keys(file.metadata).sort()).toEqual([...names].sort());
    expect(Object.getPrototypeOf(file.metadata)).toBe(null);
    expect(Object.entries(file.metadata)).toContainEqual(['__proto__', 'v']);
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
    expect(file.float32('__proto__').length).toBe(1);
  });

  it('resolves escapes in names, also to see that two are the same', () => {
    const info = JSON.stringify(F32(0, 4));
    expect([...parseSafetensors(makeFile(`{"\\u0061\\ud83d\\ude00\\/":${info}}`, 4)).tensors.keys()]).toEqual(
      ['a😀/'],
    );
    const twice = makeFile(`{"a":${info},"\\u0061":${JSON.stringify(F32(4, 8))}}`, 8);
    expect(invalid(twice)).toContain('the name "a" occurs twice in the header');
  });

  it('says which tensors there are when one is not', () => {
    const file = parseSafetensors(one(F32(0, 4)));
    expect(errorOf('invalid-argument', () => file.float32('x')).message).toBe(
      'There is no tensor "x" in the file: it holds "a".',
    );
    expect(errorOf('invalid-argument', () => file.bytes('toString')).message).toContain('"toString"');
    const none = parseSafetensors(makeFile('{}'));
    expect(errorOf('invalid-argument', () => none.bytes('x')).message).toContain('it holds none');
  });

  it('recognises the other dtypes and refuses them by name when numbers are asked for', () => {
    const bits = {
      BOOL: 8,
      U8: 8,
      I8: 8,
      F8_E5M2: 8,
      F8_E4M3: 8,
      F8_E8M0: 8,
      F8_E5M2FNUZ: 8,
      F8_E4M3FNUZ: 8,
      I16: 16,
      U16: 16,
      I32: 32,
      U32: 32,
      I64: 64,
      U64: 64,
      C64: 64,
      F4: 4,
      F6_E2M3: 6,
      F6_E3M2: 6,
    };
    for (const [dtype, size] of Object.entries(bits)) {
      const file = parseSafetensors(one({ dtype, shape: [2, 4], data_offsets: [0, size] }, size));
      expect(file.bytes('a').length).toBe(size);
      const { message } = errorOf('unsupported-dtype', () => file.float32('a'));
      expect(message).toContain(`Tensor "a" is ${dtype}; only F64, F32, F16 and BF16`);
    }
  });

  it('refuses what is no bytes', () => {
    for (const value of [
      null,
      undefined,
      'text',
      7,
      [1, 2],
      {},
      new Float32Array(8),
      new DataView(new ArrayBuffer(8)),
    ]) {
      const { message } = errorOf('invalid-argument', () => parseSafetensors(value as Uint8Array));
      expect(message).toContain('Expected bytes as an ArrayBuffer or a Uint8Array');
    }
    const gone = new ArrayBuffer(16);
    structuredClone(gone, { transfer: [gone] });
    expect(errorOf('invalid-argument', () => parseSafetensors(gone)).message).toContain('detached');
  });
});
