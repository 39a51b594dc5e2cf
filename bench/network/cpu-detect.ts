/**
 * @file CPU work of one `detect()`: input, encoding, submitting, copying, post-processing. The call itself is timed,
 * on a device that leaves the dispatches out and gives a known map; the time in which it only waits is subtracted.
 */

import { TextDetector } from '../../src/detector/detector.ts';
import { resolveRegionOptions } from '../../src/postprocess/options.ts';
import { createRegionScratch } from '../../src/postprocess/region-scratch.ts';
import { findMaskCandidates } from '../../src/postprocess/regions.ts';
import { sumSpans } from '../../src/postprocess/score.ts';
import { bufferUsage } from '../../src/runtime/constants.ts';
import { openBenchDevice } from '../timing/bench-device.ts';
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
    const results = [map, mask, sumsOf(map, mask)].map((values) => {
      const usage = bufferUsage.copyFrom | bufferUsage.copyTo;
      const buffer = gpu.createBuffer({ size: values.byteLength, usage });
      gpu.queue.writeBuffer(buffer, 0, values);
      return buffer;
    });
    const waiting = stubDevice(gpu, results);
    const detector = await TextDetector.create({ weights: host.weights, device: gpu, tune: 'off' });
    try {
      const picture = drawPicture(size.width, size.height);
      const metrics = [];
      for (const scoreOn of ['cpu', 'gpu'] as const) {
        const work: number[] = [];
        const postprocess: number[] = [];
        let found = 0;
        for (let round = 0; round < warmUpRounds + rounds; round++) {
          sampling.signal?.throwIfAborted();
          waiting.reset();
          const options = { size, threshold, boxThreshold: 0.6, scoreOn };
          const { regions, timings } = await detector.detect(picture, options);
          found = regions.length;
          if (round < warmUpRounds) continue;
          work.push(timings.total - waiting.ms);
          postprocess.push(timings.postprocess);
        }
        const name = `cpu work of detect${scoreOn === 'gpu' ? ', scores on the GPU' : ''}`;
        if (found !== regionCount) {
          const error = `found ${found} regions instead of ${regionCount}`;
          metrics.push(failedMetric({ size }, `${name}, ${regionCount} regions`, 'ms', error));
          continue;
        }
        metrics.push(metric({ size }, `${name}, ${regionCount} regions`, 'ms', work));
        metrics.push(metric({ size }, `${name}: post-processing`, 'ms', postprocess));
      }
      return { metrics };
    } finally {
      detector.dispose();
      device.close();
    }
  },
};

/** What the GPU would add up for scores. */
function sumsOf(map: Float32Array, mask: Uint32Array): Float32Array<ArrayBuffer> {
  const options = resolveRegionOptions({ threshold });
  const { groups } = findMaskCandidates({ mask, ...size }, options, createRegionScratch());
  return Float32Array.from(sumSpans(map, groups));
}
