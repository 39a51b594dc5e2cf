/**
 * @file The ladder of the whole network: from the naive kernel without fusions to all fusions, each step runnable
 * (`--filter "network ladder"`). What each step brought stands in bench/ladder.md.
 */

import { chooseTile } from '../../src/graph/choose-kernels.ts';
import type { Graph } from '../../src/graph/graph.ts';
import type { KernelChoice } from '../../src/graph/operation.ts';
import { convolutionOf } from '../../src/graph/operations/conv2d.ts';
import { allFusions } from '../../src/graph/passes/index.ts';
import type { GraphPlan } from '../../src/graph/plan.ts';
import { gemmOf } from '../../src/kernels/convolution.ts';
import type { Tile } from '../../src/kernels/tile.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import { takeTurns } from '../../src/tuning/timing.ts';
import type { PlanRun } from '../../test/gpu/plan-run.ts';
import naive from '../examples/my-kernel.ts';
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
function ladderSteps({ context, precision, device }: MeasurementContext): LadderStep[] {
  const shipped = defaultForm(context, precision);
  const { choice } = shipped;
  const tiled = (tile: KernelChoice['tile']) => ({ fusions: [], choice: { ...choice, tile } });
  const direct = (pixels: number, channels: number): Tile => ({ kind: 'direct', pixels, channels });
  const steps: (Omit<LadderStep, 'precision'> & { precision?: Precision })[] = [
    {
      name: 'naive',
      ...tiled(() => direct(1, 4)),
      rewrite: (plan, graph) => withNaiveConvolutions(plan, graph, precision),
    },
    { name: 'vec4 loads', ...tiled(() => direct(1, 4)) },
    { name: 'registers 4x4', ...tiled(() => direct(4, 4)) },
    { name: 'registers 8x4', ...tiled(() => direct(8, 4)) },
    { name: 'workgroup tiles', ...tiled((conv) => chooseTile(gemmOf(conv), { software: false })) },
    { name: 'default tiles', fusions: [], choice },
    ...allFusions.map((name, i) => ({
      name: `+ ${name}`,
      fusions: allFusions.slice(0, i + 1),
      choice,
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
function withNaiveConvolutions(plan: GraphPlan, { operations }: Graph, precision: Precision): GraphPlan {
  const shapeOf = (tensor: string) => plan.tensors.get(tensor)!.shape;
  const convolutions = new Map(
    operations.flatMap((operation) => (operation.op === 'conv2d' ? [[operation.output, operation]] : [])),
  );
  const steps = plan.steps.map((step) => {
    const convolution = convolutions.get(step.resources[step.resources.length - 1].name);
    const kernel = convolution && naive.conv2d(convolutionOf(convolution, shapeOf), precision);
    return kernel ? { ...step, kernel } : step;
  });
  return { ...plan, steps };
}
