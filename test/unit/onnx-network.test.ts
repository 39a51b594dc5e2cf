/**
 * @file Networks from ONNX graphs in spellings of every kind: each is computed by the operators' definitions, in f64, and
 * as the network that it was taken for.
 */

import { describe, expect, it } from 'vitest';
import { DBNetError } from '../../src/errors.ts';
import { type Network, parameterShapes } from '../../src/graph/graph.ts';
import { readNetwork, writeNetwork } from '../../src/graph/network-json.ts';
import { readCheckpoint } from '../../src/models/checkpoint.ts';
import type { OnnxAttribute, OnnxModel, OnnxTensor } from '../../src/onnx/model.ts';
import { networkOfOnnx, type OnnxNetwork } from '../../src/onnx/network.ts';
import { readOnnx } from '../../src/onnx/read.ts';
import { random, randomFloats } from '../gpu/assert.ts';
import { interpretGraph } from '../helpers/interpret-graph.ts';
import { writeOnnx } from '../helpers/onnx-file.ts';
import { evaluateOnnx, OnnxGraph, onnxTensor } from '../helpers/onnx-graph.ts';
import { errorOf } from './safetensors-helpers.ts';

const size = { width: 64, height: 32 };
const pixels = size.width * size.height;
const image = Float64Array.from(randomFloats(3 * pixels, 7, -1, 1));

/** The maps of a network by the definitions of our operations. */
function mapsOf({ network, float32 }: OnnxNetwork): Float64Array[] {
  const tensors = interpretGraph({ ...network, parameters: float32 }, size, image);
  return network.outputs.map((name) => tensors.get(name)!);
}

/** The outputs of a graph by the definitions of ONNX, which has channels first. */
function outputsOf(model: OnnxModel): Float64Array[] {
  const planes = image.map((_, i) => image[(i % pixels) * 3 + Math.floor(i / pixels)]);
  const input = { shape: [1, 3, size.height, size.width], data: planes };
  return evaluateOnnx(model, input).map(({ data }) => data);
}

/** Parameters are f32. */
const tolerance = 2e-6;

function expectClose(found: Float64Array, expected: Float64Array): void {
  expect(found.length).toBe(expected.length);
  const difference = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i])), 0);
  expect(difference).toBeLessThan(tolerance);
}

/** The network of a graph, after both were computed and found equal. */
function agreeing(model: OnnxModel): OnnxNetwork {
  const found = networkOfOnnx(model);
  const { network, tensors } = found;
  const written = readNetwork(writeNetwork(network));
  expect([...parameterShapes(written)].map(String).sort()).toEqual(
    [...tensors].map(([name, { shape }]) => String([name, shape])).sort(),
  );
  const [P, ...others] = outputsOf(model);
  const mean = P.reduce((sum, value) => sum + value / P.length, 0);
  const variance = P.reduce((sum, value) => sum + (value - mean) ** 2 / P.length, 0);
  expect(Math.sqrt(variance), 'a map that is not flat').toBeGreaterThan(0.03);
  const maps = mapsOf(found);
  [P, ...others].forEach((output, i) => {
    expectClose(maps[i], output);
  });
  return found;
}

/** The graph of a small DBNet: stem, what is tested on 8 channels at half of the size, features, head. */
function graphAround(
  body: (graph: OnnxGraph, x: string) => string,
  {
    opset = 13,
    asNodes = false,
    channels = 8,
    stride = 2,
    stem = (graph: OnnxGraph, x: string) => graph.node('Relu', [x]),
  } = {},
): OnnxModel {
  const graph = new OnnxGraph({ opset, asNodes });
  const x = stem(graph, graph.conv('image', [3, 8], { strides: [2, 2] }));
  const y = graph.conv(body(graph, x), [channels, 6], { strides: [stride, stride] });
  return graph.model(graph.head(graph.node('Relu', [y]), 6));
}

/** The operations of the tested part and after it, without the head. */
const operationsOf = ({ network }: OnnxNetwork) =>
  network.operations.map((operation) => {
    const activation = 'activation' in operation ? operation.activation : undefined;
    return [operation.op, ...(activation ? [activation] : [])].join(' ');
  });

const plain = ['conv2d relu', 'conv2d relu', 'dbHead'];
const around = (...operations: readonly string[]) => ['conv2d relu', ...operations, 'conv2d relu', 'dbHead'];

type Body = (graph: OnnxGraph, x: string) => string;

/** Checks spellings of one thing: each agrees, and is the operations that it should be. */
function checkSpellings(
  spellings: Readonly<Record<string, Body>>,
  expected: readonly string[],
  options: Parameters<typeof graphAround>[1] = {},
): void {
  for (const [name, body] of Object.entries(spellings)) {
    it(name, () => {
      expect(operationsOf(agreeing(graphAround(body, options)))).toEqual(expected);
    });
  }
}

/** `Clip`, whose bounds are inputs from opset 11 on. */
function clip(graph: OnnxGraph, x: string, low?: number, high?: number): string {
  if (graph.opset >= 11) {
    const bounds = [low, high].map((bound) => (bound === undefined ? '' : graph.number(bound)));
    return graph.node('Clip', [x, ...bounds]);
  }
  return graph.node('Clip', [x], {
    ...(low === undefined ? {} : { min: low }),
    ...(high === undefined ? {} : { max: high }),
  });
}

/** Followed by a convolution, which makes what comes next one with it. */
const afterConv =
  (body: Body): Body =>
  (graph, x) =>
    body(graph, graph.conv(x, [8, 8]));

const mul = (graph: OnnxGraph, a: string, b: string) => graph.node('Mul', [a, b]);
const add = (graph: OnnxGraph, a: string, b: string) => graph.node('Add', [a, b]);
const div = (graph: OnnxGraph, a: string, b: string) => graph.node('Div', [a, b]);

describe('hard swish', () => {
  const relu6 = (graph: OnnxGraph, x: string) => clip(graph, add(graph, x, graph.number(3)), 0, 6);
  const spellings: Record<string, Body> = {
    HardSwish: (graph, x) => graph.node('HardSwish', [x]),
    'x Clip(x + 3, 0, 6) / 6': (graph, x) => div(graph, mul(graph, x, relu6(graph, x)), graph.number(6)),
    'Clip(3 + x, 0, 6) x * (1 / 6)': (graph, x) => {
      const clipped = clip(graph, add(graph, graph.number(3), x), 0, 6);
      return mul(graph, graph.number(1 / 6), mul(graph, clipped, x));
    },
    'x (Clip(x + 3, 0, 6) / 6)': (graph, x) => mul(graph, x, div(graph, relu6(graph, x), graph.number(6))),
    '(x / 6) Clip(x + 3, 0, 6)': (graph, x) => mul(graph, div(graph, x, graph.number(6)), relu6(graph, x)),
    'HardSigmoid(x) x': (graph, x) =>
      mul(graph, graph.node('HardSigmoid', [x], { alpha: Math.fround(1 / 6), beta: 0.5 }), x),
    'x Min(Relu(x + 3), 6) / 6': (graph, x) => {
      const rectified = graph.node('Relu', [add(graph, x, graph.number(3))]);
      return div(graph, mul(graph, x, graph.node('Min', [rectified, graph.number(6)])), graph.number(6));
    },
    'x Min(6, Max(0, x + 3)) / 6': (graph, x) => {
      const rectified = graph.node('Max', [graph.number(0), add(graph, x, graph.number(3))]);
      return div(graph, mul(graph, x, graph.node('Min', [graph.number(6), rectified])), graph.number(6));
    },
  };
  const expected = around('conv2d hardswish');
  describe('after a convolution', () => {
    checkSpellings(
      Object.fromEntries(Object.entries(spellings).map(([name, body]) => [name, afterConv(body)])),
      expected,
    );
  });
  describe('with bounds as attributes', () => {
    const { 'x Clip(x + 3, 0, 6) / 6': old } = spellings;
    checkSpellings({ 'opset 9': afterConv(old) }, expected, { opset: 9 });
  });
  describe('after a batch norm that a convolution takes up, and with an affine before and after', () => {
    const affine: Body = (graph, x) =>
      add(graph, mul(graph, graph.tensor([1], [-0.7]), x), graph.tensor([1], [0.4]));
    checkSpellings(
      Object.fromEntries(
        Object.entries(spellings).map(([name, body]) => [
          name,
          afterConv((graph, x) => affine(graph, body(graph, affine(graph, graph.norm(x, 8))))),
        ]),
      ),
      expected,
    );
  });
  describe('of a tensor that others read too', () => {
    checkSpellings(
      {
        shared: (graph, x) => graph.node('Concat', [x, spellings.HardSwish(graph, x)], { axis: 1 }),
      },
      around('depthwiseConv2d hardswish', 'upsampleConcat'),
      { channels: 16 },
    );
  });
});

describe('GELU', () => {
  const root = Math.SQRT2;
  const erf = (graph: OnnxGraph, x: string) => graph.node('Erf', [div(graph, x, graph.number(root))]);
  const one = (graph: OnnxGraph, x: string) => add(graph, erf(graph, x), graph.number(1));
  const half = (graph: OnnxGraph, x: string) => mul(graph, x, graph.number(0.5));
  checkSpellings(
    {
      Gelu: afterConv((graph, x) => graph.node('Gelu', [x])),
      '(x (erf(x / sqrt 2) + 1)) / 2': afterConv((graph, x) => half(graph, mul(graph, x, one(graph, x)))),
      '(x / 2) (erf + 1)': afterConv((graph, x) => mul(graph, half(graph, x), one(graph, x))),
      '((1 + erf) / 2) x': afterConv((graph, x) => mul(graph, half(graph, one(graph, x)), x)),
      'erf of a product': afterConv((graph, x) => {
        const inner = graph.node('Erf', [mul(graph, graph.number(Math.SQRT1_2), x)]);
        return half(graph, mul(graph, add(graph, graph.number(1), inner), x));
      }),
      'after a batch norm': afterConv((graph, x) => {
        const normed = graph.norm(x, 8);
        return mul(graph, one(graph, normed), half(graph, normed));
      }),
    },
    around('conv2d gelu'),
    { opset: 20 },
  );
});

describe('ReLU', () => {
  checkSpellings(
    {
      Relu: afterConv((graph, x) => graph.node('Relu', [x])),
      'Clip from 0 on': afterConv((graph, x) => clip(graph, x, 0)),
      'Clip from 0 to the largest f32': afterConv((graph, x) => clip(graph, x, 0, 3.4028234e38)),
      'Max(x, 0)': afterConv((graph, x) => graph.node('Max', [x, graph.number(0)])),
      'Max(0, x)': afterConv((graph, x) => graph.node('Max', [graph.number(0), x])),
    },
    around('conv2d relu'),
  );
});

describe('squeeze-and-excitation', () => {
  type Gate = (graph: OnnxGraph, x: string) => string;
  const layers = (graph: OnnxGraph, mean: string, hidden = 3): string => {
    const reduced = graph.node('Relu', [graph.conv(mean, [8, hidden], { kernel: 1 })]);
    return graph.conv(reduced, [hidden, 8], { kernel: 1 });
  };
  const pooled = (graph: OnnxGraph, x: string) => graph.node('GlobalAveragePool', [x]);
  const hardSigmoid =
    (alpha: number, beta = 0.5): Gate =>
    (graph, x) =>
      graph.node('HardSigmoid', [layers(graph, pooled(graph, x))], { alpha, beta });
  const gates: Record<string, { gate: Gate; slope: number }> = {
    'HardSigmoid, slope 0.2': { gate: hardSigmoid(0.2), slope: 0.2 },
    'HardSigmoid, slope 1/6': { gate: hardSigmoid(1 / 6), slope: 1 / 6 },
    'HardSigmoid with another offset': { gate: hardSigmoid(0.2, 0.3), slope: 0.2 },
    'Clip(0.2 y + 0.5, 0, 1)': {
      gate: (graph, x) => {
        const scaled = mul(graph, layers(graph, pooled(graph, x)), graph.number(0.2));
        return clip(graph, add(graph, scaled, graph.number(0.5)), 0, 1);
      },
      slope: 0.2,
    },
    'Clip(y + 3, 0, 6) / 6': {
      gate: (graph, x) => {
        const clipped = clip(graph, add(graph, layers(graph, pooled(graph, x)), graph.number(3)), 0, 6);
        return div(graph, clipped, graph.number(6));
      },
      slope: 1 / 6,
    },
    ReduceMean: {
      gate: (graph, x) => {
        const mean = graph.node('ReduceMean', [x], { axes: [-1, -2], keepdims: 1 });
        return graph.node('HardSigmoid', [layers(graph, mean)]);
      },
      slope: 0.2,
    },
    'norms within': {
      gate: (graph, x) => {
        const first = graph.norm(graph.conv(pooled(graph, x), [8, 5], { kernel: 1, bias: false }), 5);
        const second = graph.conv(graph.node('Relu', [first]), [5, 8], { kernel: 1 });
        return graph.node('HardSigmoid', [graph.norm(second, 8)]);
      },
      slope: 1,
    },
  };
  for (const [name, { gate, slope }] of Object.entries(gates)) {
    it(name, () => {
      const bodies: [Body, boolean][] = [
        [(graph, x) => mul(graph, x, gate(graph, x)), false],
        [(graph, x) => mul(graph, gate(graph, x), x), false],
        [(graph, x) => add(graph, x, mul(graph, x, gate(graph, x))), true],
        [(graph, x) => add(graph, mul(graph, gate(graph, x), x), x), true],
      ];
      for (const [body, shortcut] of bodies) {
        const found = agreeing(graphAround(body));
        expect(operationsOf(found)).toEqual(around('channelGate'));
        const operation = found.network.operations[1];
        expect(operation).toMatchObject({ channels: 8, shortcut });
        expect('slope' in operation && operation.slope).toBeCloseTo(slope, 6);
      }
    });
  }

  it('added to another tensor than its own', () => {
    const body: Body = (graph, x) => {
      const gated = mul(graph, x, hardSigmoid(0.2)(graph, x));
      return add(graph, gated, graph.conv(x, [8, 8], { kernel: 1 }));
    };
    expect(operationsOf(agreeing(graphAround(body)))).toEqual(around('channelGate', 'conv2d none'));
  });

  it('whose mean is of opset 18', () => {
    const body: Body = (graph, x) => {
      const mean = graph.node('ReduceMean', [x, graph.ints(2, 3)]);
      return mul(graph, x, graph.node('HardSigmoid', [layers(graph, mean)]));
    };
    expect(operationsOf(agreeing(graphAround(body, { opset: 18 })))).toEqual(around('channelGate'));
  });
});

describe('padding', () => {
  const input = (graph: OnnxGraph) => graph.conv('image', [3, 8], { strides: [2, 2] });
  const rest = (graph: OnnxGraph, x: string) => {
    const features = graph.node('Relu', [graph.conv(x, [8, 6], { strides: [2, 2] })]);
    return graph.model(graph.head(features, 6));
  };
  /** A 2x2 convolution that keeps the size, padded on the right and at the bottom. */
  const even: Record<string, (graph: OnnxGraph, x: string) => string> = {
    'pads of the convolution': (graph, x) => graph.conv(x, [8, 8], { kernel: 2, pads: [0, 0, 1, 1] }),
    'auto_pad SAME_UPPER': (graph, x) => graph.conv(x, [8, 8], { kernel: 2, auto_pad: 'SAME_UPPER' }),
    'Pad before': (graph, x) => {
      const pads = [0, 0, 0, 0, 0, 0, 1, 1];
      const padded =
        graph.opset < 11
          ? graph.node('Pad', [x], { pads })
          : graph.node('Pad', [x, graph.ints(...pads), graph.number(0)], { mode: 'constant' });
      return graph.conv(padded, [8, 8], { kernel: 2, pads: [0, 0, 0, 0] });
    },
  };
  for (const [name, conv] of Object.entries(even)) {
    for (const opset of [9, 13]) {
      it(`${name}, opset ${opset}`, () => {
        const graph = new OnnxGraph({ opset });
        const { network } = agreeing(rest(graph, conv(graph, graph.node('Relu', [input(graph)]))));
        expect(network.operations[1]).toMatchObject({
          sources: [{ kernel: 2, padding: { top: 0, left: 0, bottom: 1, right: 1 } }],
        });
      });
    }
  }

  it('SAME_LOWER, and SAME with a stride', () => {
    const graph = new OnnxGraph();
    const lower = graph.conv(graph.node('Relu', [input(graph)]), [8, 8], {
      kernel: 2,
      auto_pad: 'SAME_LOWER',
    });
    const strided = graph.conv(lower, [8, 6], { auto_pad: 'SAME_UPPER', strides: [2, 2] });
    const { network } = agreeing(graph.model(graph.head(graph.node('Relu', [strided]), 6)));
    expect(network.operations[1]).toMatchObject({
      sources: [{ padding: { top: 1, left: 1, bottom: 0, right: 0 } }],
    });
    expect(network.operations[2]).toMatchObject({
      sources: [{ padding: { top: 0, left: 0, bottom: 1, right: 1 } }],
    });
  });

  it('of some axes, opset 18', () => {
    const graph = new OnnxGraph({ opset: 18 });
    const x = graph.node('Relu', [input(graph)]);
    const padded = graph.node('Pad', [x, graph.ints(1, 0, 0, 1), '', graph.ints(-1, 2)]);
    const { network } = agreeing(rest(graph, graph.conv(padded, [8, 8], { kernel: 2, pads: [0, 0, 0, 0] })));
    expect(network.operations[1]).toMatchObject({
      sources: [{ padding: { top: 0, left: 1, bottom: 1, right: 0 } }],
    });
  });

  /** A 2x2 maximum of stride 1, as in PP-LCNetV4. */
  const pool = { kernel_shape: [2, 2], strides: [1, 1] };
  const pad = (graph: OnnxGraph, x: string, value: number) =>
    graph.node('Pad', [x, graph.ints(0, 0, 0, 0, 0, 0, 1, 1), graph.number(value)]);
  const pools: Record<string, Body> = {
    'MaxPool with pads': (graph, x) => graph.node('MaxPool', [x], { ...pool, pads: [0, 0, 1, 1] }),
    'MaxPool with auto_pad': (graph, x) => graph.node('MaxPool', [x], { ...pool, auto_pad: 'SAME_UPPER' }),
    'MaxPool of zeros around ReLU': (graph, x) => graph.node('MaxPool', [pad(graph, x, 0)], pool),
    'MaxPool of minus infinity around': (graph, x) => graph.node('MaxPool', [pad(graph, x, -3.4e38)], pool),
  };
  describe('of a maximum', () => {
    checkSpellings(pools, around('maxPool'));
  });

  it('of a maximum with zeros is refused where something is below zero', () => {
    const model = graphAround(pools['MaxPool of zeros around ReLU'], { stem: (_, x) => x });
    expect(refusal(model)).toContain('MaxPool "v');
  });
});

describe('upsampling', () => {
  const scales = (factor: number) => [1, 1, factor, factor];
  const asymmetric = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' };
  type Spelling = {
    opset: number;
    up: (graph: OnnxGraph, x: string, like: string, factor: number) => string;
  };
  const sizeFrom = (graph: OnnxGraph, like: string, x: string) => {
    const hw = graph.node('Slice', [graph.node('Shape', [like]), graph.ints(2), graph.ints(4)]);
    const nc = graph.node('Slice', [graph.node('Shape', [x]), graph.ints(0), graph.ints(2)]);
    return graph.node('Concat', [nc, hw], { axis: 0 });
  };
  const spellings: Record<string, Spelling> = {
    'Upsample of opset 9': {
      opset: 9,
      up: (graph, x, _, factor) =>
        graph.node('Upsample', [x, graph.tensor([4], scales(factor))], { mode: 'nearest' }),
    },
    'Resize of opset 10': {
      opset: 10,
      up: (graph, x, _, factor) => graph.node('Resize', [x, graph.tensor([4], scales(factor))]),
    },
    'Resize of opset 11 with scales, asymmetric': {
      opset: 11,
      up: (graph, x, _, factor) =>
        graph.node('Resize', [x, graph.tensor([0], []), graph.tensor([4], scales(factor))], asymmetric),
    },
    'Resize of opset 13, half_pixel': {
      opset: 13,
      up: (graph, x, _, factor) => graph.node('Resize', [x, '', graph.tensor([4], scales(factor))]),
    },
    'Resize of opset 18 with axes': {
      opset: 18,
      up: (graph, x, _, factor) =>
        graph.node('Resize', [x, '', graph.tensor([2], [factor, factor])], { ...asymmetric, axes: [2, 3] }),
    },
    'Resize to the size of another tensor': {
      opset: 13,
      up: (graph, x, like) => graph.node('Resize', [x, '', '', sizeFrom(graph, like, x)], asymmetric),
    },
    'Resize to the size of another tensor, one side at a time': {
      opset: 11,
      up(graph, x, like) {
        const side = (axis: number) =>
          graph.node(
            'Unsqueeze',
            [graph.node('Gather', [graph.node('Shape', [like]), graph.tensor([], [axis], 'INT64')])],
            { axes: [0] },
          );
        const wanted = graph.node('Concat', [graph.ints(1, 8), side(2), side(3)], { axis: 0 });
        return graph.node('Resize', [x, '', '', wanted], asymmetric);
      },
    },
  };
  for (const [name, { opset, up }] of Object.entries(spellings)) {
    it(name, () => {
      const graph = new OnnxGraph({ opset });
      const conv = (x: string, stride = 2) =>
        graph.node('Relu', [graph.conv(x, [8, 8], { strides: [stride, stride] })]);
      const c2 = conv(graph.node('Relu', [graph.conv('image', [3, 8], { strides: [2, 2] })]));
      const c3 = conv(c2);
      const c4 = conv(c3);
      const p3 = add(graph, graph.conv(c3, [8, 8], { kernel: 1 }), up(graph, c4, c3, 2));
      const p2 = add(graph, up(graph, p3, c2, 2), c2);
      const fused = graph.node('Concat', [up(graph, c4, c2, 4), up(graph, p3, c2, 2), p2], { axis: 1 });
      const features = graph.node('Relu', [graph.conv(fused, [24, 6])]);
      const found = agreeing(graph.model(graph.head(features, 6)));
      const { operations } = found.network;
      expect(operations.filter(({ op }) => op === 'upsampleAdd')).toHaveLength(2);
      expect(operations.find(({ op }) => op === 'upsampleConcat')).toMatchObject({ scales: [4, 2, 1] });
    });
  }

  it('in two steps is in one', () => {
    const graph = new OnnxGraph();
    const c2 = graph.conv(graph.conv('image', [3, 8], { strides: [2, 2] }), [8, 8], { strides: [2, 2] });
    const c4 = graph.conv(graph.conv(c2, [8, 8], { strides: [2, 2] }), [8, 8], { strides: [2, 2] });
    const twice = () => graph.tensor([4], scales(2));
    const up = graph.node(
      'Resize',
      [graph.node('Resize', [c4, '', twice()], asymmetric), '', twice()],
      asymmetric,
    );
    const features = graph.conv(graph.node('Concat', [up, c2], { axis: 1 }), [16, 6]);
    const { network } = agreeing(graph.model(graph.head(graph.node('Relu', [features]), 6)));
    expect(network.operations.find(({ op }) => op === 'upsampleConcat')).toMatchObject({ scales: [4, 1] });
  });

  it('of a fixed size, and of a factor that is no operation of its own', () => {
    const graph = new OnnxGraph();
    const c2 = graph.conv(graph.conv('image', [3, 8], { strides: [2, 2] }), [8, 8], { strides: [2, 2] });
    const c4 = graph.conv(graph.conv(c2, [8, 8], { strides: [2, 2] }), [8, 8], { strides: [2, 2] });
    const up = graph.node('Resize', [c4, '', '', graph.ints(1, 8, 8, 16)], asymmetric);
    const sum = graph.node('Relu', [add(graph, up, graph.conv(c2, [8, 8]))]);
    const alone = graph.conv(
      graph.node('Resize', [c4, '', graph.tensor([4], scales(4))], asymmetric),
      [8, 8],
    );
    const both = graph.node('Concat', [sum, alone], { axis: 1 });
    const features = graph.node('Relu', [graph.conv(both, [16, 6])]);
    const { network, metadata } = agreeing(graph.model(graph.head(features, 6), { shape: [1, 3, 32, 64] }));
    const { operations } = network;
    expect(operations.some((conv) => conv.op === 'conv2d' && conv.residuals[0]?.kind === 'upsampled')).toBe(
      true,
    );
    expect(JSON.parse(metadata.input).size).toEqual({ rule: 'fixed', width: 64, height: 32 });
  });
});

describe('what a convolution takes up', () => {
  const perChannel = (graph: OnnxGraph, shape: readonly number[]) => graph.random(shape, 0.3, 1.2);
  checkSpellings(
    {
      'a batch norm with its own epsilon': afterConv((graph, x) => graph.norm(x, 8, { epsilon: 0.02 })),
      'a factor and a summand per channel': afterConv((graph, x) => {
        const scaled = mul(graph, perChannel(graph, [8, 1, 1]), x);
        return add(graph, scaled, perChannel(graph, [1, 8, 1, 1]));
      }),
      'a difference and a quotient': afterConv((graph, x) => {
        const shifted = graph.node('Sub', [x, perChannel(graph, [1, 8, 1, 1])]);
        return div(graph, shifted, perChannel(graph, [1, 8, 1, 1]));
      }),
      'a constant minus it': afterConv((graph, x) =>
        graph.node('Sub', [graph.tensor([1, 1, 1, 1], [0.4]), x]),
      ),
      'its negative': afterConv((graph, x) => graph.node('Neg', [x])),
      'Identity, Cast and Dropout': afterConv((graph, x) =>
        graph.node('Dropout', [graph.node('Cast', [graph.node('Identity', [x])], { to: 1 })]),
      ),
      'a sum of three': afterConv((graph, x) =>
        graph.node('Sum', [graph.number(0.2), x, perChannel(graph, [8, 1, 1])]),
      ),
    },
    around('conv2d none'),
  );

  describe('a depthwise one too', () => {
    const depthwise: Body = (graph, x) => graph.conv(x, [8, 8], { kernel: 5, group: 8, bias: false });
    checkSpellings(
      {
        'a batch norm, hard swish': (graph, x) =>
          graph.node('HardSwish', [graph.norm(depthwise(graph, x), 8)]),
      },
      around('depthwiseConv2d hardswish'),
      { opset: 14 },
    );
  });

  describe('a residual', () => {
    const conv: Body = (graph, x) => graph.norm(graph.conv(x, [8, 8]), 8);
    checkSpellings(
      {
        'of the input': (graph, x) => graph.node('Relu', [add(graph, conv(graph, x), x)]),
        'in the other order': (graph, x) => graph.node('Relu', [add(graph, x, conv(graph, x))]),
      },
      around('conv2d relu'),
    );
    checkSpellings(
      {
        'and a norm after the sum': (graph, x) =>
          graph.node('Relu', [graph.norm(add(graph, x, conv(graph, x)), 8)]),
      },
      around('depthwiseConv2d none', 'conv2d relu'),
    );
    checkSpellings(
      {
        'of an inverted block, whose end has no activation': (graph, x) => {
          const wide = graph.node('HardSwish', [
            graph.norm(graph.conv(x, [8, 12], { kernel: 1, bias: false }), 12),
          ]);
          const deep = graph.node('Relu', [graph.conv(wide, [12, 12], { kernel: 5, group: 12 })]);
          return add(graph, x, graph.conv(deep, [12, 8], { kernel: 1 }));
        },
      },
      around('conv2d hardswish', 'depthwiseConv2d relu', 'conv2d none'),
      { opset: 14 },
    );
    checkSpellings(
      {
        'of a projection': (graph, x) =>
          graph.node('Relu', [
            add(
              graph,
              conv(graph, graph.node('Relu', [conv(graph, x)])),
              graph.conv(x, [8, 8], { kernel: 1 }),
            ),
          ]),
      },
      around('conv2d relu', 'conv2d none', 'conv2d relu'),
    );
  });

  it('nothing that others read as well', () => {
    const body: Body = (graph, x) => {
      const raw = graph.conv(x, [8, 8]);
      const normed = graph.norm(raw, 8);
      const rectified = graph.node('Relu', [raw]);
      return graph.node('Concat', [normed, rectified, raw, graph.node('Neg', [rectified])], { axis: 1 });
    };
    const found = agreeing(graphAround(body, { channels: 32 }));
    const all = operationsOf(found);
    expect(all.filter((operation) => operation.startsWith('conv2d'))).toHaveLength(3);
    expect(all.filter((operation) => operation.startsWith('depthwiseConv2d')).length).toBeGreaterThan(1);
  });

  it('what precedes a norm without a convolution is computed as it stands', () => {
    const body: Body = (graph, x) => graph.conv(graph.node('Relu', [graph.norm(x, 8)]), [8, 8]);
    expect(operationsOf(agreeing(graphAround(body)))).toEqual(around('depthwiseConv2d relu', 'conv2d none'));
  });
});

describe('the end of the graph', () => {
  const features = (graph: OnnxGraph) => {
    const x = graph.node('Relu', [graph.conv('image', [3, 8], { strides: [2, 2] })]);
    return graph.node('Relu', [graph.conv(x, [8, 6], { strides: [2, 2] })]);
  };

  it('may have a norm, a bias as a sum, and no sigmoid', () => {
    const graph = new OnnxGraph();
    const first = graph.up(features(graph), [6, 6], false);
    const biased = add(graph, first, graph.random([1, 6, 1, 1]));
    const relu = graph.node('Relu', [graph.norm(biased, 6)]);
    const logits = add(graph, graph.up(relu, [6, 1], false), graph.random([1, 1, 1, 1]));
    const [expected] = outputsOf(graph.model(graph.node('Sigmoid', [logits])));
    expectClose(mapsOf(networkOfOnnx(graph.model(logits)))[0], expected);
    agreeing(graph.model(graph.node('Sigmoid', [logits])));
  });

  it('may give P and T, or P, T and B in two spellings', () => {
    const graph = new OnnxGraph();
    const shared = features(graph);
    const [P, T] = [graph.head(shared, 6), graph.head(shared, 6)];
    const difference = graph.node('Sub', [P, T]);
    const B = graph.node('Sigmoid', [mul(graph, difference, graph.number(8))]);
    const exponential = graph.node('Exp', [mul(graph, graph.number(-8), difference)]);
    const sum = add(graph, graph.number(1), exponential);
    for (const outputs of [
      [P, T],
      [P, T, B],
      [P, T, graph.node('Reciprocal', [sum])],
      [P, T, div(graph, graph.number(1), sum)],
    ]) {
      const { network } = agreeing(graph.model(outputs));
      expect(network.outputs).toEqual(['P', 'T', 'B']);
      expect(network.operations.at(-1)).toMatchObject({ k: outputs.length === 2 ? 50 : 8 });
    }
    const negative = add(graph, graph.node('Neg', [T]), P);
    agreeing(graph.model([P, T, graph.node('Sigmoid', [mul(graph, graph.number(8), negative)])]));
    const lopsided = graph.node('Sub', [P, mul(graph, T, graph.number(0.5))]);
    expect(refusal(graph.model([P, T, graph.node('Sigmoid', [lopsided])]))).toContain('in a DB head');
    // The same map under two names.
    expect(networkOfOnnx(graph.model([P, graph.node('Identity', [P])])).network.outputs).toEqual(['P']);
    // P is what B has with a plus.
    expect(networkOfOnnx(graph.model([T, P, B])).network).toEqual(
      networkOfOnnx(graph.model([P, T, B])).network,
    );
  });
});

/** A graph with a bit of everything. */
function mixedModel(options: { opset?: number; asNodes?: boolean } = {}): OnnxModel {
  return graphAround(
    (graph, x) => {
      const y = graph.node('HardSwish', [graph.norm(graph.conv(x, [8, 8], { group: 8 }), 8)]);
      const z = graph.conv(y, [8, 8], { kernel: 1 });
      const mean = graph.node('GlobalAveragePool', [z]);
      const hidden = graph.node('Relu', [graph.conv(mean, [8, 2], { kernel: 1 })]);
      const gate = graph.node('HardSigmoid', [graph.conv(hidden, [2, 8], { kernel: 1 })]);
      return add(graph, graph.conv(mul(graph, z, gate), [8, 8], { kernel: 1 }), x);
    },
    { opset: 14, ...options },
  );
}

/** Network and all numbers. */
function contentOf({ network, tensors, float32 }: OnnxNetwork): {
  network: Network;
  numbers: Map<string, Float32Array>;
} {
  return { network, numbers: new Map([...tensors.keys()].map((name) => [name, float32(name)])) };
}

describe('what does not matter', () => {
  const model = mixedModel();
  const expected = contentOf(agreeing(model));

  it('names', () => {
    const renamed = (name: string) => (name === '' ? '' : `backbone/${[...name].reverse().join('.')}`);
    const other: OnnxModel = {
      ...model,
      nodes: model.nodes.map((node) => ({
        ...node,
        name: 'the same for all',
        inputs: node.inputs.map(renamed),
        outputs: node.outputs.map(renamed),
      })),
      initializers: new Map([...model.initializers].map(([name, tensor]) => [renamed(name), tensor])),
      inputs: model.inputs.map((value) => ({ ...value, name: renamed(value.name) })),
      outputs: model.outputs.map((value) => ({ ...value, name: renamed(value.name) })),
    };
    expect(contentOf(networkOfOnnx(other))).toEqual(expected);
  });

  it('the order of nodes', () => {
    const next = random(3);
    const nodes = model.nodes.map((node) => ({ node, key: next() })).sort((a, b) => a.key - b.key);
    expect(contentOf(networkOfOnnx({ ...model, nodes: nodes.map(({ node }) => node) }))).toEqual(expected);
  });

  it('whether weights are initializers or Constant nodes', () => {
    expect(contentOf(networkOfOnnx(mixedModel({ asNodes: true })))).toEqual(expected);
  });

  it.each(['raw', 'typed'] as const)('whether the numbers in a file are raw or typed: %s', (storage) => {
    for (const asNodes of [false, true]) {
      const bytes = writeOnnx(mixedModel({ asNodes }), { data: storage, listed: true });
      expect(contentOf(networkOfOnnx(readOnnx(bytes)))).toEqual(expected);
    }
  });

  it('what is left out has no name, and comes from nowhere', () => {
    const nameless = model.nodes.map((node) =>
      node.op === 'Sigmoid' ? { ...node, outputs: [...node.outputs, ''] } : node,
    );
    const optional = nameless.map((node) =>
      node.op === 'Relu' ? { ...node, op: 'Clip', inputs: [...node.inputs, 'zero', ''] } : node,
    );
    const initializers = new Map([...model.initializers, ['zero', onnxTensor([], [0])]]);
    expect(contentOf(networkOfOnnx({ ...model, nodes: optional, initializers }))).toEqual(expected);
  });

  it('what nobody reads: it is dropped, and named', () => {
    const dead: OnnxModel = {
      ...model,
      nodes: [
        ...model.nodes,
        { op: 'LSTM', domain: '', name: 'dead', inputs: ['v1'], outputs: ['unread'], attributes: new Map() },
      ],
      initializers: new Map([...model.initializers, ['fc.weight', onnxTensor([1], [1])]]),
      inputs: [...model.inputs, { name: 'unused', shape: [1], dtype: 1 }],
    };
    const found = networkOfOnnx(dead);
    expect(contentOf(found)).toEqual(expected);
    expect(found.dropped).toEqual(['fc.weight', 'unread']);
  });

  it('how weights come about from other constants', () => {
    const graph = new OnnxGraph();
    const weight = (shape: readonly number[]) => graph.random(shape, -0.5, 0.5);
    const node = (op: string, inputs: readonly string[], attributes: Record<string, OnnxAttribute> = {}) =>
      graph.node(op, inputs, attributes);
    const transposed = node('Transpose', [weight([3, 3, 3, 8])], { perm: [3, 2, 0, 1] });
    const image = graph.node('Conv', ['image', node('Identity', [transposed])], {
      pads: [1, 1, 1, 1],
      strides: [2, 2],
    });
    const halves = node('Concat', [weight([2, 8, 3, 3]), weight([4, 8, 3, 3])], { axis: 0 });
    // Rows 11, 9, ... 1; both columns in the other order, of which the second.
    const bounds = [-1, -9e15, 0, -2].map((bound) => graph.ints(bound));
    const sliced = node('Slice', [weight([12, 2]), ...bounds]);
    const swapped = node('Gather', [sliced, graph.ints(1, 0)], { axis: 1 });
    const bias = node('Gather', [swapped, graph.tensor([], [1], 'INT64')], { axis: 1 });
    const model = graph.model(
      graph.head(
        graph.node('Relu', [
          graph.node('Conv', [graph.node('Relu', [image]), node('Mul', [halves, graph.number(2)]), bias], {
            pads: [1, 1, 1, 1],
            strides: [2, 2],
          }),
        ]),
        6,
      ),
    );
    const found = networkOfOnnx(model);
    const numbers = (name: string) => model.initializers.get(name)!.numbers();
    const stored = [...model.initializers.keys()];
    // [kernel, kernel, in, out] to [out, in, kernel, kernel]
    expect(found.float32('conv1.weight')[1]).toBe(numbers(stored[0])[24]);
    expect(found.float32('conv2.weight')[2 * 72]).toBe(2 * numbers(stored[2])[0]);
    const rows = stored.find((name) => String(model.initializers.get(name)!.shape) === '12,2')!;
    expect([...found.float32('conv2.bias')]).toEqual(
      [11, 9, 7, 5, 3, 1].map((row) => numbers(rows)[2 * row]),
    );
  });
});

it('reads halves, and what exporters write around them', () => {
  const inHalves = graphAround((graph, x) => {
    const wide = graph.node('Cast', [graph.conv(x, [8, 8])], { to: 1 });
    const scaled = mul(graph, wide, clip(graph, add(graph, wide, graph.number(3)), 0, 6));
    return mul(graph, graph.node('Cast', [scaled], { to: 10 }), graph.number(0.16662598));
  });
  const rounded = readOnnx(writeOnnx(inHalves, { data: 'half' }));
  expect([...rounded.initializers.values()].every(({ dtype }) => dtype === 'FLOAT16')).toBe(true);
  expect(operationsOf(agreeing(rounded))).toEqual(around('conv2d hardswish'));
});

function refusal(model: OnnxModel): string {
  return errorOf('incompatible-weights', () => networkOfOnnx(model)).message;
}

describe('what is refused', () => {
  const bodies: Record<string, { body: Body; says: string; opset?: number }> = {
    'an unknown operator': {
      body: (g, x) => g.node('LSTM', [x]),
      says: '1 node that no known DBNet has: LSTM "v',
    },
    'one of another domain': {
      body: (g, x) => g.node('Relu', [x], {}, 'com.microsoft'),
      says: 'of the domain "com.microsoft"',
    },
    'GELU by tanh': {
      body: (g, x) => g.node('Gelu', [x], { approximate: 'tanh' }),
      says: "approximate 'tanh'",
    },
    'a dilated convolution': { body: (g, x) => g.conv(x, [8, 8], { dilations: [2, 2] }), says: 'dilations' },
    'a grouped one': { body: (g, x) => g.conv(x, [8, 8], { group: 2 }), says: '2 groups of 8 channels' },
    'an oblong kernel': {
      body: (g, x) => g.node('Conv', [x, g.random([8, 8, 1, 7])]),
      says: 'a kernel of [1,7]',
    },
    'unequal strides': { body: (g, x) => g.conv(x, [8, 8], { strides: [1, 2] }), says: 'strides of [1,2]' },
    'weights of another width': { body: (g, x) => g.conv(x, [4, 8]), says: 'weights for 4 channels of 8' },
    'bilinear upsampling': {
      body: (g, x) => g.node('Resize', [x, '', g.tensor([4], [1, 1, 2, 2])], { mode: 'linear' }),
      says: "mode 'linear': only nearest",
    },
    'a fractional factor': {
      body: (g, x) => g.node('Resize', [x, '', g.tensor([4], [1, 1, 1.5, 1.5])]),
      says: 'scales [1.5,1.5]',
    },
    'nearest with aligned corners': {
      body: (g, x) =>
        g.node('Resize', [x, '', g.tensor([4], [1, 1, 2, 2])], {
          coordinate_transformation_mode: 'align_corners',
        }),
      says: 'does not repeat every pixel',
    },
    'nearest that is half a pixel off': {
      body: (g, x) => g.node('Resize', [x, '', g.tensor([4], [1, 1, 2, 2])], { nearest_mode: 'floor' }),
      says: 'does not repeat every pixel',
    },
    'a hard swish with something added': {
      body: (g, x) => mul(g, x, add(g, g.node('HardSigmoid', [x], { alpha: 1 / 6 }), g.number(0.3))),
      says: 'a product that is no hard swish',
    },
    'a quotient that is nearly a sigmoid': {
      body: (g, x) => g.node('Reciprocal', [add(g, g.number(1), mul(g, g.number(2), g.node('Exp', [x])))]),
      says: 'a quotient that is no sigmoid',
    },
    'a product of tensors': {
      body: (g, x) => g.node('Mul', [x, x]),
      says: 'a product that is no hard swish',
    },
    'a sum of two depthwise convolutions': {
      body: (g, x) => add(g, g.conv(x, [8, 8], { group: 8 }), g.conv(x, [8, 8], { group: 8 })),
      says: 'a sum of which no part',
    },
    'a sigmoid in between': { body: (g, x) => g.node('Sigmoid', [x]), says: 'not the end of a DB head' },
    'a relu6': { body: (g, x) => clip(g, g.conv(x, [8, 8]), 0, 6), says: 'a clamp outside' },
    'a transposed convolution in between': { body: (g, x) => g.up(x, [8, 8]), says: 'outside of a DB head' },
    'a padding that reflects': {
      body: (g, x) => g.node('Pad', [x, g.ints(0, 0, 1, 1, 0, 0, 1, 1)], { mode: 'reflect' }),
      says: "mode 'reflect'",
    },
    'a padding of ones': {
      body: (g, x) =>
        g.conv(g.node('Pad', [x, g.ints(0, 0, 1, 1, 0, 0, 1, 1), g.number(1)]), [8, 8], {
          pads: [0, 0, 0, 0],
        }),
      says: 'a padding of 1',
    },
    'a norm that trains': { body: (g, x) => g.norm(x, 8, { training_mode: 1 }), says: 'training_mode' },
    'numbers per pixel': {
      body: (g, x) => add(g, x, g.random([1, 8, 16, 32])),
      says: 'not one number per channel',
    },
    'weights that are computed': {
      body: (g, x) => g.node('Conv', [x, x]),
      says: 'an input 1 that is no constant',
    },
    'tensors of different sizes': {
      body: (g, x) => add(g, x, g.conv(x, [8, 8], { strides: [2, 2] })),
      says: 'different shapes',
    },
    'factors that are not finite': { body: (g, x) => mul(g, x, g.number(Number.NaN)), says: 'not finite' },
    'an input that is not there': {
      body: (g, x) => add(g, x, 'nowhere'),
      says: 'an input "nowhere" that nothing writes',
    },
    'constants from nowhere': {
      body: (g, x) => add(g, x, g.node('ConstantOfShape', [g.ints(1, 8, 30000, 30000)])),
      says: 'larger than what the file holds',
    },
    'constants that double': {
      body: (g, x) => {
        let doubled = g.tensor([4], [1, 2, 3, 4]);
        for (let i = 0; i < 60; i++) doubled = g.node('Concat', [doubled, doubled], { axis: 0 });
        return add(g, x, doubled);
      },
      says: 'larger than what the file holds',
    },
  };
  for (const [name, { body, says, opset }] of Object.entries(bodies)) {
    it(name, () => {
      const message = refusal(graphAround(body, { opset }));
      expect(message).toContain('ONNX file: expected the graph of a DBNet, found ');
      expect(message).toContain(says);
    });
  }

  it('all nodes at once, the first eight by name', () => {
    const model = graphAround((graph, x) => {
      const all = Array.from({ length: 11 }, (_, i) => graph.node(`Op${i}`, [x]));
      return graph.node('Concat', all, { axis: 1 });
    });
    const message = refusal(model);
    expect(message).toContain('11 nodes that no known DBNet has: Op0');
    expect(message).toContain('Op7');
    expect(message).toContain('and 3 more');
    expect(message).not.toContain('Op8');
  });

  it('a graph without the head, whatever stands in its place', () => {
    const graph = new OnnxGraph();
    const x = graph.node('Relu', [graph.conv('image', [3, 8], { strides: [2, 2] })]);
    expect(refusal(graph.model(graph.conv(x, [8, 1])))).toContain('a graph that ends in a DB head');
    expect(refusal(graph.model(['image']))).toContain('none that is used');
    expect(refusal(graph.model([]))).toContain('none that is used');
    const classes = graph.node('Gemm', [graph.node('Flatten', [graph.node('GlobalAveragePool', [x])])]);
    expect(refusal(graph.model(graph.node('Softmax', [classes])))).toMatch(
      /3 nodes .* Flatten .* Gemm .* Softmax .* and no transposed convolution/,
    );
    const P = graph.head(graph.node('Relu', [graph.conv(x, [8, 6], { strides: [2, 2] })]), 6);
    expect(refusal(graph.model([P, x]))).toContain('a graph that ends in a DB head');
  });

  it('another input than one image of floats', () => {
    const model = mixedModel();
    const [image] = model.inputs;
    const withInput = (change: object) => refusal({ ...model, inputs: [{ ...image, ...change }] });
    expect(withInput({ dtype: 2 })).toContain('type 2 of TensorProto');
    expect(withInput({ shape: [1, 1, 32, 32] })).toContain('found "image" of shape [1,1,32,32]');
    expect(withInput({ shape: [1, 3, 32] })).toContain('[N, 3, H, W]');
    expect(withInput({ shape: [4, 3, 32, 32] })).toContain('a batch of 1');
    expect(withInput({ shape: [1, 3, 48, 32] })).toContain('multiples of 32, found 32x48');
    const graph = new OnnxGraph();
    const sum = add(graph, 'image', 'other');
    const two = graph.model(sum);
    expect(refusal({ ...two, inputs: [...two.inputs, { name: 'other', shape: [1], dtype: 1 }] })).toContain(
      'found 2 ("image", "other")',
    );
    expect(
      networkOfOnnx({ ...model, inputs: [{ ...image, shape: undefined, dtype: 10 }] }).network,
    ).toBeDefined();
    expect(
      networkOfOnnx({ ...model, inputs: [{ ...image, shape: ['N', 'C', 'H', -1] }] }).network,
    ).toBeDefined();
  });

  it('an image that the graph prepares itself', () => {
    const graph = new OnnxGraph();
    const prepared = div(graph, graph.node('Sub', ['image', graph.random([1, 3, 1, 1])]), graph.number(255));
    const x = graph.conv(graph.conv(prepared, [3, 8], { strides: [2, 2] }), [8, 6], { strides: [2, 2] });
    expect(refusal(graph.model(graph.head(x, 6)))).toContain('prepares its image itself');
  });

  it('circles', () => {
    const model = mixedModel();
    const later = model.nodes[4].outputs[0];
    const circle = model.nodes.map((node, i) =>
      i === 2 ? { ...node, inputs: [later, ...node.inputs.slice(1)] } : node,
    );
    expect(refusal({ ...model, nodes: circle })).toContain('a circle through');
  });

  it('long chains and many ways without running out of stack or time', () => {
    const relus = (graph: OnnxGraph, x: string) => {
      let y = x;
      for (let i = 0; i < 15_000; i++) y = graph.node('Relu', [y]);
      return y;
    };
    expect(operationsOf(networkOfOnnx(graphAround(relus)))).toEqual(plain);
    const gates = (graph: OnnxGraph, x: string) => {
      let y = x;
      for (let i = 0; i < 15_000; i++) y = graph.node('HardSwish', [y]);
      return y;
    };
    const many = networkOfOnnx(graphAround(gates));
    expect(errorOf('incompatible-weights', () => readCheckpoint(many)).message).toContain('at most 4096');
    const sums = (graph: OnnxGraph, x: string) => {
      let y = x;
      for (let i = 0; i < 200; i++) y = add(graph, y, y);
      return graph.node('MaxPool', [graph.node('Pad', [y, graph.ints(0, 0, 0, 0, 0, 0, 1, 1)])], {
        kernel_shape: [2, 2],
      });
    };
    expect(refusal(graphAround(sums))).toContain('a sum of which no part');
    expect(refusal(graphAround((graph, x) => relus(graph, relus(graph, x))))).toContain(
      'at most 20000 nodes',
    );
  });
});

describe('graphs that are not quite right', () => {
  const next = random(11);
  const whole = (below: number) => Math.floor(next() * below);
  const any = <T>(values: readonly T[]): T => values[whole(values.length)];
  const numbers = [-1, 0, 1, 2, 3, 4, 0.5, 1e9, -1e9, Number.NaN];

  /** Changes the order, an input, an operator, an attribute or a constant of some nodes. */
  function mutate(model: OnnxModel): OnnxModel {
    const nodes = model.nodes.map((node) => ({ ...node, attributes: new Map(node.attributes) }));
    const initializers = new Map(model.initializers);
    const names = [...nodes.flatMap(({ outputs }) => outputs), ...initializers.keys(), 'image', ''];
    for (let i = whole(2); i >= 0; i--) {
      const node = any(nodes);
      const kind = whole(6);
      if (kind === 0) node.inputs = node.inputs.map((name) => (whole(2) === 0 ? name : any(names)));
      else if (kind === 1) node.op = any(nodes).op;
      else if (kind === 2) node.inputs = node.inputs.slice(0, whole(node.inputs.length));
      else if (kind === 3) {
        const list = Array.from({ length: whole(6) }, () => any(numbers));
        const value = any<OnnxAttribute>([any(numbers), list, 'SAME_UPPER', onnxTensor([list.length], list)]);
        const keys = [
          ...node.attributes.keys(),
          'axis',
          'strides',
          'pads',
          'auto_pad',
          'group',
          'alpha',
          'axes',
        ];
        node.attributes.set(any(keys), value);
      } else if (kind === 4) {
        const shape = Array.from({ length: whole(5) }, () => any([0, 1, 2, 6, 8]));
        const count = shape.reduce((product, side) => product * side, 1);
        initializers.set(
          any([...initializers.keys()]),
          onnxTensor(shape, new Float32Array(count).fill(any(numbers))),
        );
      } else nodes.splice(whole(nodes.length), 1);
    }
    return { ...model, nodes, initializers };
  }

  it('are refused in words, or are networks in order', () => {
    const models = [mixedModel(), mixedModel({ asNodes: true })];
    const refusals = new Set<string>();
    let accepted = 0;
    for (let i = 0; i < 4000; i++) {
      const mutant = mutate(any(models));
      let found: OnnxNetwork;
      try {
        found = networkOfOnnx(mutant);
      } catch (error) {
        expect(error).toBeInstanceOf(DBNetError);
        refusals.add((error as DBNetError).message.replaceAll(/[\d"wv.]+/g, ''));
        continue;
      }
      accepted++;
      readNetwork(writeNetwork(found.network));
      for (const [name, { shape }] of found.tensors) {
        expect(found.float32(name)).toHaveLength(shape.reduce((product, side) => product * side, 1));
      }
    }
    expect(accepted).toBeGreaterThan(300);
    expect(refusals.size).toBeGreaterThan(100);
  });
});

describe('metadata', () => {
  it('of PP-OCR with hard swish, of PP-OCR with GELU, of a ResNet', () => {
    const recipes = [
      {
        model: mixedModel(),
        rule: { rule: 'limit', side: 'long', value: 960, longest: 4000, multipleOf: 32 },
        threshold: 0.3,
      },
      {
        model: graphAround(afterConv((graph, x) => graph.node('Gelu', [x]))),
        rule: { rule: 'limit', side: 'short', value: 736, longest: 4000, multipleOf: 32 },
        threshold: 0.2,
      },
    ];
    for (const { model, rule, threshold } of recipes) {
      const { metadata } = networkOfOnnx(model);
      const input = JSON.parse(metadata.input);
      expect(input).toMatchObject({ channelOrder: 'bgr', size: rule });
      expect(input.mean[0]).toBeCloseTo(123.675, 6);
      expect(input.std[2]).toBeCloseTo(57.375, 6);
      expect(JSON.parse(metadata.postprocess)).toMatchObject({ threshold, minSize: 3 });
    }
    const { metadata } = networkOfOnnx(graphAround((_, x) => x));
    expect(JSON.parse(metadata.input)).toEqual({
      channelOrder: 'bgr',
      mean: [122.67891434, 116.66876762, 104.00698793],
      std: [255, 255, 255],
      size: { rule: 'fixed', width: 736, height: 736 },
    });
    expect(JSON.parse(metadata.postprocess)).toEqual({
      threshold: 0.3,
      boxThreshold: 0.5,
      unclipRatio: 2,
      maxCandidates: 200,
    });
  });
});

it('reads a weight when it is asked for, and no other', () => {
  const model = mixedModel();
  const read: string[] = [];
  const watched = new Map(
    [...model.initializers].map(([name, tensor]): [string, OnnxTensor] => [
      name,
      {
        ...tensor,
        numbers() {
          if (tensor.shape.length === 4) read.push(name);
          return tensor.numbers();
        },
      },
    ]),
  );
  const found = networkOfOnnx({ ...model, initializers: watched });
  expect(read).toEqual([]);
  expect(found.float32('conv1.weight')).toHaveLength(8 * 27);
  expect(read).toEqual([[...model.initializers.keys()][0]]);
  errorOf('invalid-argument', () => found.float32('conv99.weight'));
});

it('names nothing by the file', () => {
  expect(operationsOf(networkOfOnnx(graphAround((_, x) => x)))).toEqual(plain);
  expect(networkOfOnnx(mixedModel()).network.operations.map(({ name }) => name)).toEqual([
    'conv1',
    'depthwise1',
    'conv2',
    'gate1',
    'conv3',
    'conv4',
    'head',
  ]);
});
