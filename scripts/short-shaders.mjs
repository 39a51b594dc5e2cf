/** @file Shaders in bundles for pages: without indentation, which the template tag writes anew, and without comments. */

import { readFile } from 'node:fs/promises';

/** @returns {import('esbuild').Plugin} */
export const shortShaders = () => ({
  name: 'short-shaders',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/]kernels[\\/].*\.ts$/ }, async ({ path }) => ({
      // Lines stay lines, so that source maps are right.
      contents: (await readFile(path, 'utf8')).replaceAll(/^[ \t]+/gm, '').replaceAll(/^\/\/.*/gm, ''),
      loader: 'ts',
    }));
  },
});
