/**
 * @file Cold start: everything between nothing and the first regions, on a new device. Drivers and browsers keep
 * compiled shaders on disk, so only the first run after an update is cold in every respect.
 */

import { bufferUsage } from '../../src/gpu/buffer-usage.ts';
import { ConstantStore } from '../../src/gpu/constants.ts';
import { constantsOf } from '../../src/graph/plan.ts';
import { type Measurement, type MeasurementContext, metric, openDetector } from './measurement.ts';
import { defaultForm, graphOf } from './network.ts';
import { drawPicture } from './picture.ts';

export const coldStart: Measurement = {
  name: 'cold start',
  group: 'network',
  quick: true,
  perSize: true,
  async run(measurement) {
    const { host, size, precision, context, quick, sampling } = measurement;
    const rounds = context.software ? (quick ? 1 : 3) : 5;
    const times = {
      create: [] as number[],
      compile: [] as number[],
      'first frame': [] as number[],
      total: [] as number[],
    };
    const stopWatching = watchWaits();
    const picture = drawPicture(size.width, size.height);
    for (let round = 0; round < rounds; round++) {
      sampling.signal?.throwIfAborted();
      const start = performance.now();
      const detector = await openDetector(host, precision);
      try {
        const created = performance.now();
        await detector.warmup(size, { image: picture });
        const compiled = performance.now();
        await detector.detect(picture, { size });
        const end = performance.now();
        times.create.push(created - start);
        times.compile.push(compiled - created);
        times['first frame'].push(end - compiled);
        times.total.push(end - start);
      } finally {
        detector.dispose();
      }
    }
    const waits = stopWatching?.();
    const weights = await timeWeights(measurement, rounds);
    const place = { size, precision };
    return {
      metrics: [
        metric(place, 'cold start to first regions', 'ms', times.total, {
          note: 'create (load, open, upload, compile the default size), compile and first frame follow',
        }),
        ...(['create', 'compile', 'first frame'] as const).map((part) =>
          metric(place, `cold start: ${part}`, 'ms', times[part]),
        ),
        metric(place, 'cold start: weights', 'ms', weights.ours, {
          note: 'folded, packed, uploaded, transformed: a part of create',
        }),
        metric(place, 'cold start: weights, as a plain writeBuffer', 'ms', weights.plain, {
          note: 'as many bytes as they take on the device',
        }),
        metric(
          place,
          'cold start: weights to a plain writeBuffer',
          'ratio',
          weights.ours.map((ms, round) => ms / weights.plain[round]),
        ),
        ...(waits
          ? [
              metric(place, 'cold start: longest wait of a timer', 'ms', Math.max(0, ...waits), {
                note: `in the main thread; ${waits.filter((ms) => ms > longMs).length} over ${longMs} ms in ${rounds} rounds`,
              }),
            ]
          : []),
      ],
    };
  },
};

/**
 * How long a page's timer is kept waiting, from now on. Chromium's observer of long tasks is blind to those that go on from
 * an answer of the network or of WebGPU, which are nearly all of ours. On a busy machine others keep it waiting too.
 */
function watchWaits(): (() => number[]) | undefined {
  if (typeof document === 'undefined') return undefined;
  const waits: number[] = [];
  let before = performance.now();
  const beat = setInterval(() => {
    const now = performance.now();
    waits.push(now - before - beatMs);
    before = now;
  }, beatMs);
  return () => {
    clearInterval(beat);
    return waits;
  };
}

const beatMs = 5;
/** What counts as a long task. */
const longMs = 50;

/** Milliseconds that the weights take from the file's bytes to the device, and that as many bytes take that are there. */
async function timeWeights(
  { context, precision, pipelines, network }: MeasurementContext,
  rounds: number,
): Promise<{ ours: number[]; plain: number[] }> {
  const { device, memory } = context;
  const form = { ...defaultForm(context, precision), outputs: 'PTB' as const };
  const constants = constantsOf(graphOf(await network(), form), precision);
  // Pipelines are compiled while weights load.
  for (const { transform } of constants.values()) if (transform) await pipelines.get(transform.kernel());
  const times = { ours: [] as number[], plain: [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const store = new ConstantStore(context, pipelines);
    try {
      const start = performance.now();
      await store.upload(constants);
      await device.queue.onSubmittedWorkDone();
      times.ours.push(performance.now() - start);
      const sizes = [...constants.keys()].map((name) => store.get(name).size);
      const values = new Uint8Array(Math.max(...sizes)).fill(1);
      const began = performance.now();
      const buffers = sizes.map((size) => {
        const usage = bufferUsage.storage | bufferUsage.copyTo;
        const buffer = memory.createBuffer({ label: 'plain', size, usage });
        device.queue.writeBuffer(buffer, 0, values, 0, size);
        return buffer;
      });
      await device.queue.onSubmittedWorkDone();
      times.plain.push(performance.now() - began);
      memory.free(...buffers);
    } finally {
      store.destroy();
    }
  }
  return times;
}
