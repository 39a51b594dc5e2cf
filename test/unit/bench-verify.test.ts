/** @file The benchmark's judgement of outputs: what it must not let pass. */

import { describe, expect, it } from 'vitest';
import type { NumbersReference, Reference } from '../../bench/cases/case.ts';
import { convName } from '../../bench/cases/conv-name.ts';
import { convProblem, convReference } from '../../bench/cases/conv-problem.ts';
import { dbHeadTask } from '../../bench/cases/db-head-task.ts';
import { fromHalf, randomTensor, seededRandom } from '../../bench/cases/numbers.ts';
import { sampleIndices, verify } from '../../bench/cases/verify.ts';
import { mapsProblem } from '../../bench/network/check-maps.ts';
import type { Conv2d } from '../../src/kernels/conv2d.ts';
import { toHalf } from '../../src/kernels/half.ts';

const conv: Conv2d = {
  label: 'conv',
  sources: [{ height: 6, width: 5, channels: 8, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }],
  outHeight: 6,
  outWidth: 5,
  outChannels: 4,
  bias: true,
  residuals: [{ kind: 'same' }],
  activation: 'none',
};

const count = 6 * 5 * 4;

/** The right output, computed by the reference itself. */
function rightOutput(reference: Reference): Float32Array<ArrayBuffer> {
  const { at } = reference.outputs.output as NumbersReference;
  return Float32Array.from({ length: count }, (_, i) => at(i).value);
}

describe('verify', () => {
  const reference = convReference(convProblem(conv, 'f32'));
  const problemOf = (values: Float32Array<ArrayBuffer>) => verify(reference, () => values.buffer).problem;

  it('passes what is right but for rounding', () => {
    const verdict = verify(reference, () => rightOutput(reference).buffer);
    expect(verdict.problem).toBeUndefined();
    expect(verdict.error).toBeLessThan(1e-6);
  });

  it('sees a single element that was not written', () => {
    const values = rightOutput(reference);
    new Uint8Array(values.buffer).fill(0xff, 44, 48);
    expect(problemOf(values)).toMatch(/1 of 120 elements of 'output' were not written.*first at 11/);
  });

  it('sees zeros', () => {
    expect(problemOf(new Float32Array(count))).toMatch(/expected .*, found 0/);
  });

  it('sees one missing product', () => {
    const problem = convProblem(conv, 'f32');
    const { at } = convReference(problem).outputs.output;
    const before = at(37).value;
    problem.weights[0][100] = 0;
    const values = Float32Array.from({ length: count }, (_, i) => at(i).value);
    values[37] = before;
    expect(problemOf(values)).toMatch(/expected/);
  });
});

describe('verify of bits', () => {
  const words = Uint32Array.of(0b1010, 1 << 31);
  const bit = (index: number) => (index === 1 || index === 3 ? true : index === 63 ? undefined : false);
  const reference: Reference = { outputs: { mask: { words: 2, bit } }, tolerance: 0 };

  it('lets those pass that are too close to call', () => {
    expect(verify(reference, () => words.buffer).problem).toBeUndefined();
  });

  it('sees one that is wrong', () => {
    expect(verify(reference, () => Uint32Array.of(0b1000, 0).buffer).problem).toMatch(/bit 1: expected 1/);
  });
});

describe('references', () => {
  it('a convolution is the sum of its products, by hand', () => {
    const problem = convProblem(conv, 'f32');
    const { at } = convReference(problem).outputs.output;
    // Output pixel (0, 4), the upper right corner: two of three rows and columns are inside.
    const channel = 2;
    let sum = problem.bias[channel] + problem.residuals[0][4 * 4 + channel];
    for (const [row, column, tap] of [
      [0, 3, 3],
      [0, 4, 4],
      [1, 3, 6],
      [1, 4, 7],
    ]) {
      for (let c = 0; c < 8; c++) {
        sum +=
          problem.sources[0][(row * 5 + column) * 8 + c] * problem.weights[0][(channel * 8 + c) * 9 + tap];
      }
    }
    expect(at(4 * 4 + channel).value).toBeCloseTo(sum, 10);
  });

  it('a class image is the convolution of the upsampled source', () => {
    const { outChannels } = conv;
    const low = { label: 'classes', height: 3, width: 2, channels: 4, outChannels, scale: 4 };
    const problem = convProblem(low, 'f32');
    const upsampled = new Float32Array(12 * 8 * 4);
    for (let i = 0; i < upsampled.length; i++) {
      const [y, x] = [Math.floor(i / 32), Math.floor(i / 4) % 8];
      upsampled[i] = problem.sources[0][((y >> 2) * 2 + (x >> 2)) * 4 + (i % 4)];
    }
    const high: Conv2d = {
      ...conv,
      bias: false,
      residuals: [],
      sources: [{ ...conv.sources[0], height: 12, width: 8, channels: 4 }],
      outHeight: 12,
      outWidth: 8,
    };
    const full = convReference({ ...problem, conv: high, form: high, sources: [upsampled] }).outputs.output;
    const classes = convReference(problem).outputs.output;
    // Rows 4 (first), 5 (between) and 7 (last) of the second source row; columns likewise.
    for (const [plane, y, x] of [
      [0, 4, 4],
      [1, 4, 5],
      [2, 4, 7],
      [4, 5, 5],
      [6, 7, 4],
      [8, 7, 7],
    ]) {
      const low = ((plane * 3 + 1) * 2 + 1) * 4 + 3;
      expect(classes.at(low).value).toBeCloseTo(full.at((y * 8 + x) * 4 + 3).value, 10);
    }
  });

  it('B of the DB head is what P and T say', () => {
    const shape = {
      height: 2,
      width: 8,
      channels: 16,
      outputs: 'PTB',
      merged: true,
      mask: true,
      k: 50,
    } as const;
    const { probability, threshold, binary, mask } = dbHeadTask(shape, 'f32').reference.outputs;
    const numbers = [probability, threshold, binary] as NumbersReference[];
    const [p, t, b] = numbers.map(({ at }) => at(77).value);
    expect(b).toBeCloseTo(1 / (1 + Math.exp(-50 * (p - t))), 10);
    const bit = 'bit' in mask ? mask.bit(77) : undefined;
    expect(bit).toBe(Math.abs(p - 0.5) < 0.01 ? undefined : p > 0.5);
  });
});

it('the sample of positions has both ends and no strangers', () => {
  const indices = sampleIndices(100_000);
  expect(indices).toContain(0);
  expect(indices).toContain(99_999);
  expect(indices.every((index) => Number.isInteger(index) && index >= 0 && index < 100_000)).toBe(true);
  expect(sampleIndices(5)).toEqual([0, 1, 2, 3, 4]);
});

it('random f16 tensors hold what f16 can', () => {
  const values = randomTensor(100, seededRandom(1), 'f16');
  expect(fromHalf(toHalf(values))).toEqual(values);
});

describe('maps of a whole network', () => {
  const bytes = (...values: number[]) => Float32Array.from(values).buffer;
  const expected = new Map([['P', bytes(...Array.from({ length: 32 }, (_, i) => i / 32))]]);
  const bits = (word: number) => Uint32Array.of(word).buffer;
  // P of pixels 10 to 31 is above 0.3.
  const mask = 0xffffffff << 10;

  it('pass where they are close, and the mask is that of their own P', () => {
    const found = new Map([...expected, ['mask', bits(mask)] as const]);
    expect(mapsProblem(found, expected, 'f32')).toBeUndefined();
  });

  it('fail for one value, one that is NaN, and one bit', () => {
    const change = (value: number) => {
      const values = new Float32Array(expected.get('P')!.slice(0));
      values[5] = value;
      return new Map([['P', values.buffer]]);
    };
    expect(mapsProblem(change(0.9), expected, 'f32')).toMatch(/map P is off by 0.744/);
    expect(mapsProblem(change(Number.NaN), expected, 'f32')).toMatch(/NaN at 5/);
    const wrong = new Map([...expected, ['mask', bits(mask ^ (1 << 20))] as const]);
    expect(mapsProblem(wrong, expected, 'f32')).toMatch(/bit 20/);
  });
});

it('names of convolutions tell their shapes apart', () => {
  expect(convName(conv)).toBe('3x3 8>4 5x6 +same bias');
  expect(convName({ label: 'classes', height: 6, width: 5, channels: 8, outChannels: 4, scale: 8 })).toBe(
    '3x3 8>4 5x6 x8',
  );
  const two = {
    ...conv,
    sources: [conv.sources[0], { ...conv.sources[0], kernel: 1, stride: 2 }],
    activation: 'relu' as const,
  };
  expect(convName(two)).toBe('3x3 8 + 1x1/2 8 > 4 5x6 +same bias relu');
});
