/** @file Packages that are not there: all of them in one message, before any work. */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { type Machine, type Need, requirePackages } from '../../cli/packages.ts';
import { DBNetError } from '../../src/errors.ts';
import { temporaryFolder } from './cli-fakes.ts';

function messageFor(needs: Need[], machine: Partial<Machine> & { installed?: string[] }): string | undefined {
  const { installed = [], ...rest } = machine;
  const isInstalled = (name: string) => installed.includes(name);
  try {
    requirePackages(needs, { isInstalled, hasWebGpu: false, lacksDriver: () => false, ...rest });
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(DBNetError);
    expect((error as DBNetError).code).toBe('missing-package');
    return (error as DBNetError).message;
  }
}

describe('packages that are missing', () => {
  const install = (needs: Need[], machine: Parameters<typeof messageFor>[1]) =>
    messageFor(needs, machine)?.split('\n').at(-1);

  test('are named together, with what each is for and one line that installs them', () => {
    expect(messageFor(['gpu', 'pictures'], { lacksDriver: () => true })).toBe(
      'These packages are needed here and not installed: webgpu (WebGPU in Node), sharp (reads and writes pictures), ' +
        '@sparticuz/chromium (computes on the CPU, as there is no GPU; Chromium as a package of the system does as ' +
        'well).\nnpm install webgpu sharp @sparticuz/chromium',
    );
  });

  test('are those that the command and the machine need', () => {
    expect(install(['gpu', 'pictures'], {})).toBe('npm install webgpu sharp');
    expect(install(['gpu', 'pictures'], { hasWebGpu: true })).toBe('npm install sharp');
    expect(install(['gpu'], {})).toBe('npm install webgpu');
    expect(install(['pictures'], { lacksDriver: () => true })).toBe('npm install sharp');
    expect(install(['gpu', 'pictures'], { installed: ['sharp'], lacksDriver: () => true })).toBe(
      'npm install webgpu @sparticuz/chromium',
    );
    expect(install(['gpu', 'pictures'], { installed: ['sharp', 'webgpu'] })).toBeUndefined();
    expect(install([], { lacksDriver: () => true })).toBeUndefined();
  });
});

test('the program in a folder without packages, before it looks for images or weights', async () => {
  const folder = temporaryFolder();
  const root = fileURLToPath(new URL('../../', import.meta.url));
  await build({
    entryPoints: [join(root, 'cli/main.ts')],
    outfile: join(folder, 'dist/cli.mjs'),
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['webgpu', 'sharp', '@sparticuz/chromium'],
    banner: {
      js: "import { createRequire as c } from 'node:module'; const require = c(import.meta.url);",
    },
    logLevel: 'silent',
  });
  writeFileSync(join(folder, 'a.png'), '');
  const run = (...args: string[]) => {
    const { status, stderr } = spawnSync(process.execPath, ['dist/cli.mjs', ...args], {
      cwd: folder,
      encoding: 'utf8',
    });
    return { status, stderr };
  };
  const detect = run('detect', 'a.png', '--weights', 'none');
  expect(detect.stderr).toMatch(
    /^error: These packages are needed here and not installed: webgpu \(.*\), sharp \(.*\)\.\nnpm install webgpu sharp( @sparticuz\/chromium)?\n$/,
  );
  expect(detect.status).toBe(1);
  expect(run('label-maps', '--labels', 'gt').stderr).toMatch(/\nnpm install sharp\n$/);
  expect(run('convert', 'none', 'w').stderr).not.toMatch(/npm install/);
  expect(run('detect', '--help')).toEqual({ status: 0, stderr: '' });
});
