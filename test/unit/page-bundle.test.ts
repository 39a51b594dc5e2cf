/** @file Bundles for pages: the tuner stays out until it is asked for, and errors are known across bundles. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { lazyTuner, tunerEntry, tunerFile } from '../../scripts/lazy-tuner.mjs';
import { DBNetError } from '../../src/errors.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** What package.json exports, by its types' sources. */
const entries = Object.values(manifest.exports).flatMap((target) =>
  typeof target === 'string' ? [] : [target.types.replace(/^\.\/dist(.*)\.d\.ts$/, 'src$1.ts')],
);

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    write: false,
    plugins: [lazyTuner],
  });
  return outputFiles[0].text;
}

it('the tuner is loaded from a file of its own', async () => {
  const detector = await bundle('src/index.ts');
  expect(detector).toContain(`import("./${tunerFile}")`);
  // A file that only the tuner needs.
  expect(detector).not.toContain('src/tuning/workbench.ts');
  const tuner = await bundle(tunerEntry);
  expect(tuner).toContain('src/tuning/workbench.ts');
  expect(tuner).toMatch(/export \{[^}]*\btune\b/);
});

it('an error of one bundle is an error of the others', async () => {
  const code = await bundle('src/errors.ts');
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

it('the examples know the library by its name only', async () => {
  const files = await readdir(join(root, 'examples'), { recursive: true });
  const sources = files.filter((file) => file.endsWith('.ts'));
  expect(sources.length).toBeGreaterThan(0);
  for (const file of sources) {
    const text = await readFile(join(root, 'examples', file), 'utf8');
    expect(text, file).not.toMatch(/(?:from |import\()'(?:\.\.\/)+(?:src|bench|test)\//);
  }
});
