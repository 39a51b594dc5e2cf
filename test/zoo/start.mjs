/** @file `npm run test:zoo -- FOLDER [vitest's options]` */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const [folder, ...options] = process.argv.slice(2);
if (!folder || !existsSync(folder)) {
  console.error(
    'usage: npm run test:zoo -- FOLDER, a folder with a folder for each case (test/gpu/published.ts)',
  );
  process.exit(2);
}
const vitest = fileURLToPath(import.meta.resolve('vitest/package.json')).replace(
  /package\.json$/,
  'vitest.mjs',
);
const { status } = spawnSync(process.execPath, [vitest, 'run', '--project', 'zoo', ...options], {
  stdio: 'inherit',
  env: { ...process.env, ZOO: folder },
});
process.exit(status ?? 1);
