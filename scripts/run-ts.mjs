/**
 * @file `node scripts/run-ts.mjs FILE.ts ...`: runs a TypeScript program of this project. Node 20 reads no TypeScript,
 * so it is bundled first, in a fraction of a second, to a place from which its packages are found.
 */

import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const [entry] = process.argv.splice(2, 1);
const root = fileURLToPath(new URL('..', import.meta.url));
const outfile = join(root, 'node_modules/.cache/dbnet-webgpu', basename(entry).replace(/\.ts$/, '.mjs'));

await build({
  absWorkingDir: root,
  entryPoints: [entry],
  outfile,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  logLevel: 'warning',
});
await import(pathToFileURL(outfile).href);
