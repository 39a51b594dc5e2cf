/** @file `dbnet-webgpu eval`: precision, recall and F of a labelled data set, ICDAR 2015 protocol. */

import type { DetectOptions } from '../detector/types.ts';
import { DBNetError } from '../errors.ts';
import { type ImageCounts, matchImage, rates, sumCounts } from '../eval/icdar.ts';
import { describeError, EXIT, isFatal } from './failure.ts';
import { openJsonLines } from './json-lines.ts';
import { checkLabelSize, type EvalImage, readEvalSet } from './label-files.ts';
import { type ModelArguments, toCreateOptions, toDetectOptions } from './options.ts';
import { planOutputs, STDOUT } from './outputs.ts';
import { createProgressView } from './progress.ts';
import type { Detector, Services } from './services.ts';
import { openDetector } from './session.ts';
import { ratesSummary } from './table.ts';

/** Arguments of the command. */
export interface EvalArguments extends ModelArguments {
  images: string;
  labels: string;
  json?: string;
}

/**
 * Detects text in the images of a data set and compares it with the labels. JSON: one line per image
 * `{ image, precision, recall, f, matched, labels, detections, dontCare, leftOut }`, then one line
 * `{ total: { ..., images, failed } }`. An image that fails is reported, and is no part of the totals.
 *
 * @returns The exit status: 0, or 1 if some image failed.
 * @throws UsageError, or the error of a failure that concerns all images.
 */
export async function runEval(args: EvalArguments, services: Services): Promise<number> {
  const { cwd, signal, stdout, stderr, now } = services;
  const set = readEvalSet(args.images, args.labels, cwd);
  const create = toCreateOptions(args, cwd);
  const inputs = [args.labels, ...set.images.flatMap(({ path }) => path ?? [])];
  const plan = planOutputs(
    [],
    { json: args.json, overlay: false },
    cwd,
    typeof create.weights === 'string' ? [...inputs, create.weights] : inputs,
  );
  const view = createProgressView(stderr, now, args.quiet ?? false);
  const needsThreshold = args.binarize === 'B' ? '--binarize B' : undefined;
  const detector = await openDetector(create, services, view, needsThreshold);
  try {
    if (set.unlabelled > 0) view.note(`Images without labels, left out: ${set.unlabelled}.`);
    const options: DetectOptions = { ...toDetectOptions(args), onProgress: view.report, signal };
    const json = openJsonLines(plan.json, stdout);
    const rows: ImageCounts[] = [];
    try {
      for (const [index, image] of set.images.entries()) {
        signal.throwIfAborted();
        view.start(`[${index + 1}/${set.images.length}] ${image.name}`);
        try {
          const counts = await evaluateImage(image, detector, options, services);
          rows.push(counts);
          const { pairs: _, ...row } = counts;
          json.write({ image: image.name, ...rates(counts), ...row });
        } catch (error) {
          if (signal.aborted || isFatal(error)) throw error;
          view.warn(`error: ${image.name}: ${describeError(error)}`);
        }
      }
      view.clear();
      const failed = set.images.length - rows.length;
      const total = sumCounts(rows);
      json.write({ total: { ...rates(total), ...total, images: rows.length, failed } });
      if (plan.json !== STDOUT) stdout.write(`${ratesSummary(total, rates(total), rows.length)}\n`);
      if (failed > 0)
        view.warn(`${failed} of ${set.images.length} images failed and are not part of the totals.`);
      return failed === 0 ? EXIT.done : EXIT.someFailed;
    } finally {
      view.clear();
      json.close();
    }
  } finally {
    detector.dispose();
  }
}

async function evaluateImage(
  image: EvalImage,
  detector: Detector,
  options: DetectOptions,
  { codec }: Services,
): Promise<ImageCounts> {
  const { path, problem, labels } = image;
  if (path === undefined) throw new DBNetError('load-failed', problem ?? 'the image is missing.');
  // Labels are in stored pixels, so the picture must not be turned.
  const picture = await codec.decode(path, { ignoreOrientation: true });
  checkLabelSize(image, picture);
  const { regions } = await detector.detect(picture, options);
  return matchImage(
    labels,
    regions.map(({ points }) => points),
  );
}
