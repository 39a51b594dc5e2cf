/** @file The default tiles against tuned ones: how much is left on this adapter. Nothing is stored. */

import { findTile, type TuningEntries } from '../../src/tuning/table.ts';
import { tune } from '../../src/tuning/tune.ts';
import { convolutions } from '../../src/tuning/work.ts';
import { interleave } from '../timing/interleave.ts';
import { mapsProblem, referenceMaps } from './check-maps.ts';
import { CompiledNetwork } from './compiled-network.ts';
import { defaultForm } from './default-form.ts';
import { graphOf } from './load-network.ts';
import { failedMetric, type Measurement, metric } from './measurement.ts';

export const tunedPlan: Measurement = {
  name: 'network tuned',
  group: 'network',
  quick: false,
  perSize: true,
  async run(measurement) {
    const { context, pipelines, timer, sampling, size, precision, signal } = measurement;
    const network = await measurement.network();
    const { choice, fusions } = defaultForm(context, precision);
    const graph = graphOf(network, 'PTB', fusions);
    const begun = performance.now();
    const { classes } = await tune(context, convolutions([graph], size, precision), {
      precision,
      pipelines,
      standard: choice.tile,
      signal,
    });
    const tuningMs = performance.now() - begun;
    const entries: TuningEntries = Object.fromEntries(classes.map(({ name, ...entry }) => [name, entry]));
    const { limits } = context.device;
    const forms = {
      'default tiles': choice,
      'tuned tiles': {
        ...choice,
        tile: (conv: Parameters<typeof choice.tile>[0]) =>
          findTile(entries, conv, precision, limits) ?? choice.tile(conv),
      },
    };
    const place = { size, precision };
    const expected = await referenceMaps(measurement, 'PTB');
    const compiled: CompiledNetwork[] = [];
    try {
      for (const [name, own] of Object.entries(forms)) {
        const form = { size, outputs: 'PTB' as const, fusions, choice: own };
        const one = await CompiledNetwork.compile(context, pipelines, network, form);
        compiled.push(one);
        const problem = mapsProblem(await one.maps(), expected, precision);
        if (problem) return { metrics: [failedMetric(place, `network GPU time, ${name}`, 'ms', problem)] };
      }
      const works = compiled.map(({ frame }) => frame);
      const [standard, tuned] = await interleave(timer, works, sampling);
      if (!standard || !tuned) {
        return {
          metrics: [failedMetric(place, 'network tuned', 'ms', 'the GPU clock gave no valid sample')],
        };
      }
      return {
        metrics: [
          metric(place, 'network GPU time, default tiles', 'ms', standard.ms),
          metric(place, 'network GPU time, tuned tiles', 'ms', tuned.ms, {
            note: `${classes.length} classes of layers tuned in ${(tuningMs / 1000).toFixed(1)} s`,
          }),
          metric(place, 'default against tuned tiles', 'ratio', standard.ms.median / tuned.ms.median),
        ],
      };
    } finally {
      for (const one of compiled) one.destroy();
    }
  },
};
