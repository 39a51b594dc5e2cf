/** @file Are a network's maps right? They are compared with those of the plain, unfused network. */

import type { Precision } from '../../src/kernels/wgsl.ts';
import { CompiledNetwork, maskThreshold } from './compiled-network.ts';
import type { Outputs } from './load-network.ts';
import type { MeasurementContext } from './measurement.ts';

/** Largest |difference| allowed; B is k times as steep as P and T. */
const tolerances: Readonly<Record<Precision, Readonly<Record<string, number>>>> = {
  f32: { P: 1e-4, T: 1e-4, B: 5e-3 },
  f16: { P: 5e-3, T: 5e-3, B: 0.25 },
};

/** Small direct tiles in f32: the simplest kernels that there are. */
const plainTile = { kind: 'direct', pixels: 4, channels: 4 } as const;

/** The bytes of each map: f32, and of the mask words of 32 bits. */
export type Maps = ReadonlyMap<string, ArrayBuffer>;

/** Maps of the unfused network in f32: what all others are judged by. */
export async function referenceMaps(
  { context, pipelines, size, network }: MeasurementContext,
  outputs: Outputs,
): Promise<Maps> {
  const plain = await CompiledNetwork.compile(context, pipelines, await network(), {
    size,
    outputs,
    fusions: [],
    choice: { precision: 'f32', tile: () => plainTile, headPixels: 1 },
  });
  try {
    return await plain.maps();
  } finally {
    plain.destroy();
  }
}

/** What is wrong with maps; undefined if nothing is. */
export function mapsProblem(found: Maps, expected: Maps, precision: Precision): string | undefined {
  for (const [name, bytes] of found) {
    const problem =
      name === 'mask'
        ? maskProblem(new Uint32Array(bytes), new Float32Array(found.get('P')!))
        : mapProblem(name, new Float32Array(bytes), expected.get(name), tolerances[precision][name]);
    if (problem) return problem;
  }
  return undefined;
}

function mapProblem(
  name: string,
  found: Float32Array,
  expected: ArrayBuffer | undefined,
  tolerance: number,
): string | undefined {
  if (!expected) return `there is nothing to compare map ${name} with`;
  const reference = new Float32Array(expected);
  let worst = 0;
  for (let i = 0; i < reference.length; i++) {
    const difference = Math.abs(found[i] - reference[i]);
    if (Number.isNaN(difference)) return `map ${name} has NaN at ${i}: not written?`;
    worst = Math.max(worst, difference);
  }
  return worst > tolerance
    ? `map ${name} is off by ${worst.toPrecision(3)}, more than ${tolerance}`
    : undefined;
}

/** The mask must be what its own P says. */
function maskProblem(words: Uint32Array, probability: Float32Array): string | undefined {
  const threshold = Math.fround(maskThreshold);
  for (let i = 0; i < probability.length; i++) {
    const bit = ((words[i >>> 5] >>> (i & 31)) & 1) === 1;
    if (bit !== probability[i] > threshold) return `bit ${i} of the mask is wrong: P is ${probability[i]}`;
  }
  return undefined;
}
