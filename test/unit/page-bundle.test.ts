/** @file Bundles for pages: what they hold and do not hold, how large they are, and errors across them. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build, type Metafile, type Plugin } from 'esbuild';
import { beforeAll, expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { lazyModules, leaveOut, nameWorkerThread, workerThread } from '../../scripts/lazy-modules.mjs';
import { shortShaders } from '../../scripts/short-shaders.mjs';
import { DBNetError } from '../../src/errors.ts';
import { loadModule } from '../../src/load-module.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What package.json exports for pages, by its types' sources. */
const entries = Object.entries(manifest.exports).flatMap(([name, target]) =>
  name === './node' || typeof target === 'string'
    ? []
    : [target.types.replace(/^\.\/dist(.*)\.d\.ts$/, 'src$1.ts')],
);

interface Bundle {
  code: string;
  /** Paths of the modules in it, from the project's root. */
  modules: string[];
  /** What it loads. */
  imports: string[];
  gzipped: number;
}

const withoutLazy = [leaveOut(Object.values(lazyModules)), nameWorkerThread(), shortShaders()];

async function bundle(entry: string, plugins: Plugin[] = withoutLazy): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    legalComments: 'eof',
    write: false,
    metafile: true,
    plugins,
  });
  const [output] = Object.values(metafile.outputs) as Metafile['outputs'][string][];
  const modules = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const [{ text: code, contents }] = outputFiles;
  return {
    code,
    modules: modules.map(([path]) => path),
    imports: output.imports.map(({ path }) => path),
    gzipped: gzipSync(contents, { level: 9 }).length,
  };
}

let page: Bundle;
let worker: { page: Bundle; thread: Bundle };
const lazy = new Map<string, Bundle>();

beforeAll(async () => {
  page = await bundle('src/index.ts');
  worker = { page: await bundle('src/worker/index.ts'), thread: await bundle(workerThread.module, []) };
  for (const { module, file } of Object.values(lazyModules)) lazy.set(file, await bundle(module));
});

it("a page's bundle holds what inference needs, and no more", () => {
  const foreign = [
    /^src\/(train|labels|eval|platform)\//,
    /^src\/kernels\/train\//,
    // Of the readers of other formats what tells such files.
    /^src\/(onnx|torch)\/(?!sniff\.ts)/,
    /^(test|bench|cli|scripts)\//,
  ];
  expect(page.modules.filter((path) => foreign.some((pattern) => pattern.test(path)))).toEqual([]);
  const folders = page.modules.map((path) => path.match(/^src\/([^/]+)\//)?.[1]).filter(Boolean);
  expect([...new Set(folders)].sort()).toEqual([
    'detect',
    'geometry',
    'gpu',
    'graph',
    'input',
    'kernels',
    'models',
    'onnx',
    'postprocess',
    'regions',
    'safetensors',
    'torch',
    'tuning',
  ]);
  // Of these folders what is loaded when it is needed, and the only dependency that is large.
  expect(page.modules).not.toContain('src/tuning/workbench.ts');
  expect(page.modules).not.toContain('src/postprocess/regions.ts');
  expect(page.modules.filter((path) => path.includes('clipper2-ts'))).toEqual([]);
});

it('what is loaded when it is needed has a file of its own', () => {
  for (const [file, { code }] of lazy) {
    expect(page.code).toContain(`import("./${file}")`);
    expect(code).toMatch(/export\s?\{/);
  }
  expect(lazy.get(lazyModules.tuner.file)?.modules).toContain('src/tuning/workbench.ts');
  expect(lazy.get(lazyModules.regions.file)?.modules).toContain('src/postprocess/regions.ts');
  const readers = lazy.get(lazyModules.readers.file)?.modules;
  expect(readers).toContain('src/onnx/read.ts');
  expect(readers).toContain('src/torch/pickle.ts');
});

it("of a worker's detector the page holds the way to it, and the worker all of the rest, in one file", () => {
  const folders = worker.page.modules.map((path) => path.match(/^src\/([^/]+)\//)?.[1]).filter(Boolean);
  expect([...new Set(folders)].sort()).toEqual(['gpu', 'input', 'safetensors', 'worker']);
  expect(worker.page.modules.filter((path) => path.startsWith('src/gpu/'))).toEqual([
    'src/gpu/texture-usage.ts',
  ]);
  // In the form that bundlers know.
  expect(worker.page.code).toContain(
    `new Worker(new URL("./${workerThread.file}",import.meta.url),{type:"module"})`,
  );
  for (const { module } of Object.values(lazyModules)) expect(worker.thread.modules).toContain(module);
  expect(worker.thread.modules.filter((path) => /^src\/(train|labels|eval|platform)\//.test(path))).toEqual(
    [],
  );
  expect(worker.thread.imports).toEqual([]);
});

it('the bundles stay within their budgets, gzipped', () => {
  expect(page.gzipped).toBeLessThanOrEqual(64_000);
  expect(worker.page.gzipped).toBeLessThanOrEqual(8_000);
  expect(worker.thread.gzipped).toBeLessThanOrEqual(132_000);
  for (const [file, { gzipped }] of lazy) expect(gzipped, file).toBeLessThanOrEqual(25_000);
});

it("the shaders of the bundles are the sources', without comments", async () => {
  const contents = `
    import { chooseTile } from './src/graph/choose-kernels.ts';
    import { gemmOf } from './src/kernels/convolution.ts';
    import { fullGraph, planOf } from './test/helpers/networks.ts';
    export const codes = ['f32', 'f16'].flatMap((precision) => [true, false].flatMap((software) => {
      const choice = { precision, tile: (conv) => chooseTile(gemmOf(conv), { software }) };
      return planOf(fullGraph(true), { width: 96, height: 64 }, choice).steps.map(({ kernel }) => kernel.code);
    }));
  `;
  const codes = async (plugins: Plugin[]): Promise<string[]> => {
    const stdin = { contents, resolveDir: root };
    const { outputFiles } = await build({
      stdin,
      bundle: true,
      format: 'esm',
      write: false,
      plugins,
    });
    return (await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`)).codes;
  };
  const [sources, short] = await Promise.all([codes([]), codes([shortShaders()])]);
  expect(sources.length).toBeGreaterThan(100);
  expect(short).toEqual(sources.map((code) => code.replaceAll(/^ *\/\/.*\n/gm, '')));
});

it('a file that is missing is an error that says so', async () => {
  const missing = import(`data:text/javascript,${encodeURIComponent("throw new Error('404')")}`);
  await expect(loadModule(missing)).rejects.toMatchObject({
    code: 'load-failed',
    message: expect.stringContaining('beside each other'),
  });
});

it('an error of one bundle is an error of the others', async () => {
  const { code } = await bundle('src/errors.ts');
  const other = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    DBNetError: typeof DBNetError;
  };
  expect(other.DBNetError).not.toBe(DBNetError);
  expect(new other.DBNetError('gpu-error', 'x')).toBeInstanceOf(DBNetError);
  expect(new DBNetError('gpu-error', 'x')).toBeInstanceOf(other.DBNetError);
  expect(new Error('x')).not.toBeInstanceOf(DBNetError);
  expect(null).not.toBeInstanceOf(DBNetError);
});

it.each(entries)('%s takes nothing from Node', async (entry) => {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    write: false,
    metafile: true,
    external: ['node:*'],
    outdir: 'dist',
  });
  const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
  expect(imports.filter(({ external }) => external)).toEqual([]);
});

it.each(['examples', 'pages'])('the %s know the library by its name only', async (folder) => {
  const files = await readdir(join(root, folder), { recursive: true });
  const sources = files.filter((file) => /\.(ts|js|mjs)$/.test(file) && !file.includes('node_modules'));
  expect(sources.length).toBeGreaterThan(0);
  for (const file of sources) {
    const text = await readFile(join(root, folder, file), 'utf8');
    expect(text, file).not.toMatch(/(?:from |import\()'(?:\.\.\/)+(?:src|bench|test)\//);
  }
});
