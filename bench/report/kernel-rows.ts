/** @file From what a case gave to the rows of the report. */

import type { Case } from '../cases/case.ts';
import type { VariantResult } from '../cases/run-case.ts';
import type { Sampled } from '../timing/interleave.ts';
import type { KernelRow, Roofline } from './report.ts';
import { ratesOf } from './roofline.ts';

export function kernelRows(entry: Case, results: readonly VariantResult[], roofline: Roofline): KernelRow[] {
  const timed = results.filter(({ hot, problem }) => hot && !problem);
  const best = timed.toSorted((a, b) => a.hot!.ms.median - b.hot!.ms.median)[0];
  return results.flatMap((result) => {
    const rows = [row(entry, result, 'hot', result.hot, result === best, roofline)];
    if (result.cold) rows.push(row(entry, result, 'cold', result.cold, result === best, roofline));
    return rows;
  });
}

function row(
  entry: Case,
  { variant, problem, error }: VariantResult,
  mode: KernelRow['mode'],
  sampled: Sampled | undefined,
  isBest: boolean,
  roofline: Roofline,
): KernelRow {
  const { flops, bytes } = variant.kernel;
  const valid = problem ? undefined : sampled;
  const rates = valid && ratesOf({ flops, bytes }, valid.ms.median, entry.precision, roofline);
  return {
    case: entry.name,
    group: entry.group,
    size: entry.size,
    precision: entry.precision,
    layers: [...entry.layers],
    variant: variant.name,
    isDefault: variant.isDefault,
    isBest,
    showAlways: entry.showAll === true || variant.isCustom === true,
    mode,
    flops,
    bytes,
    ms: valid?.ms ?? null,
    repetitions: valid?.repetitions ?? null,
    gflops: rates?.gflops ?? null,
    gbs: rates?.gbs ?? null,
    roofline: rates?.roofline ?? null,
    bound: rates?.bound ?? null,
    maxError: error !== undefined && Number.isFinite(error) ? error : null,
    error: problem ?? null,
  };
}
