/** @file `dbnet-webgpu eval`: precision, recall and F of a labelled data set, ICDAR 2015 protocol. */

import type { DetectOptions } from '../src/detect/types.ts';
import { rates } from '../src/eval/icdar.ts';
import { evaluateImages, FaultReport, type ImageEvaluation } from './evaluation.ts';
import { EXIT } from './failure.ts';
import { withJsonLines } from './json-lines.ts';
import { filesOf, type LabelsArguments, labelsLine, readEvalSet, warnOfMissing } from './label-files.ts';
import { type InputArguments, type ModelArguments, toCreateOptions, toDetectOptions } from './options.ts';
import { planOutputs, STDOUT } from './outputs.ts';
import { createProgressView } from './progress.ts';
import type { Services } from './services.ts';
import { openDetector } from './session.ts';
import { ratesSummary } from './table.ts';

/** Arguments of the command. */
export interface EvalArguments extends ModelArguments, InputArguments, LabelsArguments {
  images: string;
  json?: string;
}

/**
 * Detects text in the images of a data set and compares it with the labels. JSON: one line per image
 * `{ image, precision, recall, f, matched, labels, detections, dontCare, leftOut, faulty: [{ index, reason }] }`, then
 * one line `{ total: { ..., images, failed, faulty } }`. Labels that cannot be those of a text are counted and named. An image that fails is reported, and is no part of the totals.
 *
 * @returns The exit status: 0, or 1 if some image failed.
 * @throws UsageError, or the error of a failure that concerns all images.
 */
export async function runEval(args: EvalArguments, services: Services): Promise<number> {
  const { cwd, signal, stdout, stderr, now } = services;
  const set = readEvalSet(args.images, args, cwd);
  const create = toCreateOptions(args, cwd);
  const inputs = filesOf(set);
  const plan = planOutputs(
    [],
    { json: args.json, overlay: false },
    cwd,
    typeof create.weights === 'string' ? [...inputs, create.weights] : inputs,
  );
  const view = createProgressView(stderr, now, args.quiet ?? false);
  view.note(labelsLine(set));
  warnOfMissing(set, view.warn);
  const needsThreshold = args.binarize === 'B' ? '--binarize B' : undefined;
  const detector = await openDetector(create, services, view, needsThreshold);
  try {
    if (set.unlabelled > 0) view.note(`Images without labels, left out: ${set.unlabelled}.`);
    const options: DetectOptions = { ...toDetectOptions(args), onProgress: view.report, signal };
    const label = (index: number) => `[${index + 1}/${set.images.length}]`;
    const faults = new FaultReport();
    const labelled = { images: set.images, ignoreOrientation: args.ignoreOrientation ?? false };
    const total = await withJsonLines(plan.json, stdout, async (json) => {
      const row = (image: string, { pairs: _, ...counts }: ImageEvaluation) => {
        faults.add(image, counts.faulty);
        return json.write({ image, ...rates(counts), ...counts });
      };
      const result = await evaluateImages(labelled, detector, options, services, view, label, row);
      await json.write({ total: result });
      return result;
    });
    if (plan.json !== STDOUT) stdout.write(`${ratesSummary(total, total, total.images)}\n`);
    if (faults.line !== undefined) view.warn(faults.line);
    if (total.failed > 0) {
      view.warn(`${total.failed} of ${set.images.length} images failed and are not part of the totals.`);
    }
    return total.failed === 0 ? EXIT.done : EXIT.someFailed;
  } finally {
    detector.dispose();
  }
}
