/** @file `dbnet-webgpu label-maps`: the targets of training that labels stand for, as pictures. */

import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { flatten, white } from '../src/input/background.ts';
import { type LabelArrays, type LabelMapOptions, type LabelMaps, labelMaps } from '../src/labels/index.ts';
import { describeError, EXIT, isFatal, UsageError } from './failure.ts';
import { withJsonLines } from './json-lines.ts';
import { checkLabelSize, type LabelsArguments, labelsLine, readImageLabels, stemOf } from './label-files.ts';
import { checkDistinct, displayPath, planOutputs, STDOUT } from './outputs.ts';
import { drawOverlay } from './overlay.ts';
import { createProgressView } from './progress.ts';
import { replaceFile } from './replace-file.ts';
import type { Services } from './services.ts';

/** Arguments of the command. */
export interface LabelMapsArguments extends LabelsArguments, Partial<LabelMapOptions> {
  size?: { width: number; height: number };
  ignoreOrientation?: boolean;
  out?: string;
  json?: string;
  quiet?: boolean;
}

/** What is drawn of each map, and what of it its file is named by. */
const MAPS: { name: keyof LabelArrays; title: string; suffix: string }[] = [
  { name: 'probability', title: 'Probability', suffix: '.probability.png' },
  { name: 'probabilityMask', title: 'Probability mask', suffix: '.probability-mask.png' },
  { name: 'threshold', title: 'Threshold', suffix: '.threshold.png' },
  { name: 'thresholdMask', title: 'Threshold mask', suffix: '.threshold-mask.png' },
];
const OVERVIEW = '.labels.png';

/**
 * Draws the label maps of one image, and the polygons over it. JSON: one line
 * `{ image, width, height, polygons, text, ignored: [{ index, reason }] }`.
 *
 * @param image For its size and the overview; left out if the size is given otherwise.
 * @returns The exit status: 0, or 1 if the image or its labels are the reason for a failure.
 * @throws UsageError, or the error of another failure.
 */
export async function runLabelMaps(
  image: string | undefined,
  args: LabelMapsArguments,
  services: Services,
): Promise<number> {
  const { codec, cwd, signal, stdout, stderr, now } = services;
  const {
    labels: labelsPath,
    labelFormat,
    size,
    ignoreOrientation,
    out,
    json: jsonPath,
    quiet = false,
    ...options
  } = args;
  if (image !== undefined && size !== undefined) {
    throw new UsageError('--size is for labels without an image; leave out one of them.');
  }
  const labelled = readImageLabels({ labels: labelsPath, labelFormat }, image, cwd);
  const inputs = [labelled.file, ...(image === undefined ? [] : [image])];
  const plan = planOutputs([], { json: jsonPath, overlay: false }, cwd, inputs);
  const stem = image === undefined ? stemOf(labelled.file).replace(/^gt_/i, '') : stemOf(image);
  const folder = outputFolder(out, cwd);
  const fileOf = (suffix: string) => join(folder, stem + suffix);
  const files = MAPS.map(({ suffix }) => fileOf(suffix));
  const json = plan.json === undefined || plan.json === STDOUT ? [] : [plan.json];
  checkDistinct([...json, ...files, ...(image === undefined ? [] : [fileOf(OVERVIEW)])], inputs, cwd);

  const view = createProgressView(stderr, now, quiet);
  const shown = image ?? labelsPath;
  view.note(labelsLine({ format: labelled.format, images: [labelled] }));
  try {
    const picture =
      image === undefined ? undefined : await codec.decode(resolve(cwd, image), { ignoreOrientation });
    const dimensions = picture ?? size ?? sizeOfLabels(labelled);
    checkLabelSize(labelled, dimensions);
    const maps = labelMaps(labelled.labels, dimensions, options);
    signal.throwIfAborted();

    mkdirSync(folder, { recursive: true });
    const { width, height, ignored } = maps;
    for (const [i, { name, title }] of MAPS.entries()) {
      await replaceFile(files[i], await codec.encodeGrey(toGrey(maps[name]), width, height));
      view.note(`${title}: ${displayPath(files[i], cwd)}`);
    }
    if (picture !== undefined) {
      const overview = drawOverlay(labelled.labels, width, height);
      const opaque = flatten(picture, white);
      await replaceFile(fileOf(OVERVIEW), await codec.encodeOverlay(opaque, overview, 'png'));
      view.note(`Labels: ${displayPath(fileOf(OVERVIEW), cwd)}`);
    }
    const polygons = labelled.labels.length;
    const line = { image: shown, width, height, polygons, text: polygons - ignored.length, ignored };
    await withJsonLines(plan.json, stdout, (json) => json.write(line));
    if (plan.json !== STDOUT) stdout.write(`${shown}: ${summary(maps, polygons)}\n`);
    return EXIT.done;
  } catch (error) {
    if (signal.aborted || isFatal(error)) throw error;
    view.warn(`error: ${shown}: ${describeError(error)}`);
    return EXIT.someFailed;
  }
}

/** The folder that the pictures go to: an existing one, or one that will be made. */
function outputFolder(out: string | undefined, cwd: string): string {
  if (out === undefined) return cwd;
  const folder = resolve(cwd, out);
  if (out === '' || out === STDOUT || (existsSync(folder) && !statSync(folder).isDirectory())) {
    throw new UsageError(`--out expects a folder; ${out === '' ? 'nothing' : out} is none.`);
  }
  return folder;
}

function sizeOfLabels({ width, height }: { width?: number; height?: number }) {
  if (width !== undefined && height !== undefined) return { width, height };
  throw new UsageError('The labels do not say for which size they are: give the image, or --size.');
}

/** 0 to 1 as 0 to 255. */
function toGrey(map: Float32Array): Uint8Array {
  return Uint8Array.from(map, (value) => Math.round(255 * value));
}

/** Labels are numbered as in the overview. */
function summary({ width, height, ignored }: LabelMaps, total: number): string {
  const byReason = new Map<string, number[]>();
  for (const { index, reason } of ignored) byReason.set(reason, [...(byReason.get(reason) ?? []), index + 1]);
  const left = [...byReason].map(([reason, numbers]) => `${numbers.join(', ')} (${reason})`).join('; ');
  const labels = `${total} ${total === 1 ? 'label' : 'labels'}`;
  const text = `${width} x ${height}, ${labels}, ${total - ignored.length} of them text`;
  return left === '' ? text : `${text}; ignored: ${left}`;
}
