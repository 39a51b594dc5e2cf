/** @file Everything that the pages fetch: pages, the contenders' code, the weights and the input. */

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import sharp from 'sharp';
import { lazyModules, leaveOut } from '../../scripts/lazy-modules.mjs';
import { shortShaders } from '../../scripts/short-shaders.mjs';
import type { ServedFile } from '../../scripts/static-server.ts';
import { readRecipe } from '../../src/input/recipe.ts';
import { openCheckpoint } from '../../src/models/checkpoint.ts';
import { isOnnx } from '../../src/onnx/sniff.ts';
import type { Setup } from './page/harness.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');

/** Pages of the contenders, and the one that drives them without Node. */
const pages = ['ours', 'onnxruntime', 'litert', 'compare'];

/** Packages of the peers. */
const peerPackages = ['onnxruntime-web', '@litertjs/core'];

const lazy = Object.values(lazyModules);
/** The library and what it loads when it is needed, as in dist/. */
const ourCode = Object.fromEntries(
  [{ module: 'src/index.ts', file: 'dbnet-webgpu.min.js' }, ...lazy].map(({ module, file }) => [
    file.replace(/\.js$/, ''),
    join(root, module),
  ]),
);

/** Versions of what is compared, by package. */
export type Versions = Record<string, string>;

/** What is served, by path. Paths below `/code/` and `/weights/` are what a user of a contender would download. */
export interface Prepared {
  files: Map<string, ServedFile>;
  versions: Versions;
  /** SHA-256 of weights file and input pixels, hexadecimal. */
  digests: { weights: string; pixels: string; litert?: string };
}

/**
 * Prepares all files. The image is brought to the network's size here, so that every contender gets the same pixels.
 * @param weights path of an ONNX file.
 * @param image path of a picture.
 * @param tflite path of the same network as .tflite, or undefined to leave out LiteRT.js.
 */
export async function prepareFiles(
  weights: string,
  image: string,
  size: { width: number; height: number },
  tflite?: string,
): Promise<Prepared> {
  const bytes = new Uint8Array(await readFile(weights));
  if (!isOnnx(bytes))
    throw new Error(`expected an ONNX file, which all can read, found ${basename(weights)}`);
  const { metadata } = await openCheckpoint(bytes);
  const pixels = await sharp(image)
    .resize({ ...size, fit: 'fill' })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer();
  const ort = moduleFiles('onnxruntime-web');
  const litert = tflite === undefined ? undefined : await litertFiles(tflite);
  const versions = await readVersions();
  const setup: Setup = {
    ...size,
    input: readRecipe(metadata).input,
    weights: `/weights/${basename(weights)}`,
    onnxruntime: { webgpu: ort.url('webgpu'), wasm: ort.url('wasm') },
    litert: litert?.urls,
    versions,
    image: basename(image),
  };
  const ortFiles = (await readdir(ort.folder)).filter((name) => /\.(mjs|wasm)$/.test(name));
  const files = new Map<string, ServedFile>([
    ['/setup.json', JSON.stringify(setup)],
    ['/pixels.rgba', pixels],
    ...pages.map((name): [string, ServedFile] => [
      `/page/${name}.html`,
      `<!doctype html><meta charset="utf-8"><title>dbnet-webgpu: ${name}</title><body><script type="module" src="/page/${name}.js"></script>`,
    ]),
    ...(await bundle(
      '/page',
      Object.fromEntries(pages.map((name) => [name, join(here, `page/${name}.ts`)])),
    )),
    ...(await bundle('/code/dbnet-webgpu', ourCode)),
    ...ortFiles.map((name): [string, ServedFile] => [
      `/code/onnxruntime-web/${name}`,
      { path: join(ort.folder, name) },
    ]),
    [setup.weights, bytes],
    ...(litert?.files ?? []),
  ]);
  const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
  return {
    files,
    versions,
    digests: { weights: sha256(bytes), pixels: sha256(pixels), litert: litert && sha256(litert.weights) },
  };
}

/** LiteRT.js as an application would bundle it, its WASM files, and the weights. */
async function litertFiles(tflite: string) {
  const folder = '/code/litert';
  const wasm = join(here, 'node_modules/@litertjs/core/wasm');
  const urls = {
    code: `${folder}/litert.js`,
    wasm: `${folder}/wasm/`,
    weights: `/weights/${basename(tflite)}`,
  };
  const weights = new Uint8Array(await readFile(tflite));
  const files: [string, ServedFile][] = [
    ...(await bundle(folder, { litert: fileURLToPath(import.meta.resolve('@litertjs/core')) })),
    ...(await readdir(wasm)).map((name): [string, ServedFile] => [
      urls.wasm + name,
      { path: join(wasm, name) },
    ]),
    [urls.weights, weights],
  ];
  return { urls, files, weights };
}

/** The files of a package that a page loads by `import 'NAME/ENTRY'`, where bundlers find them. */
function moduleFiles(name: string) {
  const find = (entry: string) => fileURLToPath(import.meta.resolve(`${name}/${entry}`));
  return {
    folder: dirname(find('webgpu')),
    url: (entry: string) => `/code/${name}/${basename(find(entry))}`,
  };
}

/** Minified modules as an application would ship them, by the path that they are served at. */
async function bundle(folder: string, entryPoints: Record<string, string>): Promise<[string, ServedFile][]> {
  const { outputFiles } = await build({
    entryPoints,
    outdir: folder,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    write: false,
    logLevel: 'warning',
    plugins: [leaveOut(lazy), shortShaders()],
  });
  return outputFiles.map(({ path, contents }) => [`${folder}/${basename(path)}`, contents]);
}

async function readVersions(): Promise<Versions> {
  const read = async (folder: string): Promise<[string, string]> => {
    const { name, version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    return [name, version];
  };
  return Object.fromEntries(
    await Promise.all([root, ...peerPackages.map((name) => join(here, 'node_modules', name))].map(read)),
  );
}

/** Size of a file as it is, and as gzip -9 makes it, bytes. */
export interface Bytes {
  raw: number;
  gzip: number;
}

export interface FileBytes extends Bytes {
  file: string;
}

/** Sizes of those `paths` that lie below `prefix`. */
export function fileBytes(
  { files }: Prepared,
  paths: readonly string[],
  prefix: string,
): Promise<FileBytes[]> {
  const below = paths.filter((path) => path.startsWith(prefix)).toSorted();
  return Promise.all(
    below.map(async (path) => {
      const file = files.get(path)!;
      const body = typeof file === 'object' && 'path' in file ? await readFile(file.path) : Buffer.from(file);
      return { file: basename(path), raw: body.length, gzip: gzipSync(body, { level: 9 }).length };
    }),
  );
}
