/**
 * @file Builds dist/ from src/. `npm run build` writes all of it; `node scripts/build.mjs --cli` writes the
 * command line program only, in a fraction of a second.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { lazyModules, leaveOut, nameWorkerThread, workerThread } from './lazy-modules.mjs';
import { shortShaders } from './short-shaders.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The package's `exports`, by name of the built file. */
const LIBRARY = {
  index: 'src/index.ts',
  postprocess: 'src/postprocess/index.ts',
  labels: 'src/labels/index.ts',
  eval: 'src/eval/index.ts',
  train: 'src/train/index.ts',
  safetensors: 'src/safetensors/index.ts',
  kernels: 'src/kernels/index.ts',
  worker: 'src/worker/index.ts',
  weights: 'src/weights.ts',
};
/** `dbnet-webgpu/node`, which no page loads. */
const NODE = 'src/platform/index.ts';
const CLI = 'cli/main.ts';
/** The scripts of the pages; not part of the package. */
const PAGES = Object.fromEntries(
  Object.keys(createRequire(import.meta.url)('../pages/pages.json')).map((name) => [
    name,
    `pages/${name}/main.ts`,
  ]),
);

/** What the command line asks for by name when it is missing. */
const OPTIONAL_PEERS = ['webgpu', 'sharp', '@sparticuz/chromium'];

/** @type {import('esbuild').BuildOptions} */
const common = {
  absWorkingDir: root,
  bundle: true,
  format: 'esm',
  target: 'es2022',
  sourcemap: true,
  outdir: 'dist',
  logLevel: 'warning',
};

/** Modules that bundlers of applications share and shake; dependencies stay imports. */
const buildLibrary = () =>
  build({
    ...common,
    entryPoints: LIBRARY,
    splitting: true,
    chunkNames: 'chunks/[hash]',
    packages: 'external',
    plugins: [nameWorkerThread()],
  });

const lazy = Object.values(lazyModules);

const buildForNode = () =>
  build({ ...common, entryPoints: { node: NODE }, platform: 'node', target: 'node20', packages: 'external' });

/** One file without imports: whatever starts it need not bundle it. */
const buildWorkerThread = () =>
  build({
    ...common,
    entryPoints: { [workerThread.file.replace(/\.js$/, '')]: workerThread.module },
    plugins: [shortShaders()],
    minify: true,
    legalComments: 'eof',
  });

/** Files for a page without a bundler: a detector, what it loads, a trainer, and the pages' scripts. */
const buildForPages = () =>
  build({
    ...common,
    entryPoints: {
      'dbnet-webgpu.min': LIBRARY.index,
      'dbnet-webgpu-train.min': LIBRARY.train,
      'dbnet-webgpu-worker.min': LIBRARY.worker,
      ...PAGES,
      ...Object.fromEntries(lazy.map(({ module, file }) => [file.replace(/\.js$/, ''), module])),
    },
    plugins: [leaveOut(lazy), nameWorkerThread(), shortShaders()],
    minify: true,
    // Licences of bundled dependencies that their sources state.
    legalComments: 'eof',
  });

/** The command line program with its own dependencies, which the package therefore does not depend on. */
const buildCli = async () => {
  const { dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
  await build({
    ...common,
    entryPoints: { cli: CLI },
    platform: 'node',
    target: 'node20',
    external: [...OPTIONAL_PEERS, ...Object.keys(dependencies).flatMap((name) => [name, `${name}/*`])],
    // CommonJS packages that are bundled call `require` for Node's own modules.
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
    },
  });
};

/** `.d.ts` files by tsc, their relative imports ending in `.js`, as every consumer's resolution understands them. */
async function buildTypes() {
  const tsc = join(
    dirname(createRequire(import.meta.url).resolve('@typescript/native/package.json')),
    'bin/tsc',
  );
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('tsc found errors: see above');
  for (const entry of await readdir(join(root, 'dist'), { recursive: true, withFileTypes: true })) {
    if (!entry.name.endsWith('.d.ts')) continue;
    const path = join(entry.parentPath, entry.name);
    const text = await readFile(path, 'utf8');
    // tsc rewrites these endings in JavaScript only.
    await writeFile(path, text.replaceAll(/((?:from |import\()(['"])\.{1,2}\/[^'"]*)\.ts\2/g, '$1.js$2'));
  }
}

async function main() {
  const onlyCli = process.argv.includes('--cli');
  const missing = [
    ...(onlyCli ? [] : [...Object.values(LIBRARY), NODE, workerThread.module, ...Object.values(PAGES)]),
    CLI,
  ].filter((path) => !existsSync(join(root, path)));
  if (missing.length > 0) throw new Error(`entry points are missing: ${missing.join(', ')}`);
  if (onlyCli) return buildCli();
  await rm(join(root, 'dist'), { recursive: true, force: true });
  await Promise.all([
    buildLibrary(),
    buildForNode(),
    buildForPages(),
    buildWorkerThread(),
    buildCli(),
    buildTypes(),
  ]);
}

try {
  await main();
} catch (error) {
  // esbuild has printed its own errors.
  if (!(error instanceof Error && 'errors' in error)) console.error(`build: ${error.message}`);
  process.exitCode = 1;
}
