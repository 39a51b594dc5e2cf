/** @file Latency of `detect()`, from pixels to regions in hand, and what the detector holds on the GPU. */

import type { Timings } from '../../src/detect/types.ts';
import { type Measurement, metric, openDetector } from './measurement.ts';
import { drawPicture } from './picture.ts';

const stages = ['preprocess', 'network', 'readback', 'postprocess'] as const satisfies (keyof Timings)[];

export const detectLatency: Measurement = {
  name: 'detect latency',
  group: 'network',
  quick: true,
  perSize: true,
  async run({ host, size, precision, sampling }) {
    const detector = await openDetector(host, precision);
    try {
      const picture = drawPicture(size.width, size.height);
      const { regions } = await detector.detect(picture, { size });
      const timings: Timings[] = [];
      for (let i = 0; i < sampling.samples; i++) {
        sampling.signal?.throwIfAborted();
        timings.push((await detector.detect(picture, { size })).timings);
      }
      const place = { size, precision };
      const times = (stage: keyof Timings) => timings.map((one) => one[stage]);
      return {
        metrics: [
          metric(place, 'detect latency', 'ms', times('total'), {
            note: `${regions.length} regions; ${stages.join(', ')} follow`,
          }),
          ...stages.map((stage) => metric(place, `detect latency: ${stage}`, 'ms', times(stage))),
          ...Object.entries(detector.memory).map(([use, bytes]) =>
            metric(place, `detector memory: ${use}`, 'MB', bytes / 1e6),
          ),
        ],
      };
    } finally {
      detector.dispose();
    }
  },
};
