/** @file Does memory grow with the number of frames and of sizes? Counted at the device, not by the library. */

import { TextDetector } from '../../src/detector/detector.ts';
import { openBenchDevice } from '../device.ts';
import { parseSizes } from '../settings.ts';
import { type Measurement, metric } from './measurement.ts';
import { drawPicture } from './picture.ts';
import { trackMemory } from './track-memory.ts';

/** Five sizes each, in turns. */
const sizesOnGpu = '320x320,640x640,640x480,960x544,1280x736';
const sizesOnCpu = '32x32,64x32,64x64,96x64,96x96';

const frames = 200;
const earlyFrames = 10;

export const memoryGrowth: Measurement = {
  name: 'memory growth',
  group: 'network',
  quick: false,
  perSize: false,
  async run({ host, context, sampling }) {
    const device = await openBenchDevice(host.gpu);
    const memory = trackMemory(device.context.device);
    const detector = await TextDetector.create({
      weights: host.weights,
      device: device.context.device,
      tune: 'off',
    });
    try {
      const sizes = parseSizes(context.software ? sizesOnCpu : sizesOnGpu);
      let early = 0;
      for (let frame = 1; frame <= frames; frame++) {
        sampling.signal?.throwIfAborted();
        const size = sizes[frame % sizes.length];
        await detector.detect(drawPicture(size.width, size.height), { size });
        if (frame === earlyFrames) early = memory.bytes;
      }
      return {
        metrics: [
          metric({}, `GPU memory after ${earlyFrames} frames of 5 sizes`, 'MB', early / 1e6),
          metric({}, `GPU memory after ${frames} frames of 5 sizes`, 'MB', memory.bytes / 1e6),
        ],
      };
    } finally {
      detector.dispose();
      device.close();
    }
  },
};
