/** @file What the benchmark measures, and how it tells right maps from wrong ones. */

import { describe, expect, it } from 'vitest';
import { convName, networkCases } from '../../bench/cases/cases.ts';
import { dumpKernels } from '../../bench/dump-kernels.ts';
import { mapsProblem } from '../../bench/network/network.ts';
import { drawPicture } from '../../bench/network/picture.ts';
import type { GpuContext } from '../../src/gpu/device.ts';
import { defaultChoice } from '../../src/graph/choose-kernels.ts';
import type { Conv2d } from '../../src/kernels/conv2d.ts';

const conv: Conv2d = {
  label: 'layer',
  sources: [{ height: 5, width: 6, channels: 8, kernel: 3, stride: 1, padding: { top: 1, left: 1 } }],
  outHeight: 5,
  outWidth: 6,
  outChannels: 4,
  bias: true,
  residuals: [{ kind: 'same' }],
  activation: 'none',
};

it('the picture is opaque: inference composes over white what is not, training gets crops that were', () => {
  const { data } = drawPicture(160, 96);
  expect(new Set(data.filter((_, i) => i % 4 === 3))).toEqual(new Set([255]));
});

it('names of convolutions tell their shapes apart', () => {
  expect(convName(conv)).toBe('3x3 8>4 6x5 +same bias');
  const small = { label: 'layer', height: 5, width: 6, channels: 8, outChannels: 4 };
  expect(convName({ ...small, scale: 8 })).toBe('3x3 8>4 6x5 x8');
  expect(convName({ ...small, planes: 36 })).toBe('1x1 8>4 6x5 36 planes');
  const two = {
    ...conv,
    sources: [conv.sources[0], { ...conv.sources[0], kernel: 1, stride: 2 }],
    activation: 'relu' as const,
  };
  expect(convName(two)).toBe('3x3 8 + 1x1/2 8 > 4 6x5 +same bias relu');
});

describe('the cases of the network', () => {
  const limits = {
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupSizeX: 256,
    maxComputeWorkgroupStorageSize: 16384,
    maxComputeWorkgroupsPerDimension: 65535,
  };
  const casesOf = (software: boolean, graphs: 'fused' | 'both' = 'both') =>
    networkCases({ width: 320, height: 320 }, graphs, {
      context: { software, device: { limits } } as unknown as GpuContext,
      choice: defaultChoice({ software }, 'f32'),
      menu: 'all',
      customKernels: [],
    });

  it('are all its different layers, each once, under names of their own', () => {
    for (const software of [true, false]) {
      const cases = casesOf(software);
      const names = cases.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      for (const group of ['preprocess', 'conv', 'max-pool', 'upsample-add', 'upsample-concat', 'db-head']) {
        expect(cases.map((entry) => entry.group)).toContain(group);
      }
      // On GPUs only where channels are many.
      const filtered = cases.filter(({ group }) => group === 'winograd-input');
      expect(filtered.some(({ name }) => name.startsWith('winograd-input 64 '))).toBe(software);
      expect(filtered.some(({ name }) => name.startsWith('winograd-input 512 '))).toBe(true);
      // 29 convolutions, of which many are alike.
      const repeated = cases.find(({ name }) => name.startsWith('conv 3x3 64>64 80x80 +same'));
      expect(repeated?.layers.length).toBeGreaterThan(0);
    }
    expect(casesOf(true, 'fused').length).toBeLessThan(casesOf(true).length);
  });

  it('have the default first, and other variants that are other code', () => {
    for (const { variants } of casesOf(false)) {
      expect(variants[0].isDefault).toBe(true);
      expect(variants.slice(1).every(({ isDefault }) => !isDefault)).toBe(true);
      const names = variants.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
    }
    const head = casesOf(false).find(({ group }) => group === 'db-head');
    expect(head?.variants.length).toBeGreaterThan(2);
  });
});

describe('maps of a whole network', () => {
  const P = Float32Array.from({ length: 32 }, (_, i) => i / 32);
  const expected = new Map([['P', P]]);
  // P of pixels 10 to 31 is above 0.3.
  const mask = 0xffffffff << 10;

  it('pass where they are close, and the mask is that of their own P', () => {
    const found = new Map<string, Float32Array | Uint32Array>([...expected, ['mask', Uint32Array.of(mask)]]);
    expect(mapsProblem(found, expected, 'f32')).toBeUndefined();
  });

  it('fail for one value, one that is NaN, and one bit', () => {
    const change = (value: number) => new Map([['P', P.with(5, value)]]);
    expect(mapsProblem(change(0.9), expected, 'f32')).toMatch(/map P is off by 0.744/);
    expect(mapsProblem(change(Number.NaN), expected, 'f32')).toMatch(/NaN at 5/);
    const bits = Uint32Array.of(mask ^ (1 << 20));
    const wrong = new Map<string, Float32Array | Uint32Array>([...expected, ['mask', bits]]);
    expect(mapsProblem(wrong, expected, 'f32')).toMatch(/bit 20/);
  });
});

describe('the dump of kernels', () => {
  const kernels = dumpKernels([{ width: 64, height: 32 }]);

  it('has both precisions, P alone and all maps, and Winograd on and off', () => {
    const sets = new Map<string, string[]>();
    for (const { set, name } of kernels) sets.set(set, [...(sets.get(set) ?? []), name]);
    expect([...sets.keys()]).toEqual([
      'f32 PTB',
      'f32 PTB winograd',
      'f32 P',
      'f32 P winograd',
      'f16 PTB',
      'f16 P',
    ]);
    for (const [set, names] of sets) {
      expect(names[0]).toBe('preprocess');
      expect(names.some((name) => name.endsWith('.F(4,3)'))).toBe(set.endsWith('winograd'));
    }
  });

  it('is JSON that says all that is needed to run them', () => {
    expect(JSON.parse(JSON.stringify(kernels))).toEqual(kernels);
    for (const { code, bindings, resources, shape, dispatch, flops, size, label, name } of kernels) {
      expect(size).toBe('64x32');
      expect(label.startsWith(name)).toBe(true);
      expect(code).toContain('fn main(');
      expect(bindings.map(({ access }) => access).indexOf('uniform')).toBe(bindings.length - 1);
      expect(resources.length).toBe(bindings.length - 1);
      expect(shape.length * 4).toBe(bindings[bindings.length - 1].bytes);
      expect(shape.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32)).toBe(true);
      expect(dispatch.every((count) => count >= 1)).toBe(true);
      expect(flops).toBeGreaterThanOrEqual(0);
    }
  });
});
