/** @file 20,000 seeded mutations of a valid PyTorch file of each container: a typed error or a consistent file, nothing else. */

import { describe, expect, it } from 'vitest';
import { DBNetError } from '../../src/errors.ts';
import { isTorch, readTorch } from '../../src/torch/index.ts';
import { seededRandom } from '../helpers/random.ts';
import { archiveFile, join, le, legacyFile, type Piece, pickle, tensor } from './torch-helpers.ts';

const MUTATIONS = 20_000;

const { text, int, dict, list, file, global, tuple } = pickle;

/** Pieces of the object, each of which a mutation may leave out, repeat, or put elsewhere. */
const PIECES: readonly Piece[] = [
  '}(',
  text('meta'),
  dict(text('epoch'), int(3), text('cfg'), text('a = 1\n'), text('lr'), join('G', le(0, 8))),
  text('state_dict'),
  join(global('collections', 'OrderedDict'), ')R'),
  '(',
  text('conv.weight'),
  tensor({ key: '0', count: 24, shape: [2, 3, 2, 2], strides: [12, 1, 6, 3] }),
  text('conv.bias'),
  tensor({ key: '1', type: 'HalfStorage', count: 4, offset: 1, shape: [2], strides: [2] }),
  text('bn.weight'),
  tensor({ key: '2', type: 'BFloat16Storage', count: 3, shape: [3], strides: [1] }),
  text('bn.num_batches_tracked'),
  tensor({ key: '3', type: 'LongStorage', count: 1, shape: [], strides: [] }),
  text('head'),
  tensor({ key: '4', type: 'DoubleStorage', count: 6, shape: [2, 3], strides: [1, 2] }),
  'u',
  dict(text('_metadata'), '}'),
  'b',
  text('hub'),
  join(
    global('mmengine.logging.history_buffer', 'HistoryBuffer'),
    ')\x81',
    dict(text('_log'), list(int(1))),
    'b',
  ),
  text('optimizer'),
  join('q\x01', dict(text('state'), tuple(tensor({ key: '5', count: 2 }), 'h\x01', '\x88'))),
  'u',
];
const STORAGES: readonly [count: number, elementBytes: number][] = [
  [24, 4],
  [4, 2],
  [3, 2],
  [1, 8],
  [6, 8],
  [2, 4],
];
const elements = STORAGES.map(([count, bytes]) =>
  Uint8Array.from({ length: count * bytes }, (_, i) => (i * 37) & 255),
);

const containers: Readonly<Record<string, (object: Piece) => Uint8Array>> = {
  archive: (object) =>
    archiveFile(object, [
      ...elements.map((data, i) => ({ name: `archive/data/${i}`, data, padding: i })),
      { name: 'archive/byteorder', data: 'little' },
    ]),
  legacy: (object) =>
    legacyFile(object, {
      keys: file(list(...elements.map((_, i) => text(String(i))))),
      storages: join(...elements.map((data, i) => join(le(STORAGES[i][0], 8), data))),
    }),
};

/** Opcodes and operands that change what follows. */
const OPCODES =
  '().01N}]tuesabRQ\x81\x85\x86\x87\x88\x8a\x8b\x8d\x8e\x8f\x90\x93\x94\x95cq\x00h\x01h\x07j2PKX';
const NUMBERS = [0, 1, 2, 3, 7, 255, 256, 65535, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, -1];

/** A seeded mutator: each call gives another damaged copy of the valid file. */
function mutator(wrap: (object: Piece) => Uint8Array, seed: number): () => Uint8Array {
  const random = seededRandom(seed);
  const valid = wrap(file(...PIECES));
  const whole = (below: number) => Math.floor(random() * below);
  const pick = <T>(list: ArrayLike<T>): T => list[whole(list.length)];

  const changePieces = (pieces: readonly Piece[]): Piece[] => {
    const at = whole(pieces.length);
    const [before, after] = [pieces.slice(0, at), pieces.slice(at + 1)];
    switch (whole(5)) {
      case 0:
        return [...before, ...after];
      case 1:
        return [...before, pieces[at], pieces[at], ...after];
      case 2:
        return [...before, pick(PIECES), ...after];
      case 3:
        return [...before, changeBytes(join(pieces[at])), ...after];
      default:
        return [...before, pick(OPCODES), pieces[at], ...after];
    }
  };

  const changeBytes = (bytes: Uint8Array): Uint8Array => {
    const at = whole(bytes.length);
    const copy = bytes.slice();
    switch (whole(7)) {
      case 0:
        copy[at] ^= 1 << whole(8);
        return copy;
      case 1:
        copy[at] = pick(OPCODES).charCodeAt(0);
        return copy;
      case 2: {
        const number = le(pick(NUMBERS), pick([1, 2, 4, 8]));
        copy.set(number.subarray(0, bytes.length - at), at);
        return copy;
      }
      case 3:
        return bytes.slice(0, at);
      case 4:
        return join(
          bytes.subarray(0, at),
          Array.from({ length: 1 + whole(9) }, () => whole(256)),
          bytes.subarray(at),
        );
      case 5:
        return join(bytes.subarray(0, at), bytes.subarray(Math.max(0, at - whole(40))));
      default:
        return join(bytes.subarray(0, at), bytes.subarray(at + 1 + whole(9)));
    }
  };

  return () => {
    if (random() < 0.5) {
      let bytes = changeBytes(valid);
      while (bytes.length > 0 && random() < 0.3) bytes = changeBytes(bytes);
      return bytes;
    }
    let pieces = changePieces(PIECES);
    while (pieces.length > 0 && random() < 0.4) pieces = changePieces(pieces);
    return wrap(file(...pieces));
  };
}

describe.each(Object.entries(containers))('mutations of a valid file: %s', (kind, wrap) => {
  it('starts from a valid file', () => {
    const read = readTorch(wrap(file(...PIECES)));
    expect([...read.tensors.keys()]).toEqual([
      'conv.weight',
      'conv.bias',
      'bn.weight',
      'bn.num_batches_tracked',
      'head',
    ]);
    expect(read.float32('conv.weight').length).toBe(24);
  });

  it(`gives a typed error or a consistent file, ${MUTATIONS} times`, () => {
    const next = mutator(wrap, kind.length);
    const messages = new Set<string>();
    let accepted = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const bytes = next();
      try {
        const read = readTorch(bytes);
        expect(isTorch(bytes)).toBe(true);
        expect(read.tensors.size).toBeGreaterThan(0);
        for (const [name, { shape, dtype }] of read.tensors) {
          const size = shape.reduce((a, b) => a * b, 1);
          if (dtype && /^(F|BF)\d/.test(dtype)) expect(read.float32(name).length).toBe(size);
          else expect(() => read.float32(name)).toThrow(DBNetError);
        }
        accepted++;
      } catch (error) {
        if (!(error instanceof DBNetError) || error.code !== 'invalid-checkpoint') throw error;
        expect(error.message).toMatch(
          /^Not a valid PyTorch checkpoint: .*(byte|tensor|storage|entry|entries|name|TorchScript|Python pickle|ZIP)/su,
        );
        expect(error.message.length).toBeLessThan(800);
        messages.add(error.message.replace(/"(?:[^"\\]|\\.)*"|\d+/g, '#'));
      }
    }
    // Were the mutator blunt, all would fail in the same few places, or none would pass.
    expect(accepted).toBeGreaterThan(1000);
    expect(accepted).toBeLessThan((MUTATIONS * 2) / 3);
    expect(messages.size).toBeGreaterThan(80);
  });
});
