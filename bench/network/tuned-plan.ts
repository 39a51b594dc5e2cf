/** @file The default plan against the tuned one: how much is left on this adapter. Nothing is stored. */

import { chooseWinograd } from '../../src/graph/choose-kernels.ts';
import { convolutions } from '../../src/tuning/classes.ts';
import { isWinogradFaster } from '../../src/tuning/table.ts';
import { takeTurns } from '../../src/tuning/timing.ts';
import { tune } from '../../src/tuning/tune.ts';
import { TunedChoice } from '../../src/tuning/tuned-choice.ts';
import type { PlanRun } from '../../test/gpu/plan-run.ts';
import { failedMetric, type Measurement, metric } from './measurement.ts';
import {
  compileNetwork,
  defaultForm,
  frameOf,
  graphOf,
  mapsOf,
  mapsProblem,
  type NetworkForm,
  referenceMaps,
} from './network.ts';

export const tunedPlan: Measurement = {
  name: 'network tuned',
  group: 'network',
  quick: false,
  perSize: true,
  async run(measurement) {
    const { context, pipelines, timer, sampling, size, precision, signal } = measurement;
    const network = await measurement.network();
    const standard = { outputs: 'PTB' as const, ...defaultForm(context, precision) };
    const plain = { ...standard, winograd: undefined };
    const graphs = [plain, standard].map((form) => graphOf(network, form));
    const begun = performance.now();
    const { classes, entries } = await tune(context, convolutions(graphs, size, precision), {
      pipelines,
      standard: standard.choice,
      standardWinograd: (conv) => chooseWinograd(conv, context, precision),
      signal,
    });
    const tuningMs = performance.now() - begun;
    const place = { size, precision };
    const expected = await referenceMaps(measurement, 'PTB');
    const choice = new TunedChoice(context, precision, entries);
    const tuned: NetworkForm = { ...standard, choice, winograd: (operation) => choice.winograd(operation) };
    const compiled: PlanRun[] = [];
    try {
      for (const form of [standard, tuned]) {
        const one = await compileNetwork(measurement, form);
        compiled.push(one);
        const problem = mapsProblem(await mapsOf(one), expected, precision);
        if (problem) return { metrics: [failedMetric(place, 'network GPU time, tuned plan', 'ms', problem)] };
      }
      const [before, after] = await takeTurns(timer, compiled.map(frameOf), sampling);
      if (!before || !after) throw new Error('the GPU clock gave no valid sample');
      const transformed = classes.filter(isWinogradFaster).length;
      return {
        metrics: [
          metric(place, 'network GPU time, default plan', 'ms', before.ms),
          metric(place, 'network GPU time, tuned plan', 'ms', after.ms, {
            note: `${classes.length} classes of layers tuned in ${(tuningMs / 1000).toFixed(1)} s, ${transformed} by Winograd`,
          }),
          metric(place, 'default against tuned plan', 'ratio', before.ms.median / after.ms.median),
        ],
      };
    } finally {
      for (const one of compiled) one.destroy();
    }
  },
};
