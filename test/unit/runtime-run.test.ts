/** @file How a frame is cut into submits, without a device. */

import { describe, expect, it } from 'vitest';
import type { Step } from '../../src/gpu/bind.ts';
import type { GpuContext } from '../../src/gpu/device.ts';
import { cutIntoSubmits, SubmitSize } from '../../src/gpu/run.ts';

const steps = (...flops: number[]): Step[] =>
  flops.map((count, i) => ({ label: `${i}`, flops: count, dispatch: [1, 1, 1] }) as unknown as Step);

const groups = (limit: number, ...flops: number[]): number[][] =>
  cutIntoSubmits(steps(...flops), limit).map((submit) => submit.map(({ flops }) => flops));

const submitSize = (software: boolean) => new SubmitSize({ software } as GpuContext);

describe('cutIntoSubmits', () => {
  it('fills each submit up to the limit', () => {
    expect(groups(10, 4, 4, 4, 4, 4)).toEqual([[4, 4], [4, 4], [4]]);
    expect(groups(10, 5, 5, 1)).toEqual([[5, 5], [1]]);
    expect(groups(100, 1, 2, 3)).toEqual([[1, 2, 3]]);
  });

  it('gives a step that is larger than the limit a submit of its own', () => {
    expect(groups(10, 50, 1, 50, 50)).toEqual([[50], [1], [50], [50]]);
    expect(groups(0, 1, 1)).toEqual([[1], [1]]);
  });

  it('keeps steps without arithmetic with the ones before', () => {
    expect(groups(10, 8, 0, 0, 3)).toEqual([[8, 0, 0], [3]]);
  });

  it('keeps order, and loses nothing', () => {
    const flops = Array.from({ length: 50 }, (_, i) => (i * 37) % 23);
    for (const limit of [1, 10, 25, 1000]) expect(groups(limit, ...flops).flat()).toEqual(flops);
    expect(groups(10)).toEqual([]);
  });
});

describe('SubmitSize', () => {
  it('starts with small submits on software adapters, and large ones on GPUs', () => {
    expect(submitSize(true).flops).toBeLessThan(submitSize(false).flops);
    // The network at 640x640 is 58 GFLOP: one or two submits on a GPU, many on a CPU.
    expect(58e9 / submitSize(false).flops).toBeLessThan(2);
    expect(58e9 / submitSize(true).flops).toBeGreaterThan(20);
  });

  it('learns from how long a submit took, unless it was so short that only the fence was measured', () => {
    const learning = submitSize(true);
    learning.observe(4e9, 1000);
    expect(learning.flops).toBe(4e6 * SubmitSize.target);
    learning.observe(1e6, 10);
    expect(learning.flops).toBe(4e6 * SubmitSize.target);
  });
});
