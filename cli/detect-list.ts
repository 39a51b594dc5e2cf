/** @file `dbnet-webgpu detect --from`: the images of a list, or one machine's part of it, as lines of JSON. */

import { messageOf } from '../src/describe.ts';
import { DBNetError } from '../src/errors.ts';
import { type DetectArguments, detectImage, openForDetection, toRow } from './detect.ts';
import { EXIT, isFatal, namesLine, UsageError } from './failure.ts';
import { readImageList, type Shard } from './image-list.ts';
import { type JsonLines, withJsonLines } from './json-lines.ts';
import { type FailedRow, openListOutput } from './list-output.ts';
import { toCreateOptions } from './options.ts';
import { planOutputs, STDOUT } from './outputs.ts';
import { createProgressView, type ProgressView } from './progress.ts';
import type { Services } from './services.ts';

/** Arguments of the command where the images stand in a list. */
export interface DetectListArguments extends DetectArguments {
  /** The list: a file, or `-` for standard input. */
  from: string;
  /** The part of the list that is this run's; without it, all of it. */
  shard?: Shard;
}

/**
 * Detects text in the images of a list with one detector: a line per image, with its regions or with its error. To a
 * file each line goes as soon as it is known; images that have one from an earlier run, and not of an error, are done.
 *
 * @returns The exit status: 0, or 1 if some image failed.
 * @throws UsageError, or the error of a failure that concerns all images (weights, adapter, lost device).
 */
export async function runDetectList(args: DetectListArguments, services: Services): Promise<number> {
  const { json, from, shard = { index: 1, count: 1 } } = args;
  if (typeof args.overlay === 'string' || args.maps !== undefined) {
    throw new UsageError(
      '--from goes with --json alone: for --overlay and --maps give the images themselves.',
    );
  }
  if (json === undefined) throw new UsageError('--from needs --json: a file, or - for standard output.');
  const { cwd, signal, stderr, now } = services;
  const { weights } = toCreateOptions(args, cwd);
  const inputs = [weights, from].filter((path) => typeof path === 'string');
  const plan = planOutputs([], { json, overlay: false }, cwd, inputs);
  const images = await readImageList(from, shard, { cwd, stdin: services.stdin, signal });
  const view = createProgressView(stderr, now, args.quiet ?? false);
  if (plan.json === STDOUT) {
    return withJsonLines(STDOUT, services.stdout, (lines) =>
      detectAll(images, 0, args, lines, services, view),
    );
  }
  const output = await openListOutput(plan.json!, images, cwd);
  try {
    const left = images.filter((image) => !output.done.has(image));
    return await detectAll(left, output.done.size, args, output, services, view);
  } finally {
    await output.close();
  }
}

/**
 * Detects text in images and writes a line for each.
 *
 * @param before How many images of this run's part are done already.
 */
async function detectAll(
  images: readonly string[],
  before: number,
  args: DetectArguments,
  lines: JsonLines,
  services: Services,
  view: ProgressView,
): Promise<number> {
  if (before > 0) view.note(`Done by an earlier run: ${before} of ${before + images.length} images.`);
  if (images.length === 0) {
    view.note('No image is left to do.');
    return EXIT.done;
  }
  const { signal } = services;
  const { detector, options } = await openForDetection(args, services, view);
  const failed: string[] = [];
  try {
    for (const [index, image] of images.entries()) {
      signal.throwIfAborted();
      view.start(`[${before + index + 1}/${before + images.length}] ${image}`);
      let row: ReturnType<typeof toRow> | FailedRow;
      try {
        const { detection } = await detectImage(image, { detector, options, args, services });
        row = toRow(image, detection);
      } catch (error) {
        if (signal.aborted || isFatal(error)) throw error;
        failed.push(image);
        row = { image, error: toRowError(error) };
      }
      await lines.write(row);
    }
  } finally {
    view.clear();
    detector.dispose();
    if (failed.length > 0) {
      const count = `${failed.length} of ${images.length} images`;
      view.warn(`error: ${count} failed, and their lines say why: ${namesLine(failed)}.`);
    }
  }
  return failed.length === 0 ? EXIT.done : EXIT.someFailed;
}

function toRowError(error: unknown): FailedRow['error'] {
  return { code: error instanceof DBNetError ? error.code : null, message: messageOf(error) };
}
