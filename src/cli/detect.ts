/** @file `dbnet-webgpu detect`: regions of images, as a table, JSON, overlays and maps. */

import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { flatten, white } from '../detector/background.ts';
import type { Detection, DetectOptions, Maps } from '../detector/types.ts';
import { writeSafetensors } from '../safetensors/index.ts';
import { describeError, EXIT, isFatal } from './failure.ts';
import { type JsonLines, openJsonLines } from './json-lines.ts';
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
import type { Detector, Services } from './services.ts';
import { openDetector } from './session.ts';
import { detectionSummary, regionTable } from './table.ts';

/** Arguments of the command. */
export interface DetectArguments extends ModelArguments, InputArguments, OutputArguments {}

/** What every image needs. */
interface Run {
  detector: Detector;
  options: DetectOptions;
  args: DetectArguments;
  plan: OutputPlan;
  json: JsonLines;
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
  const { cwd, signal, stdout, stderr, now } = services;
  const create = toCreateOptions(args, cwd);
  const plan = planOutputs(images, args, cwd, typeof create.weights === 'string' ? [create.weights] : []);
  const view = createProgressView(stderr, now, args.quiet ?? false);
  const needsThreshold =
    args.maps !== undefined ? '--maps' : args.binarize === 'B' ? '--binarize B' : undefined;
  const detector = await openDetector(create, services, view, needsThreshold);
  try {
    makeFolders(plan);
    const json = openJsonLines(plan.json, stdout);
    const options: DetectOptions = { ...toDetectOptions(args), onProgress: view.report, signal };
    const run: Run = { detector, options, args, plan, json, view, services };
    let failures = 0;
    try {
      for (const [index, image] of images.entries()) {
        signal.throwIfAborted();
        view.start(images.length === 1 ? image : `[${index + 1}/${images.length}] ${image}`);
        try {
          await detectImage(image, index, run);
        } catch (error) {
          if (signal.aborted || isFatal(error)) throw error;
          failures += 1;
          view.warn(`error: ${image}: ${describeError(error)}`);
        }
      }
    } finally {
      view.clear();
      json.close();
    }
    if (failures > 0 && images.length > 1) view.warn(`${failures} of ${images.length} images failed.`);
    return failures === 0 ? EXIT.done : EXIT.someFailed;
  } finally {
    detector.dispose();
  }
}

async function detectImage(image: string, index: number, run: Run): Promise<void> {
  const { detector, options, args, plan, json, view, services } = run;
  const { codec, cwd, signal, stdout } = services;
  const picture = await codec.decode(resolve(cwd, image), { ignoreOrientation: args.ignoreOrientation });
  const detection = await detector.detect(picture, options);
  const { width, height, truncated, regions } = detection;
  // First what was found: another file may turn out not to be writable.
  view.clear();
  json.write({ image, width, height, truncated, regions });
  if (plan.json !== STDOUT) stdout.write(describeImage(image, detection, args.shape ?? 'quad'));
  const overlay = plan.overlays[index];
  if (overlay !== undefined) {
    const opaque = flatten(picture, args.background ?? white);
    await codec.writeOverlay(overlay, opaque, drawOverlay(regions, width, height));
    view.note(`Overlay: ${displayPath(overlay, cwd)}`);
  }
  const mapsFile = plan.maps[index];
  if (mapsFile !== undefined) {
    const { size, background, onProgress } = options;
    const maps = await detector.maps(picture, { size, background, onProgress, signal });
    view.clear();
    await writeFile(mapsFile, encodeMaps(maps, image));
    view.note(`Maps: ${displayPath(mapsFile, cwd)}`);
  }
}

function describeImage(image: string, detection: Detection, shape: 'quad' | 'polygon'): string {
  const table = regionTable(detection.regions, shape);
  return `${image}: ${detectionSummary(detection)}\n${table === '' ? '' : `${table}\n`}`;
}

/** The maps as a safetensors file: `P`, `T` and `B`, each `[height, width]`, f32. */
function encodeMaps({ P, T, B, width, height }: Maps, image: string): Uint8Array {
  const tensor = (data: Float32Array) => ({ dtype: 'F32' as const, shape: [height, width], data });
  return writeSafetensors({ P: tensor(P), T: tensor(T), B: tensor(B) }, { image });
}
