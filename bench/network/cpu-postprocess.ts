/** @file CPU time of post-processing: a map with 100 regions, no GPU. */

import { createRegionScratch } from '../../src/postprocess/region-scratch.ts';
import { findRegions } from '../../src/postprocess/regions.ts';
import { failedMetric, type Measurement, metric } from './measurement.ts';
import { regionCount, regionMap } from './region-map.ts';

const size = { width: 1280, height: 736 };
const warmUpRounds = 5;
const rounds = 30;

export const cpuPostprocess: Measurement = {
  name: 'cpu post-processing',
  group: 'cpu',
  quick: true,
  perSize: false,
  async run() {
    const metrics = [];
    for (const shape of ['quad', 'polygon'] as const) {
      const name = `post-processing, ${regionCount} ${shape}s`;
      const data = regionMap(size.width, size.height);
      const scratch = createRegionScratch();
      const times: number[] = [];
      let found = 0;
      for (let round = 0; round < warmUpRounds + rounds; round++) {
        const start = performance.now();
        found = findRegions({ data, ...size }, { shape }, scratch).regions.length;
        if (round >= warmUpRounds) times.push(performance.now() - start);
      }
      metrics.push(
        found === regionCount
          ? metric({ size }, name, 'ms', times)
          : failedMetric({ size }, name, 'ms', `found ${found} regions instead of ${regionCount}`),
      );
    }
    return { metrics };
  },
};
