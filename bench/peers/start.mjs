/** @file `npm run bench:peers`: looks whether the peers are installed, bundles main.ts for Node and runs it. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));

const packages = ['onnxruntime-web', '@tensorflow/tfjs-core', '@tensorflow/tfjs-backend-webgpu'];
const missing = [
  ...['esbuild', 'puppeteer']
    .filter((name) => !existsSync(path(`../../node_modules/${name}`)))
    .map((name) => [name, 'npm ci']),
  ...packages
    .filter((name) => !existsSync(path(`node_modules/${name}`)))
    .map((name) => [name, 'npm --prefix bench/peers ci']),
];
if (missing.length > 0) {
  const commands = [...new Set(missing.map(([, command]) => `  ${command}`))];
  console.error(`Not installed: ${missing.map(([name]) => name).join(', ')}. Run this first, at the root:`);
  console.error(commands.join('\n'));
  process.exit(2);
}

const { build } = await import('esbuild');
// Inside node_modules, so that git ignores it and bare imports are looked up here and at the root.
const outfile = path('node_modules/.cache/peers.mjs');
await build({
  entryPoints: [path('main.ts')],
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
        plugin.onLoad({ filter: /\.ts$/ }, async (file) => ({
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
const { main } = await import(pathToFileURL(outfile).href);
process.exitCode = await main(process.argv.slice(2));
