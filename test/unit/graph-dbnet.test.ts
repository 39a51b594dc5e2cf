/** @file The network as a list: parameters, work, sizes. */

import { describe, expect, it } from 'vitest';
import { normParts } from '../../src/graph/batch-norm.ts';
import { inputsOf, outputsOf, parameterShapes } from '../../src/graph/graph.ts';
import { inferShapes } from '../../src/graph/infer-shapes.ts';
import { fuse } from '../../src/graph/passes/index.ts';
import { fullGraph, fullNetwork, planOf } from '../helpers/networks.ts';

const size640 = { width: 640, height: 640 };

/** Parameters in the usual sense: running statistics are not counted. */
function parameterCount(thresholdHead: boolean): number {
  let sum = 0;
  for (const [name, shape] of parameterShapes(fullNetwork(thresholdHead))) {
    if (!name.includes('.running_')) sum += shape.reduce((product, side) => product * side, 1);
  }
  return sum;
}

/** Multiply-adds, in 10^9, of the layers that have weights. */
function gigaMultiplyAdds(thresholdHead: boolean, fused: boolean): number {
  const graph = fullGraph(thresholdHead);
  const { steps } = planOf(fused ? fuse(graph) : graph, size640);
  const weighted = steps.filter(({ resources }) => resources.some(({ kind }) => kind === 'constant'));
  return weighted.reduce((sum, { kernel }) => sum + kernel.flops, 0) / 2e9;
}

describe('DB-ResNet-18', () => {
  it('has the parameters of the paper', () => {
    expect(parameterCount(true)).toBe(12_340_930);
    expect(parameterCount(false)).toBe(12_176_513);
  });

  it('needs 29.05 GMAC at 640x640 for P, T and B, 24.8 for P alone', () => {
    expect(gigaMultiplyAdds(true, false)).toBeCloseTo(29.05, 2);
    expect(gigaMultiplyAdds(false, false)).toBeCloseTo(24.8, 1);
  });

  it('fused, stays within 23 GMAC and 36 dispatches', () => {
    const { steps } = planOf(fuse(fullGraph(true)), size640);
    const all = steps.reduce((sum, { kernel }) => sum + kernel.flops, 0) / 2e9;
    expect(all).toBeLessThan(23);
    expect(all).toBeGreaterThan(22);
    expect(steps.length).toBeLessThanOrEqual(36);
    expect(gigaMultiplyAdds(false, true)).toBeLessThan(gigaMultiplyAdds(true, true));
  });

  it('reads every tensor after it is written, and leaves none unread', () => {
    for (const graph of [fullGraph(true), fullGraph(false), fuse(fullGraph(true)), fuse(fullGraph(false))]) {
      const written = new Set([graph.input]);
      const read = new Set(graph.outputs);
      for (const operation of graph.operations) {
        for (const tensor of inputsOf(operation)) {
          expect(written).toContain(tensor);
          read.add(tensor);
        }
        for (const tensor of outputsOf(operation)) {
          expect(written).not.toContain(tensor);
          written.add(tensor);
        }
      }
      expect([...written].filter((tensor) => !read.has(tensor))).toEqual([]);
    }
  });

  it('has the names of the authors', () => {
    const names = [...parameterShapes(fullNetwork()).keys()];
    expect(names).toContain('backbone.layer4.0.downsample.1.running_var');
    expect(names).toContain('decoder.out3.0.weight');
    expect(names).toContain('decoder.out2.weight');
    expect(names).not.toContain('decoder.out2.0.weight');
    expect(names.filter((name) => name.startsWith('decoder.thresh.')).length).toBe(13);
    expect(names.some((name) => name.includes('layer1.0.downsample'))).toBe(false);
    expect(normParts).not.toContain('num_batches_tracked');
  });
});

describe('inferShapes', () => {
  const sides = (shapes: ReturnType<typeof inferShapes>, ...names: string[]) =>
    names.map((name) => {
      const { height, width, channels, planes } = shapes.get(name)!;
      return `${name} ${height}x${width}x${channels}${planes === 1 ? '' : ` (${planes})`}`;
    });

  it('has strides 2 to 32, and the maps at full size', () => {
    const shapes = inferShapes(fullGraph(true), { width: 160, height: 96 });
    expect(
      sides(shapes, 'image', 'stem', 'pool', 'C2', 'C3', 'C4', 'C5', 'P5', 'P2', 'p5', 'fuse', 'P', 'B'),
    ).toEqual([
      'image 96x160x3',
      'stem 48x80x64',
      'pool 24x40x64',
      'C2 24x40x64',
      'C3 12x20x128',
      'C4 6x10x256',
      'C5 3x5x512',
      'P5 3x5x256',
      'P2 24x40x256',
      'p5 3x5x64',
      'fuse 24x40x256',
      'P 96x160x1',
      'B 96x160x1',
    ]);
  });

  it('keeps the smallest input apart', () => {
    const shapes = inferShapes(fullGraph(false), { width: 32, height: 32 });
    expect(sides(shapes, 'C5', 'P')).toEqual(['C5 1x1x512', 'P 32x32x1']);
  });

  it('counts the planes of class images, and 32 pixels a word of the mask', () => {
    const graph = fuse(fullGraph(true));
    const shapes = inferShapes(graph, { width: 160, height: 96 });
    const classes = graph.operations.filter((operation) => operation.op === 'upsampledConv2d');
    expect(classes.length).toBeGreaterThan(0);
    for (const { output, scale } of classes) expect(shapes.get(output)!.planes).toBe(scale === 2 ? 4 : 9);
    expect(sides(shapes, 'mask')).toEqual(['mask 96x5x1']);
  });

  it('names a tensor that is read before it is written', () => {
    const graph = fullGraph(false);
    const broken = { ...graph, operations: graph.operations.slice(1) };
    expect(() => inferShapes(broken, { width: 32, height: 32 })).toThrow("'stem'");
  });
});
