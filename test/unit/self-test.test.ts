/** @file What the self test runs and expects, without a device: the plan's own shaders, and numbers by another reference. */

import { describe, expect, it } from 'vitest';
import { chooseFusions, chooseWinograd, defaultChoice } from '../../src/graph/choose-kernels.ts';
import { type Graph, kindOf, type Network } from '../../src/graph/graph.ts';
import { inferShapes } from '../../src/graph/infer-shapes.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { fuse } from '../../src/graph/passes/index.ts';
import { plan } from '../../src/graph/plan.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import { authors, dbNet, mmocr } from '../../src/models/dbnet.ts';
import { resNet18 } from '../../src/models/resnet.ts';
import { resNet50 } from '../../src/models/resnet50.ts';
import { inPieces } from '../../src/pace.ts';
import { formsOf } from '../../src/self-test/forms.ts';
import { outputsByDefinition } from '../../src/self-test/reference.ts';
import { randomFloats } from '../gpu/assert.ts';
import { interpretGraph } from '../helpers/interpret-graph.ts';
import { ppOcrV4, ppOcrV6 } from '../helpers/mobile-networks.ts';
import { smallNetwork, withRandomParameters } from '../helpers/networks.ts';

const input = { source: 4, channelOrder: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] } as const;

/** As it is computed on an adapter. */
function fused(network: Network, software: boolean, precision: Precision = 'f32'): Graph {
  const graph = foldBatchNorm(withRandomParameters(network, 1));
  return fuse(graph, chooseFusions({ software }), (conv) => chooseWinograd(conv, { software }, precision));
}

describe('the forms of a plan', () => {
  it.each([
    ['DB-ResNet-18', dbNet(resNet18(), { thresholdHead: true })],
    ['deformable DB-ResNet-50', dbNet(resNet50(64, authors.deformable[0]), { thresholdHead: false })],
    ["MMOCR's", dbNet(resNet18(64, mmocr.deformable[1]), { thresholdHead: true })],
    ['PP-OCRv4', ppOcrV4()],
    ['PP-OCRv6', ppOcrV6()],
  ])('of %s have its shaders, and no others', async (_, network) => {
    for (const [software, precision] of [
      [true, 'f32'],
      [false, 'f16'],
    ] as const) {
      const graph = fused(network, software, precision);
      const choice = defaultChoice({ software }, precision);
      const made = plan(graph, { width: 992, height: 736 }, input, choice);
      const forms = await inPieces(formsOf(graph, made, choice, { kindOf, inferShapes }, () => true));
      const codes = forms.flatMap(({ steps }) => steps.map(({ kernel }) => kernel.code));
      const all = made.steps.slice(1).map(({ kernel }) => kernel.code);
      expect(new Set(codes)).toEqual(new Set(all));
      expect(forms.length).toBeLessThan(40);
    }
  });
});

describe('the definitions of layers', () => {
  it.each([
    ['a small DBNet', smallNetwork(true, { width: 16, k: 5 })],
    [
      'a deformable one',
      dbNet(resNet18(4, authors.deformable[0]), { neck: 16, head: 4, thresholdHead: false }),
    ],
    ['PP-OCRv4 with few channels', ppOcrV4(7)],
    ['PP-OCRv6 with few channels', ppOcrV6(4)],
  ])('of %s give the same numbers as those of the tests', (_, network) => {
    const size = { width: 64, height: 32 };
    const graph = fused(network, false);
    const shapes = inferShapes(graph, size);
    const tensors = interpretGraph(graph, size, Float64Array.from(randomFloats(3 * 64 * 32, 1)));
    for (const operation of graph.operations) {
      const outputs = outputsByDefinition([operation], {
        get: (name) => tensors.get(name)!,
        shapeOf: (name) => shapes.get(name)!,
        parameter: (name) => graph.parameters(name),
      });
      for (const [i, values] of outputs.entries()) {
        const expected = tensors.get(kindOf(operation).outputs(operation)[i])!;
        const off = values.reduce(
          (most, value, at) => (Number.isNaN(value) ? most : Math.max(most, Math.abs(value - expected[at]))),
          0,
        );
        expect(values.length, operation.name).toBe(expected.length);
        expect(values.filter((value) => !Number.isNaN(value)).length, operation.name).toBeGreaterThan(
          values.length / 64,
        );
        expect(off, operation.name).toBeLessThan(1e-6);
      }
    }
  });
});
