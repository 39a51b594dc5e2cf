/** @file The safetensors writer: layout, round trips, refusals. */

import { describe, expect, it } from 'vitest';
import { parseSafetensors, type TensorData, writeSafetensors } from '../../src/safetensors/index.ts';
import { errorOf, seededRandom } from './safetensors-helpers.ts';

const tensor = (shape: number[], values: number[]): TensorData & { dtype: 'F32' } => ({
  dtype: 'F32',
  shape,
  data: Float32Array.from(values),
});

describe('writeSafetensors', () => {
  it('writes the layout of the format, byte for byte', () => {
    const bytes = writeSafetensors({ a: tensor([2], [1, -2]) }, { k: '50' });
    const header = '{"__metadata__":{"k":"50"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8, ' ');
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(BigInt(padded.length));
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + padded.length))).toBe(padded);
    expect([...bytes.subarray(8 + padded.length)]).toEqual([0, 0, 128, 63, 0, 0, 0, 192]);
  });

  it('pads the header so that the data begins at a multiple of 8', () => {
    for (let length = 0; length < 16; length++) {
      const bytes = writeSafetensors({ ['n'.repeat(length)]: tensor([1], [3]) });
      const file = parseSafetensors(bytes);
      expect(file.tensors.get('n'.repeat(length))!.byteOffset % 8).toBe(0);
      expect([' ', '}']).toContain(String.fromCharCode(bytes[bytes.length - 5]));
    }
  });

  it('round-trips random files, in the order given', () => {
    const random = seededRandom(1);
    const whole = (below: number) => Math.floor(random() * below);
    for (let trial = 0; trial < 50; trial++) {
      const tensors = new Map<string, ReturnType<typeof tensor>>();
      for (let i = whole(6); i > 0; i--) {
        const shape = Array.from({ length: whole(4) }, () => whole(5));
        const size = shape.reduce((a, b) => a * b, 1);
        tensors.set(
          ['文', '"', '7', '__proto__', 'a.b', '\n'][whole(6)] + whole(100),
          tensor(
            shape,
            Array.from({ length: size }, () => (random() - 0.5) * 10 ** whole(30)),
          ),
        );
      }
      const metadata = { note: String(random()), 'k"ey': 'line\nbreak é 😀' };
      const file = parseSafetensors(writeSafetensors(tensors, metadata));
      expect([...file.tensors.keys()]).toEqual([...tensors.keys()]);
      expect({ ...file.metadata }).toEqual(metadata);
      for (const [name, { shape, data }] of tensors) {
        expect(file.tensors.get(name)).toMatchObject({ dtype: 'F32', shape });
        expect(file.float32(name)).toEqual(data);
      }
    }
  });

  it('writes halves, also between floats', () => {
    const half: TensorData = { dtype: 'F16', shape: [3], data: Uint16Array.of(0x3c00, 0xc000, 0x0001) };
    const file = parseSafetensors(writeSafetensors({ a: half, b: tensor([1], [7]) }));
    expect(file.tensors.get('a')).toMatchObject({ dtype: 'F16', shape: [3], byteLength: 6 });
    expect([...file.float32('a')]).toEqual([1, -2, 2 ** -24]);
    expect([...file.float32('b')]).toEqual([7]);
  });

  it('keeps every bit, odd names, views and emptiness', () => {
    const bits = Uint32Array.of(0x7fc00001, 0x80000000, 1, 0x7f800000, 0xff7fffff);
    const shifted = new Float32Array(new Uint32Array([9, ...bits]).buffer, 4);
    const file = parseSafetensors(
      writeSafetensors([
        ['__proto__', { dtype: 'F32', shape: [5], data: shifted }],
        ['7', tensor([], [4])],
        ['', tensor([0, 3], [])],
      ]),
    );
    expect([...file.tensors.keys()]).toEqual(['__proto__', '7', '']);
    expect(new Uint32Array(file.float32('__proto__').buffer)).toEqual(bits);
    expect([...file.float32('7')]).toEqual([4]);
    expect(parseSafetensors(writeSafetensors({})).tensors.size).toBe(0);
    expect(parseSafetensors(writeSafetensors({}, {})).metadata).toEqual({});
  });

  it.each<[string, unknown, unknown, string]>([
    ['no tensors', null, undefined, 'Tensors must be given by name, as an object or as pairs, not as null'],
    ['a string', 'a', undefined, 'not as string'],
    [
      'another dtype',
      { a: { ...tensor([1], [1]), dtype: 'F64' } },
      undefined,
      'Tensor "a": expected dtype F32 or F16, found "F64"',
    ],
    ['no tensor', { a: undefined }, undefined, 'Tensor "a": expected dtype F32 or F16, found "undefined"'],
    [
      'an array as data',
      { a: { ...tensor([1], [1]), data: [1] } },
      undefined,
      'expected its data as a Float32Array, found Array',
    ],
    [
      'no shape',
      { a: { ...tensor([1], [1]), shape: undefined } },
      undefined,
      'expected a shape of whole numbers from 0, found undefined',
    ],
    [
      'a negative side',
      { a: tensor([-1, -1], [1]) },
      undefined,
      'Tensor "a": expected a shape of whole numbers from 0, found [-1, -1]',
    ],
    ['a fraction', { a: tensor([0.5, 2], [1]) }, undefined, 'found [0.5, 2]'],
    [
      'another size',
      { a: tensor([2, 3], [1]) },
      undefined,
      'Tensor "a": the shape [2, 3] holds 6 numbers, its data 1',
    ],
    ['the reserved name', { __metadata__: tensor([1], [1]) }, undefined, 'the format keeps this name'],
    [
      'a name twice',
      [
        ['a', tensor([1], [1])],
        ['a', tensor([1], [1])],
      ],
      undefined,
      'The tensor "a" is given twice',
    ],
    [
      'a name that is a number',
      [[7, tensor([1], [1])]],
      undefined,
      'A tensor name must be a string, not number',
    ],
    [
      'a name that is no text',
      { '\ud800': tensor([1], [1]) },
      undefined,
      'A tensor name must be Unicode text',
    ],
    ['a metadata number', {}, { k: 50 }, 'The metadata value of "k" must be a string, not number'],
    [
      'a metadata value that is no text',
      {},
      { k: '\udfff' },
      'The metadata value of "k" must be Unicode text',
    ],
  ])('refuses %s', (_, tensors, metadata, message) => {
    const call = () =>
      writeSafetensors(tensors as Record<string, TensorData>, metadata as Record<string, string>);
    expect(errorOf('invalid-argument', call).message).toContain(message);
  });
});
