/** @file Bundles for pages: the tuner stays out until it is asked for, and errors are known across bundles. */

import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { lazyTuner, tunerEntry, tunerFile } from '../../scripts/lazy-tuner.mjs';
import { DBNetError } from '../../src/errors.ts';

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: fileURLToPath(new URL('../../', import.meta.url)),
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
