/** @file GPU time of the whole network in one pass, and what it executes and holds. */

import { takeTurns } from '../../src/tuning/timing.ts';
import { failedMetric, type Measurement, type MeasurementContext, metric } from './measurement.ts';
import {
  compileNetwork,
  defaultForm,
  frameOf,
  mapsOf,
  mapsProblem,
  type Outputs,
  referenceMaps,
} from './network.ts';

export const gpuTime: Measurement = {
  name: 'network GPU time',
  group: 'network',
  quick: true,
  perSize: true,
  async run(context) {
    const { graph } = await context.network();
    const metrics = graph.outputs.length > 1 ? await measure(context, 'PTB') : [];
    if (!context.quick || metrics.length === 0) metrics.push(...(await measure(context, 'P')));
    return { metrics };
  },
};

async function measure(measurement: MeasurementContext, outputs: Outputs) {
  const { context, timer, sampling, size, precision } = measurement;
  const name = outputs === 'PTB' ? 'P+T+B' : 'P';
  const place = { size, precision };
  const compiled = await compileNetwork(measurement, { outputs, ...defaultForm(context, precision) });
  try {
    const expected = await referenceMaps(measurement, outputs);
    const problem = mapsProblem(await mapsOf(compiled), expected, precision);
    const [sampled] = problem ? [] : await takeTurns(timer, [frameOf(compiled)], sampling);
    if (!sampled) {
      const reason = problem ?? 'the GPU clock gave no valid sample';
      return [failedMetric(place, `network GPU time ${name}`, 'ms', reason)];
    }
    const { flops } = compiled.program;
    const { median, p10, p90, samples } = sampled.ms;
    const rate = (ms: number) => flops / ms / 1e6;
    return [
      metric(place, `network GPU time ${name}`, 'ms', sampled.ms),
      metric(
        place,
        `network rate ${name}`,
        'GFLOP/s',
        { median: rate(median), p10: rate(p90), p90: rate(p10), samples },
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
