/** @file A network as JSON: it survives the way there and back, and nothing else is taken for one. */

import { describe, expect, it } from 'vitest';
import type { Network } from '../../src/graph/graph.ts';
import { readNetwork, writeNetwork } from '../../src/graph/network-json.ts';
import type { Operation } from '../../src/graph/operations/index.ts';
import { dbNet } from '../../src/models/dbnet.ts';
import { resNet18 } from '../../src/models/resnet.ts';
import { random } from '../gpu/assert.ts';
import { fullNetwork, smallNetwork } from '../helpers/networks.ts';
import { errorOf } from './safetensors-helpers.ts';

/** What JSON leaves of a value. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

const refusal = (json: string): string => errorOf('incompatible-weights', () => readNetwork(json)).message;

/** A network that was changed after it was written. */
function changed(
  change: (network: { [Key in keyof Network]: unknown } & { version: unknown }) => void,
): string {
  const network = JSON.parse(writeNetwork(fullNetwork()));
  change(network);
  return JSON.stringify(network);
}

/** The operations of a changed network. */
const operation = (at: number, members: Record<string, unknown>): string =>
  changed((network) => {
    const operations = network.operations as Record<string, unknown>[];
    Object.assign(operations[at], members);
  });

describe('a network as JSON', () => {
  it('is the same network after the way there and back', () => {
    for (const network of [fullNetwork(), fullNetwork(false), smallNetwork(true, { k: 5 })]) {
      expect(plain(readNetwork(writeNetwork(network)))).toEqual(plain(network));
    }
  });

  it('is the same text in whichever order members were given', () => {
    const network = fullNetwork();
    const reversed = network.operations.map(
      (operation) => Object.fromEntries(Object.entries(operation).reverse()) as unknown as Operation,
    );
    expect(writeNetwork({ ...network, operations: reversed })).toBe(writeNetwork(network));
  });

  it('is refused where it is no JSON, no object, or of another version', () => {
    expect(refusal('{')).toContain('expected JSON');
    expect(refusal('[]')).toContain('expected an object, found an array');
    expect(refusal(changed((network) => Object.assign(network, { version: 2 })))).toContain('version');
    expect(refusal(changed((network) => Object.assign(network, { operations: {} })))).toContain('operations');
  });

  it('is refused where an operation is unknown, or is one that only passes make', () => {
    for (const op of ['conv3d', 'stemPool', 'winogradInput', 'toString', '__proto__', 5, null]) {
      expect(refusal(operation(0, { op }))).toContain('network.operations[0].op: expected one of conv2d');
    }
  });

  it('is refused where members are missing, superfluous or out of range, by their place', () => {
    expect(refusal(operation(0, { activation: 1 }))).toContain(
      "network.operations[0].activation: expected 'none', 'relu'",
    );
    expect(refusal(operation(0, { outChannels: 1e9 }))).toContain('outChannels');
    expect(refusal(operation(0, { sources: [] }))).toContain('sources');
    expect(refusal(operation(0, { sources: [{ tensor: 'image' }] }))).toContain('sources');
    expect(refusal(operation(0, { dilation: 2 }))).toContain("'dilation'");
    expect(refusal(operation(1, { input: undefined }))).toContain('input');
    expect(refusal(operation(1, { output: 'x'.repeat(1000) }))).toContain('a name of 1 to');
  });

  it('is refused where tensors are read too early, written twice, or not written', () => {
    expect(refusal(operation(1, { input: 'C5' }))).toContain("found 'C5'");
    expect(refusal(operation(1, { output: 'image' }))).toContain("found 'image'");
    expect(refusal(operation(1, { name: 'backbone.conv1' }))).toContain('a name of its own');
    expect(refusal(changed((network) => Object.assign(network, { outputs: ['C2'] })))).toContain('outputs');
  });

  it('is refused where shapes do not fit', () => {
    const narrow = dbNet({ ...resNet18(), channels: [64, 128, 256, 256] });
    expect(refusal(writeNetwork(narrow))).toContain('sources with the channels of the weights (256)');
    const concat = fullNetwork().operations.findIndex(({ op }) => op === 'upsampleConcat');
    for (const scales of [
      [4, 4, 2, 1],
      [8, 4, 2],
      [8, 4, 2, 1, 1],
    ]) {
      expect(refusal(operation(concat, { scales }))).toContain('a scale for each');
    }
    const beyond = { padding: { top: 1, left: 1, bottom: 3, right: 1 } };
    expect(refusal(operation(1, beyond))).toContain('a padding that is less than the window');
    const stem = JSON.parse(writeNetwork(fullNetwork())).operations[0];
    const sources = [{ ...stem.sources[0], stride: 1 }];
    expect(refusal(operation(0, { sources }))).toContain('the size of the image');
  });

  it('may have heads and levels whose channels are no multiple of 4, if heads do not share a tensor', () => {
    const network = dbNet(resNet18(), { neck: 72, head: 18 });
    expect(plain(readNetwork(writeNetwork(network)))).toEqual(plain(network));
    const shared = JSON.parse(writeNetwork(network));
    const [features, , head] = shared.operations.slice(-3);
    features.outChannels = 36;
    head.features = [features.output];
    expect(refusal(JSON.stringify(shared))).toContain('features for each head by themselves');
  });

  it('has affines of finite numbers', () => {
    const json = operation(0, { affine: { scale: -1.5, shift: 0.25 } });
    expect(plain(readNetwork(json).operations[0])).toMatchObject({ affine: { scale: -1.5, shift: 0.25 } });
    for (const affine of [{ scale: 1 }, { scale: null, shift: 0 }, { scale: 1e39, shift: 0 }, 2]) {
      expect(refusal(operation(0, { affine }))).toContain('affine');
    }
  });

  it('is refused or read, never anything else, whatever is changed in it', () => {
    const next = random(1);
    const json = writeNetwork(smallNetwork(true));
    for (let i = 0; i < 2000; i++) {
      const at = Math.floor(next() * json.length);
      const length = Math.floor(next() * 4);
      const put = ['', '0', '-1', 'null', '"', '{}', '[]', '1e999', 'x'][Math.floor(next() * 9)];
      const mutated = json.slice(0, at) + put + json.slice(at + length);
      try {
        readNetwork(mutated);
      } catch (error) {
        expect((error as { code?: string }).code, mutated.slice(at - 40, at + 40)).toBe(
          'incompatible-weights',
        );
      }
    }
  });
});
