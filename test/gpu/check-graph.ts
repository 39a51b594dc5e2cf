/** @file A graph on a device, layer by layer against its definition in f64. */

import type { GpuContext } from '../../src/gpu/device.ts';
import { type Graph, outputsOf } from '../../src/graph/graph.ts';
import { inferShapes } from '../../src/graph/infer-shapes.ts';
import { interpretGraph } from '../helpers/interpret-graph.ts';
import { maxDifference } from './assert.ts';
import { type GraphRunOptions, PlanRun } from './plan-run.ts';
import { withoutLanes } from './stored.ts';

/** Largest difference of a layer's output, as a part of its largest value. */
const tolerance = { f32: 1e-3, f16: 5e-2 } as const;

/**
 * Which layers give something else than their definition, with what is wrong; nothing if all are right. Sizes stand in
 * uniforms and not in the code, so that a small image tells of all.
 */
export async function wrongLayers(
  context: GpuContext,
  graph: Graph,
  options: Omit<GraphRunOptions, 'keep'>,
): Promise<Map<string, string>> {
  const network = await PlanRun.ofGraph(context, graph, { ...options, keep: 'all' });
  try {
    await network.run();
    const shapes = inferShapes(graph, options.size);
    /** Without the lanes that carry no data. */
    const read = async (name: string): Promise<Float64Array> => {
      const { channels, storage } = shapes.get(name)!;
      const values = await network.read(name);
      return storage ? Float64Array.from(values) : withoutLanes(values, channels);
    };
    const image = await read(graph.input);
    const expected = interpretGraph(graph, options.size, image);
    const problems = new Map<string, string>();
    for (const operation of graph.operations) {
      for (const output of outputsOf(operation)) {
        const wanted = expected.get(output);
        // B is a matter of the last digits of P and T, which are compared.
        if (!wanted || output === 'B') continue;
        const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
        const { difference, index } = maxDifference(await read(output), wanted);
        if (difference <= tolerance[options.choice.precision] * largest) continue;
        const off = `'${output}' is off by ${difference.toPrecision(3)} at ${index}`;
        problems.set(operation.name, `${off}, the largest value being ${largest.toPrecision(3)}`);
      }
    }
    return problems;
  } finally {
    network.destroy();
  }
}
