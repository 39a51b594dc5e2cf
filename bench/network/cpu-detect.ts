/**
 * @file CPU work of one `detect()`: input, encoding, submitting, copying, post-processing. The call itself is timed,
 * on a device that leaves the dispatches out and gives a known map; the time in which it only waits is subtracted.
 */

import { TextDetector } from '../../src/detect/detector.ts';
import { bufferUsage } from '../../src/gpu/buffer-usage.ts';
import { openBenchDevice } from '../device.ts';
import { failedMetric, type Measurement, metric } from './measurement.ts';
import { drawPicture } from './picture.ts';
import { maskOf, regionCount, regionMap } from './region-map.ts';
import { stubDevice } from './stub-device.ts';

const size = { width: 640, height: 640 };
const threshold = 0.3;
const warmUpRounds = 5;
const rounds = 30;

export const cpuDetect: Measurement = {
  name: 'cpu detect',
  group: 'cpu',
  quick: true,
  perSize: false,
  async run({ host, sampling }) {
    const device = await openBenchDevice(host.gpu);
    const gpu = device.context.device;
    const map = regionMap(size.width, size.height);
    const mask = maskOf(map, threshold);
    const results = [map, mask].map((values) => {
      const usage = bufferUsage.copyFrom | bufferUsage.copyTo;
      const buffer = gpu.createBuffer({ size: values.byteLength, usage });
      gpu.queue.writeBuffer(buffer, 0, values);
      return buffer;
    });
    const waiting = stubDevice(gpu, results);
    const detector = await TextDetector.create({ weights: host.weights, device: gpu, tune: 'off' });
    try {
      const picture = drawPicture(size.width, size.height);
      const work: number[] = [];
      const postprocess: number[] = [];
      let found = 0;
      for (let round = 0; round < warmUpRounds + rounds; round++) {
        sampling.signal?.throwIfAborted();
        waiting.reset();
        const { regions, timings } = await detector.detect(picture, { size, threshold, boxThreshold: 0.6 });
        found = regions.length;
        if (round < warmUpRounds) continue;
        work.push(timings.total - waiting.ms);
        postprocess.push(timings.postprocess);
      }
      const name = 'cpu work of detect';
      if (found !== regionCount) {
        const error = `found ${found} regions instead of ${regionCount}`;
        return { metrics: [failedMetric({ size }, `${name}, ${regionCount} regions`, 'ms', error)] };
      }
      return {
        metrics: [
          metric({ size }, `${name}, ${regionCount} regions`, 'ms', work),
          metric({ size }, `${name}: post-processing`, 'ms', postprocess),
        ],
      };
    } finally {
      detector.dispose();
      device.close();
    }
  },
};
