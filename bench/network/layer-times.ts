/**
 * @file GPU time of each dispatch. With timestamps of fine steps: around each dispatch of a frame, in its place.
 * Otherwise, as in a browser that rounds them: each dispatch by itself, repeated until its time can be told.
 */

import { encode } from '../../src/gpu/bind.ts';
import { ratesOf } from '../../src/tuning/roofline.ts';
import { type Summary, summarize, TimestampReader, takeTurns, type Work } from '../../src/tuning/timing.ts';
import type { PlanRun } from '../../test/gpu/plan-run.ts';
import type { LayerRow } from '../report/report.ts';
import { sizeName } from '../settings.ts';
import type { Measurement, MeasurementContext } from './measurement.ts';
import { compileNetwork, defaultForm } from './network.ts';

/** Clocks with larger steps cannot time one dispatch, nanoseconds. */
const finestUsable = 1000;

export const layerTimes: Measurement = {
  name: 'network layers',
  group: 'network',
  quick: true,
  perSize: true,
  async run(context) {
    const form = { outputs: 'PTB' as const, ...defaultForm(context.context, context.precision) };
    const compiled = await compileNetwork(context, form);
    const { stepNs } = context.timer;
    try {
      const method = stepNs !== null && stepNs <= finestUsable ? 'frame' : 'repeated';
      const times = await (method === 'frame' ? inFrame : repeated)(context, compiled);
      return { layers: rows(context, compiled, method, times) };
    } finally {
      compiled.destroy();
    }
  },
};

/** Each dispatch by itself. None writes what it reads, so that it can be repeated. */
const stepWorks = ({ steps }: PlanRun): Work[] =>
  steps.map((step) => ({
    label: step.label,
    encode: (pass, repetitions) => encode(pass, [step], repetitions),
  }));

async function inFrame(
  { context, sampling }: MeasurementContext,
  compiled: PlanRun,
): Promise<(Summary | undefined)[]> {
  const works = stepWorks(compiled);
  const reader = new TimestampReader(context, 2 * works.length);
  try {
    const times: number[][] = works.map(() => []);
    const begun = performance.now();
    let warm = false;
    for (let sample = 0; sample < sampling.samples; ) {
      sampling.signal?.throwIfAborted();
      const encoder = context.device.createCommandEncoder();
      for (const [i, work] of works.entries()) {
        const pass = encoder.beginComputePass({ label: work.label, timestampWrites: reader.writes(i) });
        work.encode(pass, 1);
        pass.end();
      }
      const stamps = await reader.read(encoder);
      if (!warm) {
        warm = performance.now() - begun >= (sampling.warmUpMs ?? 0);
        continue;
      }
      sample++;
      for (const [i, own] of times.entries()) {
        const [start, end] = [stamps[2 * i], stamps[2 * i + 1]];
        if (end > start) own.push(Number(end - start) / 1e6);
      }
    }
    return times.map((own) => (own.length > 0 ? summarize(own) : undefined));
  } finally {
    reader.destroy();
  }
}

async function repeated(
  { timer, sampling }: MeasurementContext,
  compiled: PlanRun,
): Promise<(Summary | undefined)[]> {
  const sampled = await takeTurns(timer, stepWorks(compiled), {
    ...sampling,
    hopeless: Number.POSITIVE_INFINITY,
  });
  return sampled.map((one) => one?.ms);
}

function rows(
  { size, precision, roofline }: MeasurementContext,
  compiled: PlanRun,
  method: LayerRow['method'],
  times: readonly (Summary | undefined)[],
): LayerRow[] {
  return compiled.plan.steps.flatMap(({ kernel: { label, flops, bytes } }, index) => {
    const ms = times[index];
    if (!ms) return [];
    return [
      {
        size: sizeName(size),
        precision,
        index,
        layer: label,
        method,
        ms,
        flops,
        bytes,
        ...ratesOf({ flops, bytes }, ms.median, precision, roofline),
      },
    ];
  });
}
