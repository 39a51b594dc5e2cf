/** @file The script of a page, bundled in memory. */

import { build } from 'esbuild';
import { nameWorkerThread } from './lazy-modules.mjs';

/** A module and what it imports, as one. */
export async function bundleForPage(root: string, entry: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    minify: true,
    logLevel: 'error',
    plugins: [nameWorkerThread()],
  });
  return outputFiles[0].text;
}
