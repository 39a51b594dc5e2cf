/** @file Where a time stands against the measured roofline (Williams, Waterman and Patterson, 2009). */

import type { Precision } from '../../src/kernels/wgsl.ts';
import type { Roofline } from './report.ts';

export interface Rates {
  gflops: number;
  gbs: number;
  roofline: number | null;
  bound: 'compute' | 'memory' | null;
}

/**
 * Rates of work that took `ms`. The share of the roofline is the time that the roofs allow over the time taken:
 * max(flops / peak, bytes / bandwidth) / time.
 */
export function ratesOf(
  { flops, bytes }: { flops: number; bytes: number },
  ms: number,
  precision: Precision,
  { f32GFlops, f16GFlops, copyGBs }: Roofline,
): Rates {
  const peak = precision === 'f16' ? f16GFlops : f32GFlops;
  const gflops = flops / ms / 1e6;
  const gbs = bytes / ms / 1e6;
  if (!peak || !copyGBs) return { gflops, gbs, roofline: null, bound: null };
  const computeShare = gflops / peak;
  const memoryShare = gbs / copyGBs;
  return {
    gflops,
    gbs,
    roofline: Math.max(computeShare, memoryShare),
    bound: computeShare >= memoryShare ? 'compute' : 'memory',
  };
}
