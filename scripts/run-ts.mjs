/** @file `node scripts/run-ts.mjs FILE.ts ...` runs a TypeScript program of this project. */

import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { importProgram } from './bundle-program.mjs';

const [entry] = process.argv.splice(2, 1);
const cache = fileURLToPath(new URL('../node_modules/.cache/dbnet-webgpu', import.meta.url));
await importProgram(resolve(entry), join(cache, basename(entry).replace(/\.ts$/, '.mjs')));
