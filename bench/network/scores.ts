/**
 * @file Scores on the CPU against scores on the GPU, without the network: a known map lies on the GPU, and the clock
 * runs from the copy to the regions. One form reads P back, the other waits for the GPU twice.
 */

import { resolveRegionOptions } from '../../src/postprocess/options.ts';
import { createRegionScratch } from '../../src/postprocess/region-scratch.ts';
import { findMaskCandidates, findRegions, finishRegions } from '../../src/postprocess/regions.ts';
import type { RegionResult } from '../../src/postprocess/types.ts';
import { bufferUsage } from '../../src/runtime/constants.ts';
import { HeldMaps } from '../../src/runtime/held-maps.ts';
import { ReadbackPool } from '../../src/runtime/readback.ts';
import { summarize } from '../timing/statistics.ts';
import { failedMetric, type Measurement, metric } from './measurement.ts';
import { maskOf, regionMap } from './region-map.ts';

const warmUpRounds = 5;
const rounds = 30;

/** Scores of both forms differ by no more. */
const tolerance = 1e-5;

export const scores: Measurement = {
  name: 'scores',
  group: 'network',
  quick: true,
  perSize: true,
  async run({ context, pipelines, size, sampling }) {
    const { device } = context;
    const options = resolveRegionOptions({});
    const data = regionMap(size.width, size.height);
    const bits = maskOf(data, options.threshold);
    const scratch = createRegionScratch();
    const readback = new ReadbackPool(context);
    const held = new HeldMaps(context, pipelines);
    const [map, mask] = [data, bits].map((values) => {
      const usage = bufferUsage.copyFrom | bufferUsage.copyTo;
      const buffer = device.createBuffer({ size: values.byteLength, usage });
      device.queue.writeBuffer(buffer, 0, values);
      return buffer;
    });
    let bytes = { cpu: 0, gpu: 0 };

    const onCpu = async (): Promise<RegionResult> => {
      const total = map.size + mask.size;
      const staging = await readback.acquire(total);
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(map, 0, staging, 0, map.size);
      encoder.copyBufferToBuffer(mask, 0, staging, map.size, mask.size);
      device.queue.submit([encoder.finish()]);
      const mapped = await readback.map(staging, total);
      const read = {
        data: new Float32Array(mapped, 0, data.length),
        mask: new Uint32Array(mapped, map.size),
      };
      const found = findRegions({ ...read, ...size }, options, scratch);
      readback.release(staging);
      bytes = { ...bytes, cpu: total };
      return found;
    };
    const onGpu = async (): Promise<RegionResult> => {
      const kept = await held.hold(map.size);
      const staging = await readback.acquire(mask.size);
      const encoder = device.createCommandEncoder();
      encoder.copyBufferToBuffer(map, 0, kept.buffer, 0, map.size);
      encoder.copyBufferToBuffer(mask, 0, staging, 0, mask.size);
      device.queue.submit([encoder.finish()]);
      const mapped = await readback.map(staging, mask.size);
      const { candidates, groups } = findMaskCandidates(
        { mask: new Uint32Array(mapped, 0, bits.length), ...size },
        options,
        scratch,
      );
      const sums = await held.sum(kept, groups);
      const found = finishRegions(candidates, sums, options, size);
      readback.release(staging);
      held.release(kept);
      bytes = { ...bytes, gpu: mask.size + sums.byteLength };
      return found;
    };

    try {
      await held.prepare();
      const times = { cpu: [] as number[], gpu: [] as number[] };
      let problem: string | undefined;
      let regions = 0;
      for (let round = 0; round < warmUpRounds + rounds && !problem; round++) {
        sampling.signal?.throwIfAborted();
        const start = performance.now();
        const fromCpu = await onCpu();
        const between = performance.now();
        const fromGpu = await onGpu();
        if (round >= warmUpRounds) {
          times.cpu.push(between - start);
          times.gpu.push(performance.now() - between);
        }
        regions = fromCpu.regions.length;
        problem = difference(fromGpu, fromCpu);
      }
      if (problem)
        return { metrics: [failedMetric({ size }, 'map to regions, scores on the GPU', 'ms', problem)] };
      const [cpu, gpu] = [summarize(times.cpu), summarize(times.gpu)];
      return {
        metrics: [
          metric({ size }, 'map to regions, scores on the CPU', 'ms', cpu, {
            note: `${regions} regions; P and the mask are read back`,
          }),
          metric({ size }, 'map to regions, scores on the GPU', 'ms', gpu, {
            note: 'the mask is read back, then sums of P',
          }),
          metric({ size }, 'scores on the CPU against the GPU', 'ratio', cpu.median / gpu.median, {
            better: 'higher',
            note: 'above 1 where scoreOn: gpu pays',
          }),
          metric({ size }, 'read back, scores on the CPU', 'bytes', bytes.cpu),
          metric({ size }, 'read back, scores on the GPU', 'bytes', bytes.gpu),
        ],
      };
    } finally {
      readback.destroy();
      held.destroy();
      map.destroy();
      mask.destroy();
    }
  },
};

/** What makes two results different, if anything does. */
function difference(found: RegionResult, expected: RegionResult): string | undefined {
  const points = ({ regions }: RegionResult) => JSON.stringify(regions.map((region) => region.points));
  if (points(found) !== points(expected)) return 'the regions are not those with scores on the CPU';
  const off = found.regions.findIndex(
    ({ score }, i) => !(Math.abs(score - expected.regions[i].score) <= tolerance),
  );
  return off < 0
    ? undefined
    : `score ${off} is ${found.regions[off].score} instead of ${expected.regions[off].score}`;
}
