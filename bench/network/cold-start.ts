/**
 * @file Cold start: everything between nothing and the first regions, on a new device. Drivers and browsers keep
 * compiled shaders on disk, so only the first run after an update is cold in every respect.
 */

import { type Measurement, metric, openDetector } from './measurement.ts';
import { drawPicture } from './picture.ts';

export const coldStart: Measurement = {
  name: 'cold start',
  group: 'network',
  quick: true,
  perSize: true,
  async run({ host, size, precision, context, quick, sampling }) {
    const rounds = context.software ? (quick ? 1 : 3) : 5;
    const times = {
      create: [] as number[],
      compile: [] as number[],
      'first frame': [] as number[],
      total: [] as number[],
    };
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
    const place = { size, precision };
    return {
      metrics: [
        metric(place, 'cold start to first regions', 'ms', times.total, {
          note: 'create (load, open, upload), compile and first frame follow',
        }),
        ...(['create', 'compile', 'first frame'] as const).map((part) =>
          metric(place, `cold start: ${part}`, 'ms', times[part]),
        ),
      ],
    };
  },
};
