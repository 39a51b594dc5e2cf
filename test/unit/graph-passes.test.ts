/** @file The fusions: each alone, and all together, give the maps of the unfused graph, in f64. */

import { describe, expect, it } from 'vitest';
import { type Graph, type Network, outputsOf } from '../../src/graph/graph.ts';
import type { Conv2dOperation } from '../../src/graph/operations/conv2d.ts';
import { composePointwise } from '../../src/graph/passes/compose-neck.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { allFusions, type Fusion, fuse } from '../../src/graph/passes/index.ts';
import { conv as convOf } from '../../src/models/layers.ts';
import { randomFloats } from '../gpu/assert.ts';
import { interpretGraph } from '../helpers/interpret-graph.ts';
import { ppOcrV4, ppOcrV6 } from '../helpers/mobile-networks.ts';
import { fullGraph, smallGraph, withRandomParameters } from '../helpers/networks.ts';

const size = { width: 64, height: 32 };
const image = Float64Array.from(randomFloats(64 * 32 * 3, 7));

const run = (graph: Graph) => interpretGraph(graph, size, image);

/** Largest difference of the maps; they must be worth comparing. */
function difference(
  actual: Map<string, Float64Array>,
  expected: Map<string, Float64Array>,
  maps: readonly string[],
) {
  let largest = 0;
  for (const map of maps) {
    const [found, wanted] = [actual.get(map)!, expected.get(map)!];
    expect(found.length).toBe(wanted.length);
    expect(Math.max(...wanted) - Math.min(...wanted)).toBeGreaterThan(0.05);
    for (let i = 0; i < wanted.length; i++) largest = Math.max(largest, Math.abs(found[i] - wanted[i]));
  }
  return largest;
}

const count = (graph: Graph, op: string) =>
  graph.operations.filter((operation) => operation.op === op).length;

/** Each alone, all but each, all. */
const subsets: Fusion[][] = [
  ...allFusions.map((name) => [name]),
  ...allFusions.map((name) => allFusions.filter((other) => other !== name)),
  [...allFusions],
];

describe('fusions', () => {
  const both = smallGraph(true);
  const expected = run(both);

  for (const names of subsets) {
    it(`keep the maps: ${names.join(', ')}`, () => {
      expect(difference(run(fuse(both, names)), expected, ['P', 'T', 'B'])).toBeLessThan(1e-11);
    });
  }

  it.each([
    ['PP-OCRv4', ppOcrV4(12)],
    ['PP-OCRv6', ppOcrV6(6)],
  ])('keep the map of %s', (_, network) => {
    const graph = foldBatchNorm(withRandomParameters(network, 1));
    const expected = run(graph);
    for (const names of subsets) {
      expect(difference(run(fuse(graph, names)), expected, ['P']), `${names}`).toBeLessThan(1e-11);
    }
    const filtered = fuse(graph, allFusions, () => 4);
    expect(count(filtered, 'winogradProducts')).toBeGreaterThan(0);
    expect(difference(run(filtered), expected, ['P'])).toBeLessThan(1e-11);
  });

  it.each([2, 4] as const)("keep the maps with Winograd's tiles of %d, alone and with all others", (size) => {
    for (const names of [[], allFusions]) {
      const filtered = fuse(both, names, () => size);
      expect(count(filtered, 'winogradProducts')).toBeGreaterThan(0);
      expect(difference(run(filtered), expected, ['P', 'T', 'B'])).toBeLessThan(1e-11);
    }
  });

  it('keep P alone', () => {
    const alone = smallGraph(false);
    const fused = fuse(alone);
    expect(fused.outputs[0]).toBe('P');
    expect(difference(run(fused), run(alone), ['P'])).toBeLessThan(1e-11);
  });

  it('change nothing where none is named', () => {
    expect(fuse(both, []).operations).toEqual(both.operations);
  });
});

describe('what the fusions leave', () => {
  const graph = fullGraph(true);
  const conv = (form: Graph, name: string) =>
    form.operations.find((operation) => operation.name.includes(name)) as Conv2dOperation;

  it('mergeHeads: one convolution with 128 outputs', () => {
    const merged = fuse(graph, ['mergeHeads']);
    expect(merged.operations.length).toBe(graph.operations.length - 1);
    expect(conv(merged, 'decoder.binarize.0+decoder.thresh.0').outChannels).toBe(128);
  });

  it('convolveBeforeUpsampling: no concatenation', () => {
    const split = fuse(graph, ['convolveBeforeUpsampling']);
    expect(count(split, 'upsampleConcat')).toBe(0);
    expect(count(split, 'upsampledConv2d')).toBe(6);
  });

  it('fuseUpsampleAdd: no addition', () => {
    expect(count(graph, 'upsampleAdd')).toBe(3);
    expect(count(fuse(graph, ['fuseUpsampleAdd']), 'upsampleAdd')).toBe(0);
  });

  it('composeNeck: the widest levels are gone, and only their additions', () => {
    const composed = fuse(graph, ['composeNeck']);
    const written = new Set(composed.operations.flatMap(outputsOf));
    expect(written.has('P2') || written.has('P3') || written.has('in2')).toBe(false);
    expect(written.has('P4')).toBe(true);
  });

  it('composeNeck: a neck that is not linear stays as it is', () => {
    for (const change of [{ activation: 'relu' }, { bias: 'bias' }, { norm: 'norm' }]) {
      const nonlinear = {
        ...graph,
        operations: graph.operations.map((operation) =>
          operation.name.startsWith('decoder.in') || operation.name.startsWith('decoder.out')
            ? { ...operation, ...change }
            : operation,
        ),
      } as Graph;
      expect(fuse(nonlinear, ['composeNeck']).operations).toEqual(nonlinear.operations);
    }
  });

  it('fuseShortcut: the three projections are sources', () => {
    const fused = fuse(graph, ['fuseShortcut']);
    expect(fused.operations.length).toBe(graph.operations.length - 3);
    const two = fused.operations.filter(
      (operation) => operation.op === 'conv2d' && operation.sources.length === 2,
    );
    expect(two.length).toBe(3);
  });

  it('convolveBeforeUpsampling: levels at full resolution are sources, whatever the window', () => {
    const v6 = fuse(foldBatchNorm({ ...ppOcrV6(), parameters: graph.parameters }), [
      'convolveBeforeUpsampling',
    ]);
    expect(count(v6, 'upsampleConcat')).toBe(0);
    expect(conv(v6, 'stem3').sources.map(({ tensor, kernel, stride }) => [tensor, kernel, stride])).toEqual([
      ['pool', 3, 2],
      ['stem2b', 3, 2],
    ]);
  });

  it('gateInEpilogue: gates on 1x1 convolutions, where it moves less', () => {
    const forms = [ppOcrV4(), ppOcrV6()].map((network) => {
      const folded = foldBatchNorm({ ...network, parameters: graph.parameters });
      return [folded, fuse(folded, ['gateInEpilogue']), fuse(folded)];
    });
    // Of the neck's eight: those of the three widest laterals; the fourth has 360 or 384 channels for 96.
    for (const [plain, gated, all] of forms) {
      expect(count(plain, 'channelGate') - count(gated, 'channelGate')).toBe(3);
      expect(count(gated, 'gateFactors')).toBe(3);
      expect(gated.operations.length).toBe(plain.operations.length);
      expect(conv(gated, 'insert0.conv').factors).toBe('insert0.factors');
      // And then the additions go into the same epilogues.
      expect(count(all, 'upsampleAdd')).toBe(0);
      expect(conv(all, 'insert0.conv')).toMatchObject({ output: 'P0', residuals: [{ tensor: 'P1' }] });
    }
    const [[plain]] = forms;
    const changes: Partial<Conv2dOperation>[] = [
      { activation: 'relu' },
      { affine: { scale: 1, shift: 1 } },
      { norm: 'norm' },
      { residuals: [{ tensor: 'layer1', kind: 'same' }] },
      { sources: [{ ...conv(plain, 'insert0.conv').sources[0], kernel: 3 }] },
      { sources: [{ ...conv(plain, 'insert0.conv').sources[0], stride: 2 }] },
    ];
    for (const change of changes) {
      const operations = plain.operations.map((operation) =>
        operation.name === 'insert0.conv' ? ({ ...operation, ...change } as Conv2dOperation) : operation,
      );
      expect(count(fuse({ ...plain, operations }, ['gateInEpilogue']), 'gateFactors')).toBe(2);
    }
    const wanted = { ...plain, outputs: ['P', 'insert0.conv'] };
    expect(count(fuse(wanted, ['gateInEpilogue']), 'gateFactors')).toBe(2);
  });

  it('gateInEpilogue: the first layer takes up a bias as well', () => {
    const network = ppOcrV4(12);
    const biased = {
      ...network,
      operations: network.operations.map((operation) =>
        operation.name === 'insert0.conv' ? { ...operation, bias: 'insert0.bias' } : operation,
      ),
    } as Network;
    const plain = foldBatchNorm(withRandomParameters(biased, 3));
    const gated = fuse(plain, ['gateInEpilogue']);
    expect(conv(gated, 'insert0.conv').factors).toBe('insert0.factors');
    const [found, expected] = [run(gated).get('insert0')!, run(plain).get('insert0')!];
    expected.forEach((value, i) => {
      expect(found[i]).toBeCloseTo(value, 11);
    });
  });

  describe('convolveBeforeUpsampling: a convolution over levels', () => {
    /** Channels of each level; `c` is half as large as the others. */
    const widths = { a: 2, b: 3, c: 5, d: 4, e: 1, f: 2, g: 3 };
    type Level = keyof typeof widths;
    const overLevels = (inputs: readonly Level[], scales: readonly number[], stride = 1): Graph => {
      const level = (name: Level) => {
        const options = { stride: name === 'c' ? 2 : 1 };
        return convOf(name, 'image', `${name}.weight`, [3, widths[name]], options);
      };
      const channels = inputs.reduce((sum, input) => sum + widths[input], 0);
      const operations = [
        ...[...new Set(inputs)].map(level),
        { op: 'upsampleConcat' as const, name: 'all', output: 'all', inputs, scales },
        convOf('out', 'all', 'out.weight', [channels, 2], { stride }),
      ];
      return withRandomParameters({ input: 'image', operations, outputs: ['out'] }, 5);
    };

    it.each([
      [['a', 'b'], [1, 1], 1, 2, 0],
      [['a', 'b'], [1, 1], 2, 2, 0],
      [['c', 'a', 'b'], [2, 1, 1], 1, 2, 1],
      [['b', 'c'], [1, 2], 1, 1, 1],
    ] as const)('%j upsampled by %j, stride %d: %d sources, %d class images', (...form) => {
      const [inputs, scales, stride, sources, classes] = form;
      const graph = overLevels(inputs, scales, stride);
      const split = fuse(graph, ['convolveBeforeUpsampling']);
      expect([
        (split.operations.at(-1) as Conv2dOperation).sources.length,
        count(split, 'upsampledConv2d'),
      ]).toEqual([sources, classes]);
      expect(difference(run(split), run(graph), ['out'])).toBeLessThan(1e-11);
    });

    it.each([
      ['the same level twice', ['a', 'a'], [1, 1], 1],
      ['no level at full resolution', ['c'], [2], 1],
      ['class images with a stride', ['c', 'a'], [2, 1], 2],
      ['more levels than a kernel can bind', ['a', 'b', 'd', 'e', 'f', 'g'], [1, 1, 1, 1, 1, 1], 1],
    ] as const)('is left alone: %s', (_, inputs, scales, stride) => {
      const graph = overLevels(inputs, scales, stride);
      expect(fuse(graph, ['convolveBeforeUpsampling']).operations).toEqual(graph.operations);
    });
  });

  it('fuseStemPool: other stems and poolings are left alone', () => {
    const stem = conv(graph, 'backbone.conv1');
    const padding = { top: 1, left: 1, bottom: 1, right: 1 };
    const [source] = stem.sources;
    const changes: [op: string, members: object][] = [
      ['maxPool', { kernel: 2 }],
      ['maxPool', { stride: 1 }],
      ['maxPool', { padding: { ...padding, bottom: 0 } }],
      [stem.name, { affine: { scale: 1, shift: 0 } }],
      [stem.name, { activation: 'hardswish' }],
      [stem.name, { bias: undefined }],
      [stem.name, { sources: [{ ...source, padding }] }],
      [stem.name, { sources: [source, source] }],
      [stem.name, { residuals: [{ tensor: 'image', kind: 'upsampled' }] }],
      [stem.name, { outChannels: 60 }],
    ];
    for (const [which, members] of changes) {
      const operations = graph.operations.map((operation) =>
        operation.op === which || operation.name === which ? { ...operation, ...members } : operation,
      ) as Graph['operations'];
      const form = fuse({ ...graph, operations }, ['fuseStemPool']);
      expect(count(form, 'stemPool'), JSON.stringify(members)).toBe(0);
    }
  });

  it('leave what they have no identity for', () => {
    const small = smallGraph(true);
    /** The graph with the operations of that name changed. */
    const changed = (name: RegExp, members: object) =>
      ({
        ...small,
        operations: small.operations.map((operation) =>
          name.test(operation.name) ? { ...operation, ...members } : operation,
        ),
      }) as Graph;
    const affine = { affine: { scale: -2, shift: 0.5 } };
    const variants = [
      changed(/^decoder\.(in|out)/, affine),
      changed(/^decoder\.(binarize|thresh)/, affine),
      changed(/^decoder\.binarize/, affine),
      changed(/downsample/, affine),
      changed(/conv2$/, affine),
      changed(/conv1$/, affine),
    ];
    for (const [i, variant] of variants.entries()) {
      const expected = run(variant);
      for (const names of subsets) {
        const found = difference(run(fuse(variant, names)), expected, ['P', 'T']);
        expect(found, `${i}: ${names}`).toBeLessThan(1e-10);
      }
      expect(difference(run(fuse(variant, [], () => 2)), expected, ['P', 'T'])).toBeLessThan(1e-10);
    }
    // Without padding it is no convolution of the size that class images and Winograd's tiles are of.
    const alone = smallGraph(false);
    const padding = { top: 0, left: 0, bottom: 0, right: 0 };
    const unpadded = {
      ...alone,
      operations: alone.operations.map((operation) =>
        operation.op === 'conv2d'
          ? { ...operation, sources: operation.sources.map((source) => ({ ...source, padding })) }
          : operation,
      ),
    };
    for (const name of ['composeNeck', 'convolveBeforeUpsampling', 'fuseStemPool'] as const) {
      expect(fuse(unpadded, [name]).operations).toEqual(unpadded.operations);
    }
    expect(fuse(unpadded, [], () => 2).operations).toEqual(unpadded.operations);
  });

  it('fuseStemPool: neither the stem nor the pooling, unless the stem is wanted', () => {
    const fused = fuse(graph, ['fuseStemPool']);
    expect([count(fused, 'stemPool'), count(fused, 'maxPool')]).toEqual([1, 0]);
    const wanted = { ...graph, outputs: [...graph.outputs, 'stem'] };
    expect(count(fuse(wanted, ['fuseStemPool']), 'stemPool')).toBe(0);
  });

  it('packMask: a mask, where the features are one tensor', () => {
    expect(fuse(graph, ['packMask']).outputs).toEqual(['P', 'T', 'B']);
    expect(fuse(graph, ['mergeHeads', 'packMask']).outputs).toEqual(['P', 'T', 'B', 'mask']);
    expect(fuse(fullGraph(false), ['packMask']).outputs).toEqual(['P', 'mask']);
  });

  it('winograd: the convolutions that the rule chooses', () => {
    const asked: string[] = [];
    const form = fuse(graph, allFusions, ({ name, outChannels }) => {
      asked.push(`${name} ${outChannels}`);
      return outChannels === 128 && name.startsWith('backbone') ? 2 : undefined;
    });
    expect(asked).toContain('backbone.layer1.0.conv1 64');
    expect(asked).not.toContain('backbone.layer2.0.conv1 128');
    expect(count(form, 'winogradInput')).toBe(3);
    expect(count(form, 'winogradOutput')).toBe(3);
    expect(count(form, 'winogradProducts')).toBe(3);
    // A shortcut is fused where its convolution stays plain.
    expect(form.operations.filter(({ name }) => name.endsWith('+shortcut')).length).toBe(2);
    expect(fuse(graph, [], () => undefined).operations).toEqual(graph.operations);
  });

  it('never fuse away a stage that is wanted', () => {
    const stages = ['C2', 'C3', 'C4', 'C5', 'P5', 'P4', 'P3', 'P2', 'fuse', 'stem', 'in2'];
    const small = smallGraph(true);
    const wanted = { ...small, outputs: [...small.outputs, ...stages] };
    const [fused, plain] = [run(fuse(wanted)), run(small)];
    for (const stage of stages) {
      const [found, expected] = [fused.get(stage), plain.get(stage)!];
      expect(found?.length, stage).toBe(expected.length);
      for (let i = 0; i < expected.length; i++) expect(Math.abs(found![i] - expected[i])).toBeLessThan(1e-10);
    }
  });
});

describe('composePointwise', () => {
  it('is the product of the two over the channels between, tap by tap', () => {
    const [out, middle, input] = [3, 5, 2];
    const outer = Float64Array.from(randomFloats(out * middle * 9, 1));
    const inner = Float64Array.from(randomFloats(middle * input, 2));
    const composed = composePointwise(outer, inner, out, middle);
    expect(composed.length).toBe(out * input * 9);
    for (let o = 0; o < out; o++) {
      for (let i = 0; i < input; i++) {
        for (let tap = 0; tap < 9; tap++) {
          let sum = 0;
          for (let m = 0; m < middle; m++) sum += outer[(o * middle + m) * 9 + tap] * inner[m * input + i];
          expect(composed[(o * input + i) * 9 + tap]).toBeCloseTo(sum, 12);
        }
      }
    }
  });
});
