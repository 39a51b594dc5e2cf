/** @file The default plan against the tuned one: how much is left on this adapter. Nothing is stored. */

import type { Fusion } from '../../src/graph/passes/index.ts';
import { defaultWinogradSize } from '../../src/graph/passes/winograd.ts';
import type { Conv2d } from '../../src/kernels/conv2d.ts';
import type { Convolution } from '../../src/kernels/convolution.ts';
import { findTile, findWinograd, isWinogradFaster } from '../../src/tuning/table.ts';
import { tableEntries } from '../../src/tuning/tile-choice.ts';
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
    const names: readonly Fusion[] = [...fusions, 'winograd'];
    const standardWinograd = (conv: Conv2d) =>
      fusions.includes('winograd') ? defaultWinogradSize(conv) : undefined;
    const forms = [() => undefined, defaultWinogradSize].map((choose) =>
      graphOf(network, 'PTB', names, { size, choose }),
    );
    const begun = performance.now();
    const { classes } = await tune(context, convolutions(forms, size, precision), {
      precision,
      pipelines,
      standard: choice.tile,
      standardWinograd,
      signal,
    });
    const tuningMs = performance.now() - begun;
    const entries = tableEntries(classes);
    const transformed = classes.filter(isWinogradFaster).length;
    const { limits } = context.device;
    const plans = {
      'default plan': { choice, winograd: standardWinograd },
      'tuned plan': {
        choice: {
          ...choice,
          tile: (conv: Convolution) => findTile(entries, conv, precision, limits) ?? choice.tile(conv),
        },
        winograd: (conv: Conv2d) => {
          const found = findWinograd(entries, conv, precision) ?? standardWinograd(conv);
          return found === 'direct' ? undefined : found;
        },
      },
    };
    const place = { size, precision };
    const expected = await referenceMaps(measurement, 'PTB');
    const compiled: CompiledNetwork[] = [];
    try {
      for (const [name, own] of Object.entries(plans)) {
        const form = { size, outputs: 'PTB' as const, fusions: names, ...own };
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
          metric(place, 'network GPU time, default plan', 'ms', standard.ms),
          metric(place, 'network GPU time, tuned plan', 'ms', tuned.ms, {
            note: `${classes.length} classes of layers tuned in ${(tuningMs / 1000).toFixed(1)} s, ${transformed} by Winograd`,
          }),
          metric(place, 'default against tuned plan', 'ratio', standard.ms.median / tuned.ms.median),
        ],
      };
    } finally {
      for (const one of compiled) one.destroy();
    }
  },
};
