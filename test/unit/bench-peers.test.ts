/** @file The comparison with other libraries, as far as it needs neither them nor a browser. */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkMaps, checkReference } from '../../bench/peers/check.ts';
import type { Outcome } from '../../bench/peers/measure.ts';
import { lowerGraph, type Network } from '../../bench/peers/network.ts';
import { writeOnnx } from '../../bench/peers/onnx.ts';
import { Message } from '../../bench/peers/protobuf.ts';
import { addRatios, formatReport, makeRow } from '../../bench/peers/report.ts';
import { startServer } from '../../bench/peers/server.ts';
import { writeTfjsModel } from '../../bench/peers/tfjs-model.ts';
import { type Network as GraphNetwork, parameterShapes } from '../../src/graph/graph.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { allFusions, fuse } from '../../src/graph/passes/index.ts';
import { fullGraph, fullNetwork } from '../helpers/networks.ts';

type Field = { field: number; value: number | Uint8Array };

/** An independent reader of the wire format: the fields of one message, in order. */
function decode(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const field = key >>> 3;
    if ((key & 7) === 0) fields.push({ field, value: varint() });
    else {
      expect(key & 7).toBe(2);
      const length = varint();
      fields.push({ field, value: bytes.subarray(at, at + length) });
      at += length;
    }
  }
  return fields;
}

const all = (bytes: Uint8Array, field: number) =>
  decode(bytes)
    .filter((entry) => entry.field === field)
    .map(({ value }) => value);
const messages = (bytes: Uint8Array, field: number) => all(bytes, field) as Uint8Array[];
const texts = (bytes: Uint8Array, field: number) =>
  messages(bytes, field).map((value) => new TextDecoder().decode(value));

/** The real network, with parameters that need no memory to speak of beforehand: every element 0.5. */
function realNetwork(): Network {
  const network = fullNetwork();
  const shapes = parameterShapes(network);
  const parameters = (name: string) =>
    new Float32Array(shapes.get(name)!.reduce((product, side) => product * side, 1)).fill(0.5);
  return lowerGraph(foldBatchNorm({ ...network, parameters }));
}

/** One convolution 2 to 3 channels and one transposed one, numbered parameters. */
const tiny: Network = {
  input: 'image',
  outputs: ['y'],
  steps: [
    {
      op: 'conv',
      input: 'image',
      output: 'x',
      weight: 'w',
      bias: 'b',
      kernel: 3,
      stride: 2,
      padding: 1,
      relu: true,
    },
    { op: 'convTranspose', input: 'x', output: 'y', weight: 'u', bias: 'c', relu: false },
  ],
  parameters: new Map([
    ['w', { shape: [3, 2, 3, 3], data: Float32Array.from({ length: 54 }, (_, i) => i) }],
    ['b', { shape: [3], data: Float32Array.of(1, 2, 3) }],
    ['u', { shape: [3, 1, 2, 2], data: Float32Array.from({ length: 12 }, (_, i) => i) }],
    ['c', { shape: [1], data: Float32Array.of(4) }],
  ]),
};

describe('protobuf', () => {
  it('encodes the examples of its documentation', () => {
    expect([...new Message().int(1, 150).finish()]).toEqual([0x08, 0x96, 0x01]);
    expect([...new Message().bytes(2, 'testing').finish()]).toEqual([
      0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67,
    ]);
    expect([...new Message().bytes(3, new Message().int(1, 150)).finish()]).toEqual([
      0x1a, 0x03, 0x08, 0x96, 0x01,
    ]);
  });

  it('encodes lengths of more than 31 bits and refuses what it cannot', () => {
    expect(decode(new Message().int(20, 2 ** 40 + 3).finish())).toEqual([{ field: 20, value: 2 ** 40 + 3 }]);
    expect(() => new Message().int(1, -1)).toThrow(/0 or more, found -1/);
  });
});

describe('the network for the peers', () => {
  it('has the operations and parameters of DB-ResNet-18', () => {
    const network = realNetwork();
    const count = (op: string) => network.steps.filter((step) => step.op === op).length;
    expect(
      ['conv', 'convTranspose', 'maxPool', 'upsample', 'add', 'concat', 'sigmoid', 'binarize'].map(count),
    ).toEqual([30, 4, 1, 6, 11, 1, 2, 1]);
    // A ReLU after the stem, the blocks' first convolutions and the heads'; the blocks' second one adds before it.
    const relus = (op: string) =>
      network.steps.filter((step) => step.op === op && 'relu' in step && step.relu).length;
    expect(['conv', 'add', 'convTranspose'].map(relus)).toEqual([11, 8, 2]);
    // Folding leaves of each batch norm a bias, and none where the convolution before it has one already.
    let numbers = 0;
    for (const { shape, data } of network.parameters.values()) {
      expect(data.length).toBe(shape.reduce((product, side) => product * side, 1));
      numbers += data.length;
    }
    expect(numbers).toBe(12_340_930 - 4800 - 2 * 64 - 2 * (64 + 64));
    expect(network.outputs).toEqual(['P', 'T', 'B']);
    const written = new Set([network.input]);
    for (const step of network.steps) {
      const inputs =
        'inputs' in step
          ? step.inputs
          : step.op === 'binarize'
            ? [step.probability, step.threshold]
            : [step.input];
      for (const input of inputs) expect(written).toContain(input);
      written.add(step.output);
    }
  });

  it('refuses a graph that was fused, and operations of other networks', () => {
    const refused = (graph: GraphNetwork) => () => lowerGraph({ ...graph, parameters: () => [] });
    const network = fullGraph(true);
    for (const fusion of allFusions) {
      const fused = fuse(network, [fusion]);
      // Some have nothing to do without those before them.
      if (JSON.stringify(fused.operations) === JSON.stringify(network.operations)) continue;
      expect(refused(fused), fusion).toThrow(/unfused graph .* found operation '/);
    }
    const operations = network.operations.map((operation) =>
      operation.op === 'conv2d' ? { ...operation, activation: 'hardswish' as const } : operation,
    );
    expect(refused({ ...network, operations })).toThrow(/found operation 'backbone.conv1'/);
  });
});

describe('the ONNX file', () => {
  const model = writeOnnx(tiny, { width: 64, height: 32 });
  const [graph] = messages(model, 7);

  it('states its versions, inputs and outputs', () => {
    expect(all(model, 1)).toEqual([8]);
    expect(all(messages(model, 8)[0], 2)).toEqual([17]);
    const shape = (info: Uint8Array) => {
      const [tensorType] = messages(messages(info, 2)[0], 1);
      expect(all(tensorType, 1)).toEqual([1]);
      return messages(messages(tensorType, 2)[0], 1).map((dimension) => all(dimension, 1)[0]);
    };
    expect(messages(graph, 11).map((info) => [texts(info, 1)[0], shape(info)])).toEqual([
      ['image', [1, 3, 32, 64]],
    ]);
    expect(messages(graph, 12).map((info) => [texts(info, 1)[0], shape(info)])).toEqual([
      ['y', [1, 1, 32, 64]],
    ]);
  });

  it('writes nodes with attributes', () => {
    const nodes = messages(graph, 1);
    expect(nodes.map((node) => [texts(node, 4)[0], texts(node, 1), texts(node, 2)])).toEqual([
      ['Conv', ['image', 'w', 'b'], ['x.linear']],
      ['Relu', ['x.linear'], ['x']],
      ['ConvTranspose', ['x', 'u', 'c'], ['y']],
    ]);
    const attributes = messages(nodes[0], 5).map((attribute) => [
      texts(attribute, 1)[0],
      all(attribute, 8),
      all(attribute, 20)[0],
    ]);
    expect(attributes).toEqual([
      ['kernel_shape', [3, 3], 7],
      ['strides', [2, 2], 7],
      ['pads', [1, 1, 1, 1], 7],
    ]);
  });

  it('writes parameters bit by bit, in PyTorch layout', () => {
    const tensors = messages(graph, 5);
    expect(tensors.map((tensor) => [texts(tensor, 8)[0], all(tensor, 1), all(tensor, 2)[0]])).toEqual([
      ['w', [3, 2, 3, 3], 1],
      ['b', [3], 1],
      ['u', [3, 1, 2, 2], 1],
      ['c', [1], 1],
    ]);
    const raw = messages(tensors[0], 9)[0];
    expect(new Float32Array(raw.slice().buffer)).toEqual(tiny.parameters.get('w')!.data);
  });

  it('shares the scales of equal upsampling, and names the steepness', () => {
    const network: Network = {
      input: 'image',
      outputs: ['B'],
      steps: [
        { op: 'upsample', input: 'image', output: 'a', factor: 2 },
        { op: 'upsample', input: 'a', output: 'b', factor: 2 },
        { op: 'binarize', probability: 'a', threshold: 'b', output: 'B', k: 50 },
      ],
      parameters: new Map(),
    };
    const [upsampling] = messages(writeOnnx(network, { width: 32, height: 32 }), 7);
    const tensors = messages(upsampling, 5).map((tensor) => [
      texts(tensor, 8)[0],
      [...new Float32Array(messages(tensor, 9)[0].slice().buffer)],
    ]);
    expect(tensors).toEqual([
      ['upsample.x2', [1, 1, 2, 2]],
      ['B.k', [50]],
    ]);
    expect(texts(messages(upsampling, 1)[0], 1)).toEqual(['image', '', 'upsample.x2']);
    expect(messages(upsampling, 1).flatMap((node) => texts(node, 4))).toEqual([
      'Resize',
      'Resize',
      'Sub',
      'Mul',
      'Sigmoid',
    ]);
  });
});

it('gives TensorFlow.js its own layouts', () => {
  const { model, weights } = writeTfjsModel(tiny);
  const floats = new Float32Array(weights.buffer);
  const { w, u, c } = model.parameters;
  expect([w.shape, u.shape]).toEqual([
    [3, 3, 2, 3],
    [2, 2, 1, 3],
  ]);
  const pytorch = tiny.parameters.get('w')!.data;
  for (let o = 0; o < 3; o++) {
    for (let i = 0; i < 2; i++) {
      for (let y = 0; y < 3; y++) {
        for (let x = 0; x < 3; x++) {
          expect(floats[w.offset + ((y * 3 + x) * 2 + i) * 3 + o]).toBe(
            pytorch[((o * 2 + i) * 3 + y) * 3 + x],
          );
        }
      }
    }
  }
  // [y][x][out][in] of [in][out][y][x]: input 2, position (1, 0).
  expect(floats[u.offset + 2 * 3 + 2]).toBe(2 * 4 + 2);
  expect(floats[c.offset]).toBe(4);
});

describe('the check', () => {
  const maps = (p: number, t: number, b: number) => ({
    P: Float32Array.of(0.5, p),
    T: Float32Array.of(0.5, t),
    B: Float32Array.of(0.5, b),
  });

  it('gives the greatest difference per map, and holds P and T to the tolerance', () => {
    const found = checkMaps(maps(0.25, 0.75, 0.9), maps(0.25, 0.7505, 0.8), 1e-3);
    expect(found.P).toBe(0);
    expect(found.T).toBeCloseTo(5e-4, 6);
    expect(found.B).toBeCloseTo(0.1, 6);
    expect(() => checkMaps(maps(0.26, 0, 0), maps(0.25, 0, 0), 1e-3)).toThrow(/wrong P: .*1\.00e-2/);
    expect(() => checkMaps(maps(0, 0.26, 0), maps(0, 0.25, 0), 1e-3)).toThrow(/wrong T/);
  });

  it('refuses NaN in any map, and missing numbers', () => {
    expect(() => checkMaps(maps(0, 0, Number.NaN), maps(0, 0, 0), 1e-3)).toThrow(/wrong B: found NaN/);
    expect(() => checkMaps({ ...maps(0, 0, 0), T: new Float32Array(1) }, maps(0, 0, 0), 1)).toThrow(
      /wrong T: expected 2 numbers, found 1/,
    );
  });

  it('refuses a reference that zeros would agree with', () => {
    expect(() => checkReference(maps(0.5, 0, 0))).toThrow(/all but constant/);
    expect(() => checkReference(maps(Number.NaN, 0, 0))).toThrow(/NaN/);
    expect(() => checkReference(maps(0.9, 0, 0))).not.toThrow();
  });
});

describe('the report', () => {
  const outcome = (id: string, run: number, total: number, more: Partial<Outcome> = {}): Outcome => ({
    spec: { id, name: `name of ${id}`, package: 'p', page: '/' },
    cold: [{ load: 1, create: 2, first: total - 3, total }],
    steady: [{ prepare: 1, run }],
    fetched: [],
    ...more,
  });
  const bytes = (gzip: number) => ({ code: [{ file: 'a.js', raw: 2 * gzip, gzip }], weights: [] });
  const rows = addRatios([
    makeRow(outcome('ours', 100, 1000), '0.1.0', bytes(50_000)),
    makeRow(outcome('ours-detect', 90, 800), '0.1.0', bytes(50_000)),
    makeRow(outcome('ort-webgpu', 700, 4000), '1.2.3', bytes(6_000_000)),
    makeRow(outcome('tfjs-webgpu', 0, 3, { error: 'no adapter', cold: [], steady: [] }), '4.5.6', bytes(0)),
  ]);

  it('divides by ours', () => {
    expect(rows[2].ratios).toEqual({ latency: 7, coldStart: 4, coldStartToRegions: 5, codeGzip: 120 });
    expect(rows[0].ratios?.latency).toBe(1);
  });

  it('keeps a contender that failed, with its reason', () => {
    expect(rows[3]).toEqual({
      id: 'tfjs-webgpu',
      name: 'name of tfjs-webgpu',
      version: '4.5.6',
      status: 'error',
      error: 'no adapter',
    });
  });

  it('is a table for people', () => {
    const text = formatReport({
      format: 'dbnet-webgpu-peers/1',
      date: '',
      size: { width: 64, height: 32 },
      image: 'sign.jpg',
      digests: { weights: '', pixels: '' },
      adapter: { name: 'some adapter', software: true },
      browser: { version: 'Chrome/1', flags: [] },
      machine: { platform: 'x', cpu: 'some cpu', cores: 2, loadBefore: 0, loadAfter: 1 },
      versions: {},
      tolerance: 1e-3,
      samples: { least: 2, most: 10, budgetSeconds: 60 },
      rows,
    });
    expect(text).toMatch(/some adapter \(software: these are times of a CPU\)/);
    expect(text).toMatch(/name of ort-webgpu 1\.2\.3 .* 700 .* 7\.00 .* 4000 .* 4\.00/);
    expect(text).toMatch(/name of tfjs-webgpu 4\.5\.6 .* error: no adapter/);
    expect(text).toContain(
      '7.0x as fast; cold start to first maps 25 % of its time, to first regions (detect()) 20 %; ' +
        'code, gzipped, 0.83 % of its bytes.',
    );
  });
});

it('serves isolated pages without caching, and records what was fetched', async () => {
  const server = await startServer(new Map([['/code/a.mjs', 'export {};']]));
  try {
    const response = await fetch(`${server.origin}/code/a.mjs?x=1`);
    expect(await response.text()).toBe('export {};');
    expect(response.headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(response.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect((await fetch(`${server.origin}/other`)).status).toBe(404);
    expect(server.takeFetched()).toEqual(['/code/a.mjs']);
    expect(server.takeFetched()).toEqual([]);
  } finally {
    await server.close();
  }
});

it('says what to install where the peers are missing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'peers-'));
  try {
    const start = join(folder, 'bench/peers/start.mjs');
    cpSync(fileURLToPath(new URL('../../bench/peers/start.mjs', import.meta.url)), start, {
      recursive: true,
    });
    const { status, stderr } = spawnSync(process.execPath, [start], { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toMatch(/onnxruntime-web/);
    expect(stderr).toMatch(/npm --prefix bench\/peers ci/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
