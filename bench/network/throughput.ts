/** @file Frames per second when several are in flight, so that the CPU's part and the GPU's overlap. */

import { type Measurement, metric, openDetector } from './measurement.ts';
import { drawPicture } from './picture.ts';

const framesInFlight = 3;

export const throughput: Measurement = {
  name: 'detect throughput',
  group: 'network',
  quick: true,
  perSize: true,
  async run({ host, size, precision, sampling, context }) {
    const detector = await openDetector(host, precision);
    try {
      const picture = drawPicture(size.width, size.height);
      await detector.detect(picture, { size });
      const frames = context.software ? framesInFlight : 20 * framesInFlight;
      const rates: number[] = [];
      for (let round = 0; round < (context.software ? 1 : 5); round++) {
        sampling.signal?.throwIfAborted();
        const start = performance.now();
        let begun = 0;
        const lane = async () => {
          while (begun++ < frames) await detector.detect(picture, { size });
        };
        await Promise.all(Array.from({ length: framesInFlight }, lane));
        rates.push((1000 * frames) / (performance.now() - start));
      }
      const name = `detect throughput, ${framesInFlight} in flight`;
      return { metrics: [metric({ size, precision }, name, 'frames/s', rates, { better: 'higher' })] };
    } finally {
      detector.dispose();
    }
  },
};
