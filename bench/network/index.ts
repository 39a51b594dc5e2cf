/** @file All measurements of the whole network and of the CPU's part, in the order in which they run. */

import { codeSize } from './code-size.ts';
import { coldStart } from './cold-start.ts';
import { cpuDetect } from './cpu-detect.ts';
import { cpuPostprocess } from './cpu-postprocess.ts';
import { detectLatency } from './detect-latency.ts';
import { gpuTime } from './gpu-time.ts';
import { networkLadder } from './ladder.ts';
import { layerTimes } from './layer-times.ts';
import type { Measurement } from './measurement.ts';
import { throughput } from './throughput.ts';
import { trainingStep } from './training-step.ts';
import { tunedPlan } from './tuned-plan.ts';

export const measurements: readonly Measurement[] = [
  coldStart,
  gpuTime,
  layerTimes,
  detectLatency,
  throughput,
  tunedPlan,
  networkLadder,
  trainingStep,
  cpuPostprocess,
  cpuDetect,
  codeSize,
];
