/** @file Which files a run writes, decided and checked before anything is computed. */

import { type BigIntStats, existsSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve, sep } from 'node:path';
import { UsageError } from './failure.ts';
import { OVERLAY_EXTENSIONS } from './image-codec.ts';
import { packageWeights } from './package-files.ts';

/** Where results go, as the command line says it. */
export interface OutputArguments {
  /** A file, or `-` for standard output. */
  json?: string;
  /** A file; a folder with several images; `false` for none; left out for the default name. */
  overlay?: string | false;
  /** A file; a folder with several images. */
  maps?: string;
}

/** Where results go; paths are absolute, one per image. */
export interface OutputPlan {
  json: string | undefined;
  overlays: (string | undefined)[];
  maps: (string | undefined)[];
}

/** Extensions of the files that are written, which nobody gives a folder by chance. */
const FILE_EXTENSIONS = [...OVERLAY_EXTENSIONS, 'safetensors'];

/** Standard output, as `--json` names it. */
export const STDOUT = '-';

/**
 * Decides the output files. One image: `--overlay` and `--maps` name a file, or an existing folder. Several:
 * a folder, which is made. Names in folders are `<image>.regions.png` and `<image>.maps.safetensors`, with a
 * number where two images have the same name. Without `--overlay` the overlays go to the current folder.
 *
 * @param inputs Files that must not be overwritten, in addition to the images.
 * @throws UsageError where two outputs, or an output and an input, are the same file, or a folder is missing.
 */
export function planOutputs(
  images: readonly string[],
  { json, overlay, maps }: OutputArguments,
  cwd: string,
  inputs: readonly string[] = [],
): OutputPlan {
  const plan: OutputPlan = {
    json: json === undefined || json === STDOUT ? json : resolve(cwd, json),
    overlays:
      overlay === false
        ? images.map(() => undefined)
        : planFiles(images, overlay ?? `.${sep}`, '.regions.png', '--overlay', cwd),
    maps:
      maps === undefined
        ? images.map(() => undefined)
        : planFiles(images, maps, '.maps.safetensors', '--maps', cwd),
  };
  if (typeof overlay === 'string') checkExtensions(plan.overlays);
  if (plan.json !== undefined && plan.json !== STDOUT) checkFile(plan.json, '--json');
  const outputs = [plan.json === STDOUT ? undefined : plan.json, ...plan.overlays, ...plan.maps];
  checkDistinct(
    outputs.filter((path) => path !== undefined),
    [...images, ...inputs],
    cwd,
  );
  return plan;
}

/** Makes the folders that the files of a plan lie in. */
export function makeFolders({ overlays, maps }: OutputPlan): void {
  for (const path of [...overlays, ...maps]) {
    if (path !== undefined) mkdirSync(dirname(path), { recursive: true });
  }
}

/** A path as people would type it here: relative if it lies in the current folder. */
export function displayPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short === '' || short.startsWith('..') ? path : short;
}

function planFiles(
  images: readonly string[],
  target: string,
  suffix: string,
  option: string,
  cwd: string,
): string[] {
  if (target === '' || target === STDOUT) {
    throw new UsageError(`${option} expects a file or a folder, not "${target}".`);
  }
  const path = resolve(cwd, target);
  const isFolder = existsSync(path) && statSync(path).isDirectory();
  const saysFolder = /[/\\]$/.test(target);
  if (images.length === 1 && !isFolder && !saysFolder) {
    checkFile(path, option);
    return [path];
  }
  if (existsSync(path) && !isFolder) {
    throw new UsageError(`${option} expects a folder when there are several images; ${target} is a file.`);
  }
  if (!isFolder && !saysFolder && FILE_EXTENSIONS.includes(extname(target).slice(1).toLowerCase())) {
    throw new UsageError(
      `${option} expects a folder when there are several images; ${target} looks like a file. ` +
        `For a folder of that name: ${target}/`,
    );
  }
  return uniqueNames(images).map((name) => join(path, name + suffix));
}

/** Names of images without folder and extension, numbered from the second of the same name on. */
function uniqueNames(images: readonly string[]): string[] {
  const taken = new Set<string>();
  return images.map((image) => {
    const stem = basename(image, extname(image));
    let name = stem;
    for (let n = 2; taken.has(name.toLowerCase()); n++) name = `${stem}-${n}`;
    taken.add(name.toLowerCase());
    return name;
  });
}

/** @throws UsageError if a folder stands in a file's place, or its folder is missing. */
export function checkFile(path: string, option: string): void {
  if (existsSync(path) && statSync(path).isDirectory()) {
    throw new UsageError(`${option} expects a file; ${path} is a folder.`);
  }
  checkFolder(path, option);
}

/** @throws UsageError if the folder of a file is missing. */
export function checkFolder(path: string, option: string): void {
  if (existsSync(dirname(path))) return;
  throw new UsageError(`${option}: the folder ${dirname(path)} does not exist.`);
}

function checkExtensions(paths: readonly (string | undefined)[]): void {
  for (const path of paths) {
    const extension = extname(path ?? '')
      .slice(1)
      .toLowerCase();
    if (path !== undefined && !OVERLAY_EXTENSIONS.includes(extension)) {
      throw new UsageError(
        `--overlay writes ${OVERLAY_EXTENSIONS.map((known) => `.${known}`).join(', ')}; found "${basename(path)}". ` +
          'With several images, or with a / at the end, it names a folder.',
      );
    }
  }
}

/**
 * Two paths are the same file if they lead to the same place of the same disk: by links, hard ones too, and by other ways
 * of writing a name. The weights that come with the package are never written.
 *
 * @param outputs Absolute paths of files that are to be written.
 * @throws UsageError where two outputs, or an output and an input, are the same file.
 */
export function checkDistinct(outputs: readonly string[], inputs: readonly string[], cwd: string): void {
  const seen = new Map(inputs.map((path) => [identify(resolve(cwd, path)), 'is an input']));
  const shipped = packageWeights();
  if (shipped !== undefined) seen.set(identify(shipped), 'holds the weights of the package');
  for (const path of outputs) {
    // What is written to a device is not kept.
    if (existsSync(path) && !statSync(path).isFile()) continue;
    const file = identify(path);
    const clash = seen.get(file);
    if (clash !== undefined) {
      throw new UsageError(`${displayPath(path, cwd)} would be overwritten: it ${clash}.`);
    }
    seen.set(file, 'is written twice');
  }
}

/** The same text for the same file. */
function identify(path: string): string {
  const stat = statOf(path);
  // Some file systems of Windows number no files.
  if (stat !== undefined && stat.ino !== 0n) return `${stat.dev}:${stat.ino}`;
  if (stat !== undefined) return realpathSync.native(path);
  const folder = dirname(path);
  const real = existsSync(folder) ? realpathSync.native(folder) : folder;
  // On most disks of macOS and Windows a.json and A.json will be one file.
  return join(real, basename(path)).toLowerCase();
}

function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true });
  } catch {
    // It is not there, or no path at all, as the address of weights; opening it will say so.
    return undefined;
  }
}
