/**
 * @file `npm run test:zoo -- FOLDER`: published kinds of checkpoints at their full width, each in a folder as `test/gpu/published.ts`
 * says, in Node, Chromium and Deno.
 */

import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import type { ServedFile } from '../../scripts/static-server.ts';
import { startChromium } from '../runtimes/chromium.ts';
import { DenoRunner } from '../runtimes/deno.ts';
import { startNode } from '../runtimes/node.ts';
import { registerGpuTests } from '../runtimes/register.ts';
import { zoo } from '../runtimes/run-test.ts';

const folder = resolve(process.env.ZOO ?? '');
const names = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'case.json')));
const suites = [{ name: zoo, tests: names.map((name) => ({ name })) }];

const files = Object.fromEntries(
  names.flatMap((name) =>
    readdirSync(join(folder, name)).map((file): [string, ServedFile] => [
      `/${zoo}/${name}/${file}`,
      { path: join(folder, name, file) },
    ]),
  ),
);

registerGpuTests('node', startNode, suites);
registerGpuTests('chromium', () => startChromium(files), suites);
registerGpuTests('deno', async () => new DenoRunner(), suites);
