/** @file `dbnet-webgpu detect`: regions of images, as a table, JSON, overlays and maps. */

import { extname, resolve } from 'node:path';
import type { Detection, DetectOptions, Maps } from '../src/detect/types.ts';
import { flatten, white } from '../src/input/background.ts';
import type { RawImage, SizeRule } from '../src/input/types.ts';
import { writeSafetensors } from '../src/safetensors/index.ts';
import { describeError, EXIT, isFatal } from './failure.ts';
import { type JsonLines, withJsonLines } from './json-lines.ts';
import { type InputArguments, type ModelArguments, toCreateOptions, toDetectOptions } from './options.ts';
import {
  displayPath,
  makeFolders,
  type OutputArguments,
  type OutputPlan,
  planOutputs,
  STDOUT,
} from './outputs.ts';
import { drawOverlay } from './overlay.ts';
import { createProgressView, type ProgressView } from './progress.ts';
import { replaceFile } from './replace-file.ts';
import type { Detector, Services } from './services.ts';
import { openDetector } from './session.ts';
import { detectionSummary, regionTable, warningLine } from './table.ts';

/** Arguments of the command. */
export interface DetectArguments extends ModelArguments, InputArguments, OutputArguments {}

/** What every image needs. */
interface Run {
  detector: Detector;
  options: DetectOptions;
  args: DetectArguments;
  plan: OutputPlan;
  view: ProgressView;
  services: Services;
}

/**
 * Detects text in images with one detector. An image that fails is reported on stderr, the others go on.
 *
 * @returns The exit status: 0, or 1 if some image failed.
 * @throws UsageError, or the error of a failure that concerns all images (weights, adapter, lost device).
 */
export async function runDetect(
  images: readonly string[],
  args: DetectArguments,
  services: Services,
): Promise<number> {
  const { cwd, stdout, stderr, now } = services;
  const { weights } = toCreateOptions(args, cwd);
  const plan = planOutputs(images, args, cwd, typeof weights === 'string' ? [weights] : []);
  const view = createProgressView(stderr, now, args.quiet ?? false);
  const { detector, options } = await openForDetection(args, services, view);
  try {
    makeFolders(plan);
    const run: Run = { detector, options, args, plan, view, services };
    const failures = await withJsonLines(plan.json, stdout, (json) => detectImages(images, run, json));
    if (failures > 0 && images.length > 1) view.warn(`${failures} of ${images.length} images failed.`);
    return failures === 0 ? EXIT.done : EXIT.someFailed;
  } finally {
    detector.dispose();
  }
}

/** Opens the detector, with what every call of it is given. Throws as {@link openDetector} does. */
export async function openForDetection(
  args: DetectArguments,
  services: Services,
  view: ProgressView,
): Promise<{ detector: Detector; options: DetectOptions }> {
  const { cwd, signal } = services;
  const needsThreshold = args.binarize === 'B' ? '--binarize B' : undefined;
  const detector = await openDetector(toCreateOptions(args, cwd), services, view, needsThreshold);
  const options = withSoftwareSize(toDetectOptions(args), detector, view);
  return { detector, options: { ...options, onProgress: view.report, signal } };
}

/** The sides on a software adapter, where the weights' own may take minutes. */
const softwareShortSide = 736;
const softwareLongSide = 1344;

/** Options with a smaller size for a software adapter, unless one is given; one line says so. */
function withSoftwareSize(options: DetectOptions, { info }: Detector, view: ProgressView): DetectOptions {
  const { size } = options;
  if (!info.software || (size && 'width' in size)) return options;
  const { shortSide, longSide } = ownSides(info.weights.size);
  if (shortSide > softwareShortSide && size?.shortSide === undefined) {
    const times = (shortSide / softwareShortSide) ** 2;
    view.note(
      `Without a GPU the short side is scaled to ${softwareShortSide}; --short-side ${shortSide}, the weights' own, finds ` +
        `more and takes ${times.toFixed(1)} times as long.`,
    );
    return { ...options, size: { ...size, shortSide: softwareShortSide } };
  }
  if (longSide > softwareLongSide && size?.shortSide === undefined && size?.maxLongSide === undefined) {
    const times = (longSide / softwareLongSide) ** 2;
    view.note(
      `Without a GPU the long side is scaled to ${softwareLongSide} at most; --max-long-side ${longSide}, the weights' own, ` +
        `finds more in large pictures and takes up to ${times.toFixed(1)} times as long.`,
    );
    return { ...options, size: { ...size, maxLongSide: softwareLongSide } };
  }
  return options;
}

/** The sides that decide how long weights take, pixels; 0 where they say nothing of one. */
function ownSides(rule: SizeRule): { shortSide: number; longSide: number } {
  switch (rule.rule) {
    case 'shortSide':
      return { shortSide: rule.value, longSide: 0 };
    case 'fit':
      return { shortSide: rule.shortSide, longSide: 0 };
    case 'limit':
      return { shortSide: 0, longSide: rule.side === 'long' ? rule.value : rule.longest };
    case 'fixed':
      return { shortSide: 0, longSide: 0 };
  }
}

/** @returns How many images failed. */
async function detectImages(images: readonly string[], run: Run, json: JsonLines): Promise<number> {
  const { args, plan, view, services } = run;
  const { signal, stdout } = services;
  let failures = 0;
  const fail = (image: string, error: unknown) => {
    if (signal.aborted || isFatal(error)) throw error;
    failures += 1;
    view.warn(`error: ${image}: ${describeError(error)}`);
  };
  try {
    for (const [index, image] of images.entries()) {
      signal.throwIfAborted();
      view.start(images.length === 1 ? image : `[${index + 1}/${images.length}] ${image}`);
      const options = plan.maps[index] === undefined ? run.options : { ...run.options, maps: true };
      let found: Found;
      try {
        found = await detectImage(image, { ...run, options });
      } catch (error) {
        fail(image, error);
        continue;
      }
      view.clear();
      // Before other files, which may turn out not to be writable.
      await json.write(toRow(image, found.detection));
      if (plan.json !== STDOUT) stdout.write(describeImage(image, found.detection, args.shape ?? 'quad'));
      for (const warning of found.detection.warnings) view.warn(`warning: ${image}: ${warningLine(warning)}`);
      await writeFiles(image, index, found, run).catch((error) => fail(image, error));
    }
  } finally {
    view.clear();
  }
  return failures;
}

/** An image, and what is in it. */
interface Found {
  picture: RawImage;
  detection: Detection;
}

/** Reads an image and detects text in it. */
export async function detectImage(
  image: string,
  { detector, options, args, services }: Pick<Run, 'detector' | 'options' | 'args' | 'services'>,
): Promise<Found> {
  const { codec, cwd } = services;
  const picture = await codec.decode(resolve(cwd, image), { ignoreOrientation: args.ignoreOrientation });
  return { picture, detection: await detector.detect(picture, options) };
}

/** The line of JSON of an image. */
export function toRow(
  image: string,
  { width, height, network, truncated, warnings, runsOn, regions }: Detection,
): { image: string } & Omit<Detection, 'timings' | 'maps'> {
  return { image, width, height, network, truncated, warnings, runsOn, regions };
}

/** Writes the overlay and the maps that are asked for, and says so. */
async function writeFiles(
  image: string,
  index: number,
  { picture, detection }: Found,
  { args, plan, view, services }: Run,
): Promise<void> {
  const { codec, cwd } = services;
  const overlay = plan.overlays[index];
  if (overlay !== undefined) {
    const svg = drawOverlay(detection.regions, picture.width, picture.height);
    const opaque = flatten(picture, args.background ?? white);
    await replaceFile(overlay, await codec.encodeOverlay(opaque, svg, extname(overlay).slice(1)));
    view.note(`Overlay: ${displayPath(overlay, cwd)}`);
  }
  const mapsFile = plan.maps[index];
  if (mapsFile !== undefined) {
    await replaceFile(mapsFile, encodeMaps(detection.maps!, image));
    view.note(`Maps: ${displayPath(mapsFile, cwd)}`);
  }
}

function describeImage(image: string, detection: Detection, shape: 'quad' | 'polygon'): string {
  const table = regionTable(detection.regions, shape);
  return `${image}: ${detectionSummary(detection)}\n${table === '' ? '' : `${table}\n`}`;
}

/**
 * The maps as a safetensors file: `P`, and `T` and `B` if the weights have them, each `[height, width]`, f32. Metadata:
 * `image`, and where the image does not fill the maps `content`, as JSON.
 */
function encodeMaps({ P, T, B, width, height, content }: Maps, image: string): Uint8Array {
  const tensors = Object.entries({ P, T, B }).flatMap(([name, data]) =>
    data ? [[name, { dtype: 'F32' as const, shape: [height, width], data }] as const] : [],
  );
  return writeSafetensors(Object.fromEntries(tensors), {
    image,
    ...(content && { content: JSON.stringify(content) }),
  });
}
