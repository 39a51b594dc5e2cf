/** @file GPU time of the whole network in one pass, and what it executes and holds. */

import { interleave } from '../timing/interleave.ts';
import { mapSummary } from '../timing/statistics.ts';
import { mapsProblem, referenceMaps } from './check-maps.ts';
import { CompiledNetwork } from './compiled-network.ts';
import { defaultForm } from './default-form.ts';
import type { Outputs } from './load-network.ts';
import { failedMetric, type Measurement, type MeasurementContext, metric } from './measurement.ts';

export const gpuTime: Measurement = {
  name: 'network GPU time',
  group: 'network',
  quick: true,
  perSize: true,
  async run(context) {
    const forms: { outputs: Outputs; name: string }[] = [
      { outputs: 'PTB', name: 'P+T+B' },
      ...(context.quick ? [] : [{ outputs: 'P' as const, name: 'P' }]),
    ];
    const metrics = [];
    for (const { outputs, name } of forms) metrics.push(...(await measure(context, outputs, name)));
    return { metrics };
  },
};

async function measure(context: MeasurementContext, outputs: Outputs, name: string) {
  const { pipelines, timer, sampling, size, precision } = context;
  const compiled = await CompiledNetwork.compile(context.context, pipelines, await context.network(), {
    size,
    outputs,
    ...defaultForm(context.context, precision),
  });
  const place = { size, precision };
  try {
    const problem = mapsProblem(await compiled.maps(), await referenceMaps(context, outputs), precision);
    if (problem) return [failedMetric(place, `network GPU time ${name}`, 'ms', problem)];
    const [sampled] = await interleave(timer, [compiled.frame], sampling);
    if (!sampled) {
      return [failedMetric(place, `network GPU time ${name}`, 'ms', 'the GPU clock gave no valid sample')];
    }
    const { flops } = compiled.program;
    return [
      metric(place, `network GPU time ${name}`, 'ms', sampled.ms),
      metric(
        place,
        `network rate ${name}`,
        'GFLOP/s',
        mapSummary(sampled.ms, (ms) => flops / ms / 1e6),
        { better: 'higher' },
      ),
      metric(place, `network work ${name}, executed`, 'GMAC', flops / 2e9),
      metric(place, `network dispatches ${name}`, 'count', compiled.steps.length),
      metric(place, `network activation buffers ${name}`, 'MB', compiled.activationBytes / 1e6),
    ];
  } finally {
    compiled.destroy();
  }
}
