/** @file One case on the device: its variants compared, then those that are right timed, hot and cold; as rows. */

import { messageOf } from '../../src/describe.ts';
import type { GpuContext } from '../../src/gpu/device.ts';
import type { PipelineCache } from '../../src/gpu/pipelines.ts';
import { type Roofline, ratesOf } from '../../src/tuning/roofline.ts';
import { type Sampled, type Timer, type TurnOptions, takeTurns } from '../../src/tuning/timing.ts';
import { type Bound, Workbench } from '../../src/tuning/workbench.ts';
import type { KernelRow } from '../report/report.ts';
import type { Case, Variant } from './cases.ts';

export interface CaseOptions extends TurnOptions {
  context: GpuContext;
  pipelines: PipelineCache;
  timer: Timer;
  roofline: Roofline;
  /** Bytes over which cold runs rotate; 0: no cold runs. */
  coldFootprint: number;
  /** What is wrong with the case's layers by the definition, if anything. */
  problem?: string;
  /** What holds the image. */
  image: () => ReadonlyMap<string, GPUBindingResource>;
}

interface Result {
  variant: Variant;
  bound?: Bound;
  /** Why there are no times: it does not compile, or its output is wrong. */
  problem?: string;
  hot?: Sampled;
  /** Of the best and the default variant only. */
  cold?: Sampled;
}

/** The most copies of a kernel's inputs. */
const maxCopies = 256;

export async function runCase(entry: Case, options: CaseOptions): Promise<KernelRow[]> {
  const { context, pipelines, timer, coldFootprint, problem, roofline, signal } = options;
  const results: Result[] = entry.variants.map((variant) => ({ variant, problem }));
  const kernels = entry.variants.flatMap(({ kernel, prepare }) => (prepare ? [prepare, kernel] : [kernel]));
  const bench = await Workbench.create(
    context,
    pipelines,
    kernels.map((kernel) => ({ kernel })),
    entry.readsImage ? options.image() : undefined,
  );
  const bounds: Bound[] = [];
  const bind = async (bound: Promise<Bound>) => {
    bounds.push(await bound);
    return bounds[bounds.length - 1];
  };
  try {
    let hasReference = false;
    for (const result of results) {
      if (result.problem) continue;
      signal?.throwIfAborted();
      const { kernel, prepare } = result.variant;
      try {
        if (prepare) await bench.run(await bind(bench.bind([{ kernel: prepare }])));
        const bound = await bind(bench.bind([{ kernel }]));
        if (hasReference) await bench.compare(bound, entry.tolerance);
        else await bench.keep(bound);
        hasReference = true;
        result.bound = bound;
      } catch (error) {
        if (context.lost) throw error;
        result.problem = messageOf(error);
      }
    }
    const right = results.filter(({ bound }) => bound);
    const hot = await takeTurns(
      timer,
      right.map(({ bound }) => bound!),
      options,
    );
    for (const [i, result] of right.entries()) {
      result.hot = hot[i];
      result.problem ??= hot[i] ? undefined : 'the GPU clock gave no valid sample';
    }
    const best = fastest(right);
    const chosen = right.filter((one) => one.hot && (one === best || one.variant.isDefault));
    if (coldFootprint > 0 && chosen.length > 0 && !entry.readsImage) {
      const works: Bound[] = [];
      for (const { variant } of chosen) {
        const bytes = Math.max(bench.inputBytes(variant.kernel), 1);
        const copies = Math.min(Math.max(Math.ceil(coldFootprint / bytes), 2), maxCopies);
        works.push(await bind(bench.bindCold({ kernel: variant.kernel }, copies)));
      }
      const cold = await takeTurns(timer, works, options);
      for (const [i, result] of chosen.entries()) result.cold = cold[i];
    }
    return results.flatMap((result) => [
      row(entry, result, 'hot', result === best, roofline),
      ...(result.cold ? [row(entry, result, 'cold', result === best, roofline)] : []),
    ]);
  } finally {
    for (const bound of bounds) bound.destroy();
    bench.destroy();
  }
}

const fastest = (results: readonly Result[]): Result | undefined =>
  results
    .filter(({ hot, problem }) => hot && !problem)
    .toSorted((a, b) => a.hot!.ms.median - b.hot!.ms.median)[0];

function row(
  entry: Case,
  { variant, problem, ...result }: Result,
  mode: KernelRow['mode'],
  isBest: boolean,
  roofline: Roofline,
): KernelRow {
  const { flops, bytes } = variant.kernel;
  const sampled = problem ? undefined : result[mode];
  const rates = sampled && ratesOf({ flops, bytes }, sampled.ms.median, entry.precision, roofline);
  return {
    case: entry.name,
    group: entry.group,
    size: entry.size,
    precision: entry.precision,
    layers: entry.layers,
    variant: variant.name,
    isDefault: variant.isDefault,
    isBest,
    showAlways: entry.showAll === true || variant.isCustom === true,
    mode,
    flops,
    bytes,
    ms: sampled?.ms ?? null,
    repetitions: sampled?.repetitions ?? null,
    gflops: rates?.gflops ?? null,
    gbs: rates?.gbs ?? null,
    roofline: rates?.roofline ?? null,
    bound: rates?.bound ?? null,
    error: problem ?? null,
  };
}
