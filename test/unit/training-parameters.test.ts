/** @file Parameters in the flat array: every one has its place, and comes back as it was. */

import { describe, expect, it } from 'vitest';
import { parameterShapes } from '../../src/graph/graph.ts';
import {
  type FlatLayout,
  pack,
  parameterLayout,
  slotAlignment,
  statisticsLayout,
  unpack,
} from '../../src/train/plan/parameter-layout.ts';
import { fullNetwork } from '../helpers/networks.ts';
import { seededRandom } from '../helpers/random.ts';

const network = fullNetwork();
const shapes = parameterShapes(network);

describe.each<[string, FlatLayout]>([
  ['parameters', parameterLayout(network)],
  ['statistics', statisticsLayout(network)],
])('layout of the %s', (_, layout) => {
  it('begins every slot where it can be bound, one after the other', () => {
    let end = 0;
    for (const { offset, count } of layout.slots.values()) {
      expect(offset % slotAlignment).toBe(0);
      expect(offset).toBeGreaterThanOrEqual(end);
      end = offset + count;
    }
    expect(layout.count).toBeGreaterThanOrEqual(end);
    expect(layout.count % 4).toBe(0);
  });

  it('packs and unpacks to the same bits', () => {
    const random = seededRandom(1);
    const values = new Map(
      layout.parameters.map(({ name, shape }) => [
        name,
        Float32Array.from({ length: shape.reduce((product, side) => product * side, 1) }, random),
      ]),
    );
    const flat = pack(layout, (name) => values.get(name)!);
    // Padding stays zero: as many numbers as there are parameters.
    const numbers = [...values.values()].reduce((sum, { length }) => sum + length, 0);
    expect(flat.filter((value) => value !== 0).length).toBe(numbers);
    const back = unpack(layout, flat);
    expect(back.size).toBe(values.size);
    for (const [name, { shape, data }] of back) {
      expect(shape).toEqual(shapes.get(name));
      expect(Buffer.compare(Buffer.from(data.buffer), Buffer.from(values.get(name)!.buffer)), name).toBe(0);
    }
  });
});

it('both layouts together hold every tensor of the network', () => {
  const names = [parameterLayout(network), statisticsLayout(network)].flatMap(({ parameters }) =>
    parameters.map(({ name }) => name),
  );
  expect(names.sort()).toEqual([...shapes.keys()].sort());
});

it('convolutions stand as taps x in x out, transposed ones as in x taps x out', () => {
  const layout = parameterLayout(network);
  const place = (name: string) => layout.parameters.find((parameter) => parameter.name === name)!.place;
  // [out, in, 3, 3]: out 5, in 7, tap (1, 2).
  expect(place('backbone.layer1.0.conv1.weight')(((5 * 64 + 7) * 3 + 1) * 3 + 2)).toBe((5 * 64 + 7) * 64 + 5);
  // The image has 4 channels stored: out 5, in 2, tap (0, 1).
  expect(place('backbone.conv1.weight')((5 * 3 + 2) * 49 + 1)).toBe((1 * 4 + 2) * 64 + 5);
  // [in, out, 2, 2]: in 3, out 9, tap (1, 0).
  expect(place('decoder.thresh.3.weight')((3 * 64 + 9) * 4 + 2)).toBe((3 * 4 + 2) * 64 + 9);
});
