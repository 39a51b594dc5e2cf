import { describe, expect, it } from 'vitest';
import { parameterShapes } from '../../src/graph/graph.ts';
import { initialize } from '../../src/train/initialize.ts';
import { fullNetwork } from '../helpers/networks.ts';
import { errorOf } from './safetensors-helpers.ts';

const shapes = parameterShapes(fullNetwork());

const sameBits = (a: Float32Array, b: Float32Array) => Buffer.from(a.buffer).equals(Buffer.from(b.buffer));

const variance = (values: Float32Array) =>
  values.reduce((sum, value) => sum + value * value, 0) / values.length;

/** Variance of the normal weights of a tensor, each written out from the authors' code. */
const expected: [name: string, variance: number][] = [
  ['backbone.conv1.weight', 2 / (64 * 7 * 7)],
  ['backbone.layer1.0.conv1.weight', 2 / (64 * 9)],
  ['backbone.layer2.0.conv1.weight', 2 / (128 * 9)],
  ['backbone.layer3.0.downsample.0.weight', 2 / 256],
  ['backbone.layer4.1.conv2.weight', 2 / (512 * 9)],
  ['decoder.in5.weight', 2 / 512],
  ['decoder.in2.weight', 2 / 64],
  ['decoder.out5.0.weight', 2 / (256 * 9)],
  ['decoder.out2.weight', 2 / (256 * 9)],
  ['decoder.binarize.0.weight', 2 / (256 * 9)],
  ['decoder.thresh.3.weight', 2 / (64 * 4)],
  ['decoder.thresh.6.weight', 2 / 4],
];

describe('initialize', () => {
  const values = initialize(shapes, 1);

  it('fills every tensor of the network, with finite numbers', () => {
    expect([...values.keys()]).toEqual([...shapes.keys()]);
    for (const [name, tensor] of values) {
      expect(tensor.length).toBe(shapes.get(name)!.reduce((product, side) => product * side, 1));
      expect(tensor.every(Number.isFinite)).toBe(true);
    }
  });

  it.each(expected)('%s has variance %f and mean 0', (name, wanted) => {
    const tensor = values.get(name)!;
    // Five standard deviations of the estimates.
    expect(Math.abs(variance(tensor) / wanted - 1)).toBeLessThan(5 * Math.sqrt(2 / tensor.length));
    const mean = tensor.reduce((sum, value) => sum + value, 0) / tensor.length;
    expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(wanted / tensor.length));
  });

  it('starts batch norms and biases as the authors do', () => {
    const all = (name: string) => [...new Set(values.get(name))];
    expect(all('backbone.layer3.0.downsample.1.weight')).toEqual([1]);
    expect(all('backbone.bn1.bias')).toEqual([0]);
    expect(all('decoder.thresh.4.weight')).toEqual([1]);
    expect(all('decoder.thresh.4.bias')).toEqual([Math.fround(1e-4)]);
    expect(all('decoder.binarize.1.running_mean')).toEqual([0]);
    expect(all('decoder.binarize.1.running_var')).toEqual([1]);
    const bias = values.get('decoder.binarize.3.bias')!;
    expect(bias.every((value) => Math.abs(value) <= 1 / 16)).toBe(true);
    expect(Math.abs(variance(bias) * 3 * 256 - 1)).toBeLessThan(0.6);
    expect(Math.abs(values.get('decoder.binarize.6.bias')![0])).toBeLessThanOrEqual(0.5);
  });

  it('gives the same bits for the same seed, whichever tensors are asked for, and others for another', () => {
    const alone = initialize(parameterShapes(fullNetwork(false)), 1);
    for (const [name, tensor] of alone) expect(sameBits(tensor, values.get(name)!)).toBe(true);
    const [name] = expected[3];
    const one = new Map([[name, shapes.get(name)!]]);
    expect(sameBits(initialize(one, 2).get(name)!, values.get(name)!)).toBe(false);
    expect(sameBits(values.get('decoder.thresh.3.weight')!, values.get('decoder.binarize.3.weight')!)).toBe(
      false,
    );
  });

  it('refuses tensors that it knows no rule for, and bad seeds', () => {
    const strange = (name: string, shape: number[]) => () => initialize(new Map([[name, shape]]), 1);
    expect(errorOf('invalid-argument', strange('backbone.fc.weight', [1000, 512])).message).toContain(
      'fc.weight',
    );
    errorOf('invalid-argument', strange('neck.in.weight', [4, 4, 1, 1]));
    // A bias without the weight that tells its range.
    errorOf('invalid-argument', strange('decoder.binarize.3.bias', [64]));
    errorOf('invalid-argument', () => initialize(shapes, -1));
  });
});
