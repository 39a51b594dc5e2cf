/** @file The command line program, built for tests that start it as a process. */

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

const root = fileURLToPath(new URL('../../', import.meta.url));

/**
 * Builds the program as `dist/cli.mjs` of a package folder of its own, which has no weights. The folder lies in the
 * project, so that packages are found.
 */
export function buildProgram(): { program: string; packageFolder: string; remove(): void } {
  const cache = join(root, 'node_modules/.cache/dbnet-webgpu');
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  const packageFolder = mkdtempSync(join(cache, 'program.'));
  const program = join(packageFolder, 'dist', 'cli.mjs');
  mkdirSync(dirname(program));
  buildSync({
    entryPoints: [join(root, 'cli/main.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'silent',
  });
  return { program, packageFolder, remove: () => rmSync(packageFolder, { recursive: true, force: true }) };
}
