/** @file `dbnet-webgpu tune`: the fastest tiles for this adapter, measured and kept. */

import { EXIT } from './failure.ts';
import { withJsonLines } from './json-lines.ts';
import { type ModelArguments, toCreateOptions } from './options.ts';
import { planOutputs, STDOUT } from './outputs.ts';
import { createProgressView } from './progress.ts';
import type { Services } from './services.ts';
import { openDetector } from './session.ts';
import { methodName, tuningSummary, tuningTable } from './table.ts';

/** Arguments of the command. */
export interface TuneArguments extends Pick<ModelArguments, 'weights' | 'precision' | 'size' | 'quiet'> {
  /** Milliseconds. */
  budget?: number;
  json?: string;
}

/**
 * Measures tiles at one size and says what was found and where it is kept.
 *
 * @returns The exit status: 0, or 1 if nothing could be measured.
 * @throws UsageError, or the error of a failure.
 */
export async function runTune(args: TuneArguments, services: Services): Promise<number> {
  const { cwd, signal, stdout, stderr, now } = services;
  const create = toCreateOptions(args, cwd);
  const inputs = typeof create.weights === 'string' ? [create.weights] : [];
  const plan = planOutputs([], { json: args.json, overlay: false }, cwd, inputs);
  const view = createProgressView(stderr, now, args.quiet ?? false);
  const detector = await openDetector(create, services, view);
  try {
    const report = await withJsonLines(plan.json, stdout, async (json) => {
      view.start('tuning');
      const measured = await detector
        .tune(args.size, { budgetMs: args.budget, onProgress: view.report, signal })
        .finally(() => view.clear());
      const { adapter, software, precision } = detector.info;
      await json.write({ adapter, software, precision, ...measured });
      return measured;
    });
    for (const { name, tile, winograd, reason } of report.rejected) {
      view.note(`${name}: ${methodName(tile, winograd)} was left out: ${reason.split('\n')[0]}`);
    }
    if (plan.json !== STDOUT) {
      const table = tuningTable(report);
      stdout.write(`${table === '' ? '' : `${table}\n`}${tuningSummary(report)}\n`);
    }
    if (report.classes.length === 0) {
      view.warn('error: nothing was measured; give it more time with --budget.');
      return EXIT.someFailed;
    }
    view.note(
      report.stored ? `Kept in ${report.stored}` : 'It could not be kept: the cache folder is not writable.',
    );
    return EXIT.done;
  } finally {
    detector.dispose();
  }
}
