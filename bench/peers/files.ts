/** @file Everything that the pages fetch: pages, the contenders' code, weights in each format, and the input. */

import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import sharp from 'sharp';
import { lazyModules, leaveOut } from '../../scripts/lazy-modules.mjs';
import type { ServedFile } from '../../scripts/static-server.ts';
import { readNetwork } from './network.ts';
import { writeOnnx } from './onnx.ts';
import type { Setup } from './page/harness.ts';
import { writeTfjsModel } from './tfjs-model.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../..');

/** Versions of what is compared, by package. */
export type Versions = Record<string, string>;

/** What is served, by path. Paths below `/code/` and `/weights/` are what a user of a contender would download. */
export interface Prepared {
  files: Map<string, ServedFile>;
  versions: Versions;
  /** SHA-256 of weights file and input pixels, hexadecimal. */
  digests: { weights: string; pixels: string };
}

/**
 * Prepares all files. The image is brought to the network's size here, so that every contender gets the same pixels.
 * @param weights path of a safetensors file.
 * @param image path of a picture.
 */
export async function prepareFiles(
  weights: string,
  image: string,
  size: { width: number; height: number },
): Promise<Prepared> {
  const bytes = new Uint8Array(await readFile(weights));
  const { network, recipe } = readNetwork(bytes);
  const { model, weights: tfjsWeights } = writeTfjsModel(network);
  const pixels = await sharp(image)
    .resize({ ...size, fit: 'fill' })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer();
  const setup: Setup = { ...size, input: recipe };

  const ort = join(here, 'node_modules/onnxruntime-web/dist');
  const ortFiles = (await readdir(ort)).filter((name) => /\.(mjs|wasm)$/.test(name));
  const files = new Map<string, ServedFile>([
    ['/setup.json', JSON.stringify(setup)],
    ['/pixels.rgba', pixels],
    ...['ours', 'onnxruntime', 'tfjs'].map((name): [string, ServedFile] => [
      `/page/${name}.html`,
      `<!doctype html><title>${name}</title><script type="module" src="/page/${name}.js"></script>`,
    ]),
    ...(await bundlePages()),
    ['/code/dbnet-webgpu/dbnet-webgpu.js', await bundleCode(join(root, 'src/index.ts'))],
    ['/code/tfjs/tfjs.js', await bundleCode(join(here, 'tfjs-entry.mjs'))],
    ...ortFiles.map((name): [string, ServedFile] => [
      `/code/onnxruntime-web/${name}`,
      { path: join(ort, name) },
    ]),
    ['/weights/db-resnet18.safetensors', bytes],
    ['/weights/db-resnet18.onnx', writeOnnx(network, size)],
    ['/weights/db-resnet18.tfjs.json', JSON.stringify(model)],
    ['/weights/db-resnet18.tfjs.bin', tfjsWeights],
  ]);
  const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');
  return {
    files,
    versions: await readVersions(),
    digests: { weights: sha256(bytes), pixels: sha256(pixels) },
  };
}

const browserBuild = {
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  platform: 'browser',
  write: false,
  logLevel: 'warning',
} satisfies BuildOptions;

/** A contender's code as an application would ship it: one minified file. */
async function bundleCode(entry: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    ...browserBuild,
    entryPoints: [entry],
    plugins: [leaveOut([lazyModules.tuner])],
  });
  return outputFiles[0].contents;
}

async function bundlePages(): Promise<[string, ServedFile][]> {
  const { outputFiles } = await build({
    ...browserBuild,
    entryPoints: ['ours', 'onnxruntime', 'tfjs'].map((name) => join(here, `page/${name}.ts`)),
    outdir: '/page',
    outbase: join(here, 'page'),
  });
  return outputFiles.map(({ path, contents }) => [`/page/${path.split(/[\\/]/).at(-1)}`, contents]);
}

async function readVersions(): Promise<Versions> {
  const read = async (folder: string): Promise<[string, string]> => {
    const { name, version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    return [name, version];
  };
  const peers = ['onnxruntime-web', '@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-webgpu'];
  return Object.fromEntries(
    await Promise.all([root, ...peers.map((name) => join(here, 'node_modules', name))].map(read)),
  );
}
