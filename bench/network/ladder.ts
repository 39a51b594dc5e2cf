/**
 * @file The ladder of the whole network: from the naive kernel without fusions to all fusions, each step runnable
 * (`--filter "network ladder"`). What each step brought stands in bench/ladder.md.
 */

import { chooseTile } from '../../src/graph/choose-tile.ts';
import { inferShapes } from '../../src/graph/infer-shapes.ts';
import type { Graph } from '../../src/graph/layers.ts';
import { allFusions } from '../../src/graph/passes/index.ts';
import { convolutionOf, type GraphPlan, type KernelChoice } from '../../src/graph/plan.ts';
import { gemmOf } from '../../src/kernels/convolution.ts';
import type { Tile } from '../../src/kernels/tile.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import { takeTurns } from '../../src/tuning/timing.ts';
import type { PlanRun } from '../../test/gpu/plan-run.ts';
import naive from '../examples/my-kernel.ts';
import type { Size } from '../settings.ts';
import { failedMetric, type Measurement, type MeasurementContext, metric } from './measurement.ts';
import {
  compileNetwork,
  defaultForm,
  frameOf,
  mapsOf,
  mapsProblem,
  type NetworkForm,
  referenceMaps,
} from './network.ts';

interface LadderStep extends Omit<NetworkForm, 'outputs'> {
  name: string;
  precision: Precision;
}

export const networkLadder: Measurement = {
  name: 'network ladder',
  group: 'network',
  quick: false,
  perSize: true,
  async run(context) {
    const expected = await referenceMaps(context, 'PTB');
    const climbed: { step: LadderStep; compiled: PlanRun }[] = [];
    const metrics = [];
    try {
      for (const step of ladderSteps(context)) {
        const compiled = await compileNetwork(context, { ...step, outputs: 'PTB' });
        const problem = mapsProblem(await mapsOf(compiled), expected, step.precision);
        if (problem) {
          compiled.destroy();
          metrics.push(
            failedMetric({ size: context.size, precision: step.precision }, step.name, 'ms', problem),
          );
        } else climbed.push({ step, compiled });
      }
      const works = climbed.map(({ compiled }) => frameOf(compiled));
      const sampled = await takeTurns(context.timer, works, context.sampling);
      let before: number | undefined;
      for (const [i, { step, compiled }] of climbed.entries()) {
        const ms = sampled[i]?.ms;
        if (!ms) continue;
        const gmac = (compiled.program.flops / 2e9).toFixed(2);
        const ratio = before === undefined ? '' : `, ${(before / ms.median).toFixed(2)}x the step before`;
        metrics.push(
          metric({ size: context.size, precision: step.precision }, step.name, 'ms', ms, {
            note: `${gmac} GMAC, ${compiled.steps.length} dispatches${ratio}`,
          }),
        );
        before = ms.median;
      }
      return { metrics };
    } finally {
      for (const { compiled } of climbed) compiled.destroy();
    }
  },
};

/** First the kernels, then the fusions one by one, then what is shipped if that is something else, last f16. */
function ladderSteps({ context, size, precision, device }: MeasurementContext): LadderStep[] {
  const shipped = defaultForm(context, precision);
  const plain = { ...shipped.choice, winograd: () => undefined };
  const tiled = (tile: KernelChoice['tile']) => ({ fusions: [], choice: { ...plain, tile } });
  const direct = (pixels: number, channels: number): Tile => ({ kind: 'direct', pixels, channels });
  const steps: (Omit<LadderStep, 'precision'> & { precision?: Precision })[] = [
    {
      name: 'naive',
      ...tiled(() => direct(1, 4)),
      rewrite: (plan, graph) => withNaiveConvolutions(plan, graph, size, precision),
    },
    { name: 'vec4 loads', ...tiled(() => direct(1, 4)) },
    { name: 'registers 4x4', ...tiled(() => direct(4, 4)) },
    { name: 'registers 8x4', ...tiled(() => direct(8, 4)) },
    { name: 'workgroup tiles', ...tiled((conv) => chooseTile(gemmOf(conv), { software: false })) },
    { name: 'default tiles', fusions: [], choice: plain },
    ...allFusions.map((name, i) => ({
      name: `+ ${name}`,
      fusions: allFusions.slice(0, i + 1),
      choice: plain,
    })),
    ...(context.software ? [{ name: 'as shipped', ...shipped }] : []),
    ...(precision === 'f32' && device.f16
      ? [{ name: '+ f16', precision: 'f16' as const, ...defaultForm(context, 'f16') }]
      : []),
  ];
  return steps.map((step, i) => ({
    precision,
    ...step,
    name: `network ladder ${String(i + 1).padStart(2, '0')} ${step.name}`,
  }));
}

/** The plan of an unfused graph with the naive kernel for every convolution; it binds what `conv2d` binds. */
function withNaiveConvolutions(plan: GraphPlan, graph: Graph, size: Size, precision: Precision): GraphPlan {
  const shapes = inferShapes(graph, size);
  const [preprocess, ...steps] = plan.steps;
  const replaced = steps.map((step, i) => {
    const layer = graph.layers[i];
    if (layer.op !== 'conv2d') return step;
    const conv = convolutionOf(layer, (tensor) => shapes.get(tensor)!);
    const kernel = 'sources' in conv ? naive.conv2d(conv, precision) : undefined;
    return kernel ? { ...step, kernel } : step;
  });
  return { ...plan, steps: [preprocess, ...replaced] };
}
