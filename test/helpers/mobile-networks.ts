/**
 * @file PP-OCR's mobile detectors as networks, for tests: version 4 (PP-LCNetV3 with affines, RSE-FPN) and version 6
 * small (PP-LCNetV4 with shortcuts and GELU, large depthwise windows in the neck). `narrow` divides the channels.
 */

import type { Network } from '../../src/graph/graph.ts';
import type { ChannelGateOperation } from '../../src/graph/operations/channel-gate.ts';
import type { Conv2dOperation } from '../../src/graph/operations/conv2d.ts';
import type { DepthwiseConv2dOperation } from '../../src/graph/operations/depthwise-conv2d.ts';
import type { Operation } from '../../src/graph/operations/index.ts';

const same = (kernel: number) => {
  const before = Math.floor((kernel - 1) / 2);
  const after = kernel - 1 - before;
  return { top: before, left: before, bottom: after, right: after };
};

type Rest<O> = Partial<O> & { kernel?: number; stride?: number };

function conv(
  output: string,
  input: string,
  [inChannels, outChannels]: readonly [number, number],
  { kernel = 1, stride = 1, ...rest }: Rest<Conv2dOperation> = {},
): Conv2dOperation {
  const source = { tensor: input, weight: `${output}.weight`, inChannels, kernel, stride };
  return {
    op: 'conv2d',
    name: output,
    output,
    sources: [{ ...source, padding: same(kernel) }],
    outChannels,
    residuals: [],
    activation: 'none',
    ...rest,
  };
}

const depthwise = (
  output: string,
  input: string,
  channels: number,
  { kernel = 3, ...rest }: Rest<DepthwiseConv2dOperation> = {},
): DepthwiseConv2dOperation => ({
  op: 'depthwiseConv2d',
  name: output,
  output,
  input,
  weight: `${output}.weight`,
  channels,
  kernel,
  stride: 1,
  padding: same(kernel),
  activation: 'none',
  ...rest,
});

const gate = (
  output: string,
  input: string,
  channels: number,
  rest: Pick<ChannelGateOperation, 'slope' | 'shortcut'>,
): ChannelGateOperation => ({
  op: 'channelGate',
  name: output,
  output,
  input,
  channels,
  hidden: Math.max(1, Math.floor(channels / 4)),
  reduce: { weight: `${output}.reduce.weight`, bias: `${output}.reduce.bias` },
  expand: { weight: `${output}.expand.weight`, bias: `${output}.expand.bias` },
  ...rest,
});

/** Laterals with gates, top-down additions, levels by `level`, concatenation, and a head for P. */
function neckAndHead(
  inputs: readonly (readonly [tensor: string, channels: number])[],
  channels: number,
  level: (name: string, input: string) => Operation[],
): Operation[] {
  const gated = { slope: 0.2, shortcut: true };
  const laterals = inputs.flatMap(([tensor, count], i) => [
    conv(`insert${i}.conv`, tensor, [count, channels]),
    gate(i === 3 ? 'P3' : `insert${i}`, `insert${i}.conv`, channels, gated),
  ]);
  const additions = [2, 1, 0].map((i) => ({
    op: 'upsampleAdd' as const,
    ...{ name: `P${i}`, output: `P${i}`, lateral: `insert${i}`, top: `P${i + 1}` },
  }));
  const quarter = channels / 4;
  const levels = [0, 1, 2, 3].flatMap((i) => [
    ...level(`input${i}.conv`, `P${i}`),
    gate(`input${i}`, `input${i}.conv`, quarter, gated),
  ]);
  return [
    ...laterals,
    ...additions,
    ...levels,
    {
      op: 'upsampleConcat',
      ...{ name: 'fuse', output: 'fuse', inputs: ['input3', 'input2', 'input1', 'input0'] },
      scales: [8, 4, 2, 1],
    },
    conv('features', 'fuse', [channels, quarter], { kernel: 3, norm: 'features.norm', activation: 'relu' }),
    {
      op: 'dbHead',
      ...{ name: 'head', outputs: ['P'], features: ['features'], channels: quarter, k: 50 },
      heads: [
        {
          up1: { weight: 'up1.weight', bias: 'up1.bias', norm: 'up1.norm' },
          up2: { weight: 'up2.weight', bias: 'up2.bias' },
        },
      ],
    },
  ];
}

/** PP-OCRv4's mobile detector; v5's is the same. */
export function ppOcrV4(narrow = 1): Network {
  const of = (channels: number) => Math.ceil(channels / narrow);
  const stages: [kernel: number, out: number, stride: number, gated?: boolean][][] = [
    [[3, 32, 1]],
    [3, 3].map((kernel, i) => [kernel, 48, i === 0 ? 2 : 1]),
    [3, 3].map((kernel, i) => [kernel, 96, i === 0 ? 2 : 1]),
    [3, 5, 5, 5, 5].map((kernel, i) => [kernel, 192, i === 0 ? 2 : 1]),
    [0, 1, 2, 3].map((i) => [5, 384, i === 0 ? 2 : 1, i < 2]),
  ];
  const rep = (stride: number) => ({
    activation: stride === 2 ? ('none' as const) : ('hardswish' as const),
    affine: { scale: 0.9, shift: 0.1 },
  });
  let [x, channels] = ['stem', of(16)];
  const operations: Operation[] = [
    conv('stem', 'image', [3, channels], { kernel: 3, stride: 2, norm: 'stem.norm' }),
  ];
  const laterals: [string, number][] = [];
  stages.forEach((blocks, stage) => {
    blocks.forEach(([kernel, out, stride, gated], block) => {
      const name = `stage${stage}.${block}`;
      const bias = `${name}.depthwise.bias`;
      operations.push(depthwise(`${name}.depthwise`, x, channels, { kernel, stride, bias, ...rep(stride) }));
      x = `${name}.depthwise`;
      if (gated) {
        operations.push(gate(`${name}.gate`, x, channels, { slope: 1 / 6, shortcut: false }));
        x = `${name}.gate`;
      }
      operations.push(conv(name, x, [channels, of(out)], { bias: `${name}.bias`, ...rep(1) }));
      [x, channels] = [name, of(out)];
    });
    if (stage === 0) return;
    const out = of([12, 18, 42, 360][stage - 1]);
    operations.push(conv(`layer${stage}`, x, [channels, out], { bias: `layer${stage}.bias` }));
    laterals.push([`layer${stage}`, out]);
  });
  const neck = 4 * of(24);
  const level = (name: string, input: string) => [conv(name, input, [neck, neck / 4], { kernel: 3 })];
  return {
    input: 'image',
    operations: [...operations, ...neckAndHead(laterals, neck, level)],
    outputs: ['P'],
  };
}

/** PP-OCRv6's small detector. */
export function ppOcrV6(narrow = 1): Network {
  const of = (channels: number) => Math.ceil(channels / narrow);
  const [m, c] = [of(24), of(48)];
  const relu = (output: string) => ({ norm: `${output}.norm`, activation: 'relu' as const });
  const operations: Operation[] = [
    conv('stem1', 'image', [3, m], { kernel: 3, stride: 2, ...relu('stem1') }),
    conv('stem2a', 'stem1', [m, m / 2], { kernel: 2, ...relu('stem2a') }),
    conv('stem2b', 'stem2a', [m / 2, m], { kernel: 2, ...relu('stem2b') }),
    { op: 'maxPool', name: 'pool', output: 'pool', input: 'stem1', kernel: 2, stride: 1, padding: same(2) },
    { op: 'upsampleConcat', name: 'both', output: 'both', inputs: ['pool', 'stem2b'], scales: [1, 1] },
    conv('stem3', 'both', [2 * m, m], { kernel: 3, stride: 2, ...relu('stem3') }),
    conv('stem4', 'stem3', [m, c], relu('stem4')),
  ];
  let [x, channels] = ['stem4', c];
  const laterals: [string, number][] = [];
  [
    [48, [1, 0]],
    [96, [0, 1, 0]],
    [192, [0, 1, 0, 1, 0]],
    [384, [0, 1, 0]],
  ].forEach(([width, gates], stage) => {
    (gates as number[]).forEach((gated, block) => {
      const name = `stage${stage}.${block}`;
      const out = of(width as number);
      const stride = stage > 0 && block === 0 ? 2 : 1;
      const token = `${name}.token`;
      const rest = stride === 2 ? { norm: `${token}.norm` } : { bias: `${token}.bias` };
      operations.push(depthwise(token, x, channels, { stride, ...rest }));
      x = token;
      if (gated === 1) {
        operations.push(gate(`${name}.gate`, x, channels, { slope: 1 / 6, shortcut: false }));
        x = `${name}.gate`;
      }
      const wide = `${name}.wide`;
      operations.push(
        conv(wide, x, [channels, 2 * channels], { norm: `${wide}.norm`, activation: 'gelu' }),
        conv(name, wide, [2 * channels, out], {
          norm: `${name}.norm`,
          residuals: stride === 1 ? [{ tensor: x, kind: 'same' }] : [],
        }),
      );
      [x, channels] = [name, out];
    });
    laterals.push([x, channels]);
  });
  const neck = 4 * of(24);
  const level = (name: string, input: string) => [
    depthwise(`${name}.wide`, input, neck, { kernel: 7, bias: `${name}.wide.bias` }),
    conv(name, `${name}.wide`, [neck, neck / 4]),
  ];
  return {
    input: 'image',
    operations: [...operations, ...neckAndHead(laterals, neck, level)],
    outputs: ['P'],
  };
}
