/** @file 20,000 seeded mutations of a valid safetensors file: a typed error or a consistent file, nothing else. */

import { describe, expect, it } from 'vitest';
import { DBNetError } from '../../src/errors.ts';
import { parseSafetensors } from '../../src/safetensors/index.ts';
import { makeFile, seededRandom } from './safetensors-helpers.ts';

const MUTATIONS = 20_000;

const HEADER = JSON.stringify({
  __metadata__: { format: 'pt', input: '{"channelOrder":"rgb"}', é: '\n' },
  'layer.weight': { dtype: 'F16', shape: [2, 3], data_offsets: [0, 12] },
  'layer.bias': { dtype: 'F32', shape: [2], data_offsets: [12, 20] },
  scale: { dtype: 'F64', shape: [], data_offsets: [20, 28] },
  none: { dtype: 'BF16', shape: [0, 4], data_offsets: [28, 28] },
  steps: { dtype: 'I64', shape: [1], data_offsets: [28, 36] },
});
const DATA = Uint8Array.from({ length: 36 }, (_, i) => (i * 37) & 255);

/** What a hostile or a careless hand would put in place of a number, a string or a whole value. */
const NUMBERS = [
  '-1',
  '0',
  '1',
  '4',
  '12',
  '13',
  '1e400',
  '1.5',
  '-0',
  '9007199254740991',
  '9007199254740993',
  '18446744073709551615',
  '1e3',
  '00',
  '',
  'null',
  '[]',
  '{}',
];
const STRINGS = [
  '"dtype"',
  '"F32"',
  '"F16"',
  '"I4"',
  '"__proto__"',
  '"__metadata__"',
  '"scale"',
  '""',
  '"\\ud800"',
  '"\\u0000"',
  '"a',
  'a"',
  '7',
  'null',
];
const PIECES = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  ' ',
  '\n',
  '\u0000',
  '\ufeff',
  '文',
  '\u2028',
  '//',
  '"a":1,',
];

/** A seeded mutator: each call gives another damaged copy of the valid file. */
function mutator(seed: number): () => Uint8Array {
  const random = seededRandom(seed);
  const whole = (below: number) => Math.floor(random() * below);
  const pick = <T>(list: readonly T[]): T => list[whole(list.length)];
  const valid = makeFile(HEADER, DATA);

  const replaceOne = (text: string, pattern: RegExp, replacement: string): string => {
    const found = [...text.matchAll(pattern)];
    if (found.length === 0) return text;
    const { 0: match, index } = pick(found);
    return text.slice(0, index) + replacement + text.slice(index + match.length);
  };
  const changeText = (text: string): string => {
    const at = whole(text.length);
    const member = [...text.matchAll(/"[^"]*":(?:\{[^{}]*\}|\[[^[\]]*\]|"[^"]*")/g)];
    switch (whole(8)) {
      case 0:
      case 1:
        return replaceOne(text, /-?\d+/g, random() < 0.5 ? pick(NUMBERS) : String(whole(64)));
      case 2:
        return replaceOne(text, /"[^"]*"/g, pick(STRINGS));
      case 3:
        return replaceOne(text, /[{}[\],:"]/g, random() < 0.5 ? '' : pick(PIECES));
      case 4:
        return text.slice(0, at) + pick(PIECES) + text.slice(at);
      case 5: {
        // A member twice: here, or at the front of the header.
        const twice = member.length === 0 ? '' : pick(member)[0];
        return random() < 0.5 ? `{${twice},${text.slice(1)}` : text.replace(twice, () => `${twice},${twice}`);
      }
      case 6:
        return member.length === 0 ? text : text.replace(`${pick(member)[0]},`, '');
      default:
        return text.slice(0, at) + text.slice(at + 1 + whole(20));
    }
  };

  const changeBytes = (bytes: Uint8Array): Uint8Array => {
    const at = whole(bytes.length);
    switch (whole(5)) {
      case 0: {
        const copy = bytes.slice();
        copy[at] ^= 1 << whole(8);
        return copy;
      }
      case 1: {
        const copy = bytes.slice();
        copy[whole(Math.min(16, copy.length))] = whole(256);
        return copy;
      }
      case 2:
        return bytes.slice(0, at);
      case 3:
        return Uint8Array.from([
          ...bytes.subarray(0, at),
          ...Array.from({ length: 1 + whole(9) }, () => whole(256)),
          ...bytes.subarray(at),
        ]);
      default:
        return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + whole(9))]);
    }
  };

  return () => {
    if (random() < 0.4) {
      let bytes = changeBytes(valid);
      while (bytes.length > 0 && random() < 0.3) bytes = changeBytes(bytes);
      return bytes;
    }
    let header = changeText(HEADER);
    while (random() < 0.4) header = changeText(header);
    // The length is mostly kept right, so that the damage is looked at rather than the length.
    return makeFile(header, DATA, random() < 0.95 ? undefined : BigInt(whole(2 * HEADER.length)));
  };
}

describe('mutations of a valid file', () => {
  it('starts from a valid file', () => {
    expect(parseSafetensors(makeFile(HEADER, DATA)).tensors.size).toBe(5);
  });

  it(`gives a typed error or a consistent file, ${MUTATIONS} times`, () => {
    const next = mutator(20_26);
    const messages = new Set<string>();
    let accepted = 0;
    for (let i = 0; i < MUTATIONS; i++) {
      const bytes = next();
      try {
        const file = parseSafetensors(bytes);
        let end = 0;
        for (const [name, info] of file.tensors) {
          const size = info.shape.reduce((a, b) => a * b, 1);
          expect(info.size).toBe(size);
          expect(file.bytes(name).length).toBe(info.byteLength);
          end = Math.max(end, info.byteOffset + info.byteLength);
          if (info.dtype.endsWith('F16') || info.dtype === 'F32' || info.dtype === 'F64') {
            expect(file.float32(name).length).toBe(size);
          } else expect(() => file.float32(name)).toThrow(DBNetError);
        }
        if (file.tensors.size > 0) expect(end).toBe(bytes.length);
        accepted++;
      } catch (error) {
        if (!(error instanceof DBNetError) || error.code !== 'invalid-safetensors') throw error;
        expect(error.message).toMatch(/^Not a valid safetensors file: .*(byte|tensor|name|header|dtype)/su);
        expect(error.message.length).toBeLessThan(800);
        messages.add(error.message.replace(/"(?:[^"\\]|\\.)*"|\d+/g, '#'));
      }
    }
    // Were the mutator blunt, all would fail in the same few places, or none would pass.
    expect(accepted).toBeGreaterThan(500);
    expect(accepted).toBeLessThan(MUTATIONS / 2);
    expect(messages.size).toBeGreaterThan(60);
  });

  it('never accepts a shorter or a longer file', () => {
    const valid = makeFile(HEADER, DATA);
    for (let length = 0; length < valid.length; length++) {
      expect(() => parseSafetensors(valid.subarray(0, length))).toThrow(DBNetError);
    }
    expect(() => parseSafetensors(Uint8Array.from([...valid, 0]))).toThrow(DBNetError);
  });
});
