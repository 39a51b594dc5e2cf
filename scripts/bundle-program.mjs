/** @file Makes a TypeScript program of this project runnable: Node 20 reads no TypeScript. Takes a fraction of a second. */

import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/**
 * Bundles `entry` into `outfile`, which must lie where the program's packages are found, and imports it.
 * @param {string} entry absolute path
 * @param {string} outfile absolute path
 */
export async function importProgram(entry, outfile) {
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'warning',
    plugins: [
      {
        // Sources find files relative to themselves, not to the bundle.
        name: 'own-address',
        setup(plugin) {
          plugin.onLoad({ filter: /\.(ts|mjs)$/ }, async (file) => ({
            contents: (await readFile(file.path, 'utf8')).replaceAll(
              'import.meta.url',
              JSON.stringify(pathToFileURL(file.path).href),
            ),
            loader: 'ts',
          }));
        },
      },
    ],
  });
  return await import(pathToFileURL(outfile).href);
}
