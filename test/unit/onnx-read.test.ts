/** @file The ONNX reader: what it reads in whichever form, and what it refuses. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DBNetError } from '../../src/errors.ts';
import type { OnnxAttribute, OnnxModel, OnnxTensor } from '../../src/onnx/model.ts';
import { readOnnx } from '../../src/onnx/read.ts';
import { bytesOf, type OnnxStyle, writeOnnx, writeTensor } from '../helpers/onnx-file.ts';
import { Message } from '../helpers/protobuf.ts';
import { errorOf, seededRandom } from './safetensors-helpers.ts';

const invalid = (bytes: Uint8Array): string => errorOf('invalid-onnx', () => readOnnx(bytes)).message;

const tensor = (dtype: string, shape: readonly number[], values: readonly number[]): OnnxTensor => ({
  dtype,
  shape,
  size: values.length,
  numbers: () => Float64Array.from(values),
});

const attributes: [string, OnnxAttribute][] = [
  ['alpha', 0.25],
  ['axis', -1],
  ['group', 0],
  ['mode', 'nearest'],
  ['pads', [0, 1, 300, 2 ** 40, -7]],
  ['none', []],
  ['scales', [0.5, 2.5]],
  ['names', ['a', 'é']],
  ['value', tensor('INT64', [2], [-3, 2 ** 40])],
];

const model: OnnxModel = {
  opset: 13,
  producer: 'a test',
  nodes: [
    {
      op: 'Conv',
      domain: '',
      name: 'first',
      inputs: ['image', 'w'],
      outputs: ['y'],
      attributes: new Map(attributes),
    },
    { op: 'Own', domain: 'com.example', name: '', inputs: ['y', ''], outputs: ['z'], attributes: new Map() },
  ],
  initializers: new Map([
    ['w', tensor('FLOAT', [2, 1, 1, 2], [1, -2, 0.5, 0])],
    ['empty', tensor('FLOAT', [0], [])],
    ['scalar', tensor('INT64', [], [5])],
  ]),
  inputs: [{ name: 'image', shape: [1, 3, 'height', undefined], dtype: 1 }],
  outputs: [{ name: 'z', shape: undefined, dtype: 1 }],
};

/** With numbers in place of what reads them. */
const plain = (value: OnnxAttribute | undefined) =>
  typeof value === 'object' && 'numbers' in value
    ? { shape: value.shape, dtype: value.dtype, numbers: [...value.numbers()] }
    : value;

describe('readOnnx', () => {
  it.each<OnnxStyle>([
    {},
    { packed: true },
    { data: 'typed' },
    { data: 'typed', packed: true },
    { listed: true },
  ])('reads all of a model written as %o', (style) => {
    const read = readOnnx(writeOnnx(model, style));
    expect(read).toMatchObject({
      opset: 13,
      producer: 'a test',
      inputs: model.inputs,
      outputs: model.outputs,
    });
    expect(read.nodes.map(({ attributes: _, ...node }) => node)).toEqual(
      model.nodes.map(({ attributes: _, ...node }) => node),
    );
    const found = read.nodes[0].attributes;
    expect([...found.keys()]).toEqual(attributes.map(([name]) => name));
    for (const [name, value] of attributes) expect(plain(found.get(name)), name).toEqual(plain(value));
    expect([...read.initializers].map(([name, value]) => [name, plain(value)])).toEqual(
      [...model.initializers].map(([name, value]) => [name, plain(value)]),
    );
  });

  it('reads halves, at any address', () => {
    const file = writeOnnx(model, { data: 'half' });
    for (let shift = 0; shift < 4; shift++) {
      const moved = new Uint8Array(file.length + shift);
      moved.set(file, shift);
      const { initializers } = readOnnx(moved.subarray(shift));
      expect(plain(initializers.get('w'))).toMatchObject({ dtype: 'FLOAT16', numbers: [1, -2, 0.5, 0] });
    }
  });

  it.each<[string, number, number, Uint8Array | readonly number[], readonly number[]]>([
    ['BFLOAT16', 16, 9, bytesOf(Uint16Array.of(0x3f80, 0xc000)), [1, -2]],
    ['BFLOAT16 as bits', 16, 5, [0x3f80, 0xc000], [1, -2]],
    ['FLOAT16 as bits', 10, 5, [0x3c00, 0xc000], [1, -2]],
    ['DOUBLE', 11, 9, bytesOf(Float64Array.of(0.1, -2e300)), [0.1, -2e300]],
    ['DOUBLE as doubles', 11, 10, bytesOf(Float64Array.of(0.1, -2e300)), [0.1, -2e300]],
    ['INT64', 7, 9, bytesOf(BigInt64Array.of(-1n, 2n ** 62n)), [-1, 2 ** 62]],
    ['INT64 as numbers', 7, 7, [-1, 2 ** 62], [-1, 2 ** 62]],
    ['INT32', 6, 9, bytesOf(Int32Array.of(-1, 7)), [-1, 7]],
    ['INT32 as numbers', 6, 5, [-1, 7], [-1, 7]],
    ['INT16', 5, 9, bytesOf(Int16Array.of(-1, 7)), [-1, 7]],
    ['UINT16', 4, 9, bytesOf(Uint16Array.of(65535, 7)), [65535, 7]],
    ['INT8', 3, 9, Uint8Array.of(255, 7), [-1, 7]],
    ['UINT8', 2, 9, Uint8Array.of(255, 7), [255, 7]],
    ['BOOL', 9, 9, Uint8Array.of(1, 0), [1, 0]],
    ['UINT32', 12, 9, bytesOf(Uint32Array.of(2 ** 32 - 1, 7)), [2 ** 32 - 1, 7]],
    ['UINT32 as numbers', 12, 11, [2 ** 32 - 1, 7], [2 ** 32 - 1, 7]],
    ['UINT64', 13, 9, bytesOf(BigUint64Array.of(2n ** 63n, 7n)), [2 ** 63, 7]],
  ])('reads %s', (_, type, field, data, expected) => {
    const message = new Message().int(1, 2).int(2, type);
    if (data instanceof Uint8Array) message.bytes(field, data);
    else message.packed(field, data);
    const { initializers } = readOnnx(withInitializer(message.bytes(8, 'x')));
    expect([...initializers.get('x')!.numbers()]).toEqual(expected);
  });

  it('takes an attribute whose type is not stated by what is there', () => {
    const node = new Message().bytes(4, 'A').bytes(2, 'a').bytes(5, new Message().bytes(1, 'k').int(3, 4));
    const { nodes } = readOnnx(file(new Message().bytes(1, node)));
    expect([...nodes[0].attributes]).toEqual([['k', 4]]);
  });

  it('steps over what it does not know, and what it has no use for', () => {
    const body = new Message()
      .bytes(2, 'g')
      .bytes(10, 'doc')
      .bytes(13, new Message())
      .int(99, 5)
      .float(98, 1);
    const loop = new Message().bytes(1, 'body').bytes(6, body).int(20, 5);
    const node = new Message().bytes(4, 'Loop').bytes(2, 'a').bytes(5, loop).bytes(6, Uint8Array.of(255));
    const { nodes } = readOnnx(file(new Message().bytes(1, node).bytes(10, Uint8Array.of(255)).int(90, 1)));
    expect([nodes[0].op, nodes[0].attributes.size]).toEqual(['Loop', 0]);
  });

  it.each(['named', 'folded'])('reads a published kind: %s', (kind) => {
    const folder = `../fixtures/narrow-onnx-r18-${kind}`;
    const name = `r18_${kind}.onnx`;
    const read = readOnnx(readFileSync(new URL(`${folder}/${name}`, import.meta.url)));
    expect(read.opset).toBe(11);
    expect(read.inputs.map((value) => value.name)).toEqual(['input']);
    expect(read.nodes.filter(({ op }) => op === 'BatchNormalization').length > 2).toBe(kind === 'named');
    const sizes = [...read.initializers.values()].map(({ size, numbers }) => [size, numbers().length]);
    expect(sizes.every(([size, read]) => size === read)).toBe(true);
  });
});

/** A node that writes a tensor. */
const named = (output: string): Message => new Message().bytes(4, 'A').bytes(2, output);

/** A model with a graph. */
const file = (graph: Message, opset = 13): Uint8Array =>
  new Message().int(1, 8).bytes(7, graph).bytes(8, new Message().int(2, opset)).finish();

const withInitializer = (tensor: Message): Uint8Array => file(new Message().bytes(5, tensor));

const withAttribute = (...attributes: Message[]): Uint8Array => {
  const node = new Message().bytes(4, 'A').bytes(2, 'a');
  for (const attribute of attributes) node.bytes(5, attribute);
  return file(new Message().bytes(1, node));
};

describe('refusals', () => {
  const one = () => new Message().packed(1, [2]).int(2, 1).bytes(8, 'x');

  it.each<[string, Uint8Array, RegExp]>([
    ['nothing', new Uint8Array(), /an ONNX model with a graph, found none/],
    ['no graph', new Message().int(1, 8).finish(), /an ONNX model with a graph, found none/],
    ['two graphs', new Message().bytes(7, 'a').bytes(7, 'b').finish(), /one graph, found a second/],
    ['a graph that is a number', new Message().int(7, 1).finish(), /a message as field 7, found wire type 0/],
    ['no opset', new Message().bytes(7, new Message()).finish(), /the version of its operators, found none/],
    ['a group', new Message().raw(0x0b).finish(), /a wire type of 0, 1, 2 or 5, found 3/],
    ['field 0', new Message().raw(0x00, 0x00).finish(), /the number of a field, found 0/],
    ['an endless number', new Message().raw(8, ...Array<number>(11).fill(255)).finish(), /at most 10 bytes/],
    ['a number cut off', new Message().raw(8, 255).finish(), /a whole number, found the end/],
    [
      'a length beyond the end',
      new Message().raw(0x3a, 0x7f, 1).finish(),
      /expected 127 bytes, found 1 byte/,
    ],
    [
      'a negative length',
      new Message().raw(0x3a, ...Array<number>(9).fill(255), 1).finish(),
      /expected -1 bytes/,
    ],
    [
      'a name that is no UTF-8',
      file(new Message().bytes(1, new Message().bytes(4, Uint8Array.of(255)))),
      /UTF-8/,
    ],
    [
      'a long name',
      file(new Message().bytes(1, new Message().bytes(4, 'n'.repeat(5000)))),
      /up to 4096 bytes/,
    ],
    [
      'external data',
      withInitializer(one().bytes(13, new Message())),
      /tensor 'x'.*external data: save the model as one/,
    ],
    ['external data, stated', withInitializer(one().int(14, 1)), /external data/],
    ['a segment', withInitializer(one().bytes(3, new Message())), /a segment of one/],
    [
      'strings',
      withInitializer(new Message().int(1, 0).int(2, 8).bytes(8, 'x')),
      /a type of number .*found type 8/,
    ],
    [
      'raw data too short',
      withInitializer(one().bytes(9, new Uint8Array(7))),
      /the 2 numbers of its shape \[2\], found 1.75/,
    ],
    ['raw data too long', withInitializer(one().bytes(9, new Uint8Array(12))), /the 2 numbers.*found 3/],
    ['no data', withInitializer(one()), /the 2 numbers.*found 0/],
    ['typed data too long', withInitializer(one().float(4, 1).float(4, 1).float(4, 1)), /found 3/],
    [
      'floats of 3 bytes',
      withInitializer(one().bytes(4, new Uint8Array(3))),
      /numbers of 4 bytes, found 3 bytes/,
    ],
    [
      'a huge shape',
      withInitializer(
        new Message()
          .packed(1, [2 ** 40, 2 ** 40])
          .int(2, 1)
          .bytes(9, ''),
      ),
      /found 0/,
    ],
    [
      'a negative side',
      withInitializer(new Message().packed(1, [-1]).int(2, 1)),
      /sides from 0, found a side -1/,
    ],
    [
      '17 sides',
      withInitializer(new Message().packed(1, Array<number>(17).fill(1)).int(2, 1)),
      /up to 16 sides/,
    ],
    [
      'raw and typed data',
      withInitializer(one().bytes(9, new Uint8Array(8)).float(4, 1)),
      /its numbers once/,
    ],
    ['raw data as a number', withInitializer(one().int(9, 1)), /bytes, found wire type 0/],
    ['a type that is a float', withInitializer(new Message().float(2, 1)), /a type, found wire type 5/],
    [
      'a version that is a float',
      new Message().bytes(8, new Message().float(2, 1)).finish(),
      /a whole number as field 2/,
    ],
    [
      'an initializer without a name',
      withInitializer(new Message().packed(1, [0]).int(2, 1)),
      /a name, found none/,
    ],
    [
      'a node without an operator',
      file(new Message().bytes(1, new Message().bytes(2, 'a'))),
      /an operator, found none/,
    ],
    [
      'a float of another type',
      withAttribute(new Message().bytes(1, 'k').float(2, 1).int(20, 2)),
      /one value, of the stated type/,
    ],
    [
      'two values',
      withAttribute(new Message().bytes(1, 'k').float(2, 1).int(3, 1)),
      /one value, of the stated type/,
    ],
    [
      'an integer that is a float',
      withAttribute(new Message().bytes(1, 'k').float(3, 1)),
      /a whole number as field 3/,
    ],
    ['no tensor', withAttribute(new Message().bytes(1, 'k').int(20, 4)), /a tensor for 'k', found none/],
    [
      'an attribute twice',
      withAttribute(new Message().bytes(1, 'k').int(3, 1), new Message().bytes(1, 'k').int(3, 2)),
      /each attribute once, found 'k' again/,
    ],
    [
      'a function in the place of an operator',
      new Message().bytes(7, new Message()).bytes(25, new Message().bytes(1, 'Relu')).finish(),
      /a domain of its own/,
    ],
    [
      'a sparse initializer',
      file(new Message().bytes(15, new Message())),
      /dense initializers, found a sparse one/,
    ],
    [
      'a name that is taken',
      file(
        new Message()
          .bytes(5, writeTensor(tensor('FLOAT', [0], []), {}, 'w'))
          .bytes(5, writeTensor(tensor('FLOAT', [0], []), {}, 'w')),
      ),
      /a name of its own, found 'w' again/,
    ],
    [
      'an output that is written twice',
      file(new Message().bytes(1, named('a')).bytes(1, named('a'))),
      /graph\.node\[1\].*outputs that nothing else writes, found 'a'/,
    ],
  ])('%s', (_, bytes, expected) => {
    const message = invalid(bytes);
    expect(message).toMatch(expected);
    expect(message).toMatch(/^ONNX file, .* at byte \d+: expected /);
  });

  it.each([8, 21])('opset %i', (opset) => {
    const { message } = errorOf('incompatible-weights', () => readOnnx(file(new Message(), opset)));
    expect(message).toContain(`expected opset 9 to 20, found ${opset}`);
  });

  it('a file of very many parts, before it takes memory', () => {
    const node = new Message().bytes(4, 'A').bytes(2, '').finish();
    const graph = new Message();
    for (let i = 0; i < 180_000; i++) graph.bytes(1, node);
    expect(invalid(file(graph))).toContain('a file of up to 500000 parts');
  });
});

describe('mutations of a valid file', () => {
  const mutations = 20_000;
  const published = readFileSync(
    new URL('../fixtures/narrow-onnx-r18-folded/r18_folded.onnx', import.meta.url),
  );

  /** A few bytes changed, removed, repeated, or put elsewhere. */
  function mutate(valid: Uint8Array, random: () => number): Uint8Array {
    const whole = (below: number) => Math.floor(random() * below);
    const bytes = [...valid];
    for (let i = whole(3); i >= 0; i--) {
      const at = whole(bytes.length);
      const length = 1 + whole(8);
      const kind = whole(5);
      if (kind === 0) bytes[at] = whole(256);
      else if (kind === 1) bytes[at] ^= 1 << whole(8);
      else if (kind === 2) bytes.splice(at, length);
      else if (kind === 3) bytes.splice(at, 0, ...bytes.slice(at, at + length));
      else
        bytes.splice(whole(bytes.length), 0, ...Array.from({ length }, () => [0, 127, 128, 255][whole(4)]));
    }
    return Uint8Array.from(bytes);
  }

  /** Reads all that there is. */
  function readAll(bytes: Uint8Array): string | undefined {
    try {
      const { initializers, nodes } = readOnnx(bytes);
      const tensors = nodes
        .flatMap((node) => [...node.attributes.values()])
        .filter((value) => typeof value === 'object');
      for (const value of [...initializers.values(), ...tensors]) {
        if ('numbers' in value) expect(value.numbers().length).toBe(value.size);
      }
      return undefined;
    } catch (error) {
      if (!(error instanceof DBNetError)) throw error;
      expect(['invalid-onnx', 'incompatible-weights']).toContain(error.code);
      expect(error.message.length).toBeLessThan(5000);
      return error.message.replace(/'[^']*'|-?[\d.e+]+/g, '#');
    }
  }

  it(`gives a typed error or a whole model, ${mutations} times`, () => {
    const random = seededRandom(12);
    const files = [{}, { data: 'typed', packed: true }, { data: 'typed' }].map((style) =>
      writeOnnx(model, style as OnnxStyle),
    );
    const messages = new Set<string>();
    let accepted = 0;
    for (let i = 0; i < mutations; i++) {
      const message = readAll(mutate(files[i % files.length], random));
      if (message === undefined) accepted++;
      else messages.add(message);
    }
    expect(accepted).toBeGreaterThan(500);
    expect(messages.size).toBeGreaterThan(60);
  });

  it('also of a published kind', () => {
    const random = seededRandom(13);
    for (let i = 0; i < 300; i++) {
      const copy = Uint8Array.from(published);
      for (let n = 0; n < 20; n++) {
        // Names and lengths stand between the tensors' bytes, most of them in the first part.
        const at = Math.floor(random() ** 4 * copy.length);
        copy[at] = Math.floor(random() * 256);
      }
      readAll(copy);
    }
  });

  it('and of one that is cut off anywhere', () => {
    const valid = writeOnnx(model);
    for (let length = 0; length < valid.length; length++) {
      expect(() => readOnnx(valid.subarray(0, length)), `${length} bytes`).toThrow(DBNetError);
    }
  });
});
