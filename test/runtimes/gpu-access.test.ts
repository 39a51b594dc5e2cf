/** @file Programs of their own in Node and Deno: they get an adapter, end by themselves, and say what is missing. */

import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findDeno } from './deno.ts';
import { type Ended, startProgram } from './program.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const source = join(root, 'test/runtimes/gpu-program.ts');
const inProject = join(root, 'node_modules/.cache/dbnet-webgpu');
let program: string;
let elsewhere: string;

beforeAll(() => {
  mkdirSync(inProject, { recursive: true, mode: 0o700 });
  program = join(mkdtempSync(join(inProject, 'program.')), 'program.mjs');
  elsewhere = mkdtempSync(join(tmpdir(), 'dbnet-webgpu-test-'));
  buildSync({
    entryPoints: [source],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'silent',
  });
});

afterAll(() => {
  rmSync(join(program, '..'), { recursive: true, force: true });
  rmSync(elsewhere, { recursive: true, force: true });
});

const run = (command: string, args: string[], env: Record<string, string> = {}): Promise<Ended> =>
  startProgram(command, args, { env }).ended;

const done = { status: 0, signal: null, stdout: 'done\n' };

it('Node: a program computes, though nothing holds the GPU object, and ends by itself', async () => {
  expect(await run(process.execPath, ['--expose-gc', program])).toEqual({ ...done, stderr: '' });
});

it('Deno: a program computes and ends by itself', async () => {
  // As in a container: without a desktop, of which Mesa's drivers would say that they miss it.
  const desktop = { XDG_RUNTIME_DIR: '', WAYLAND_DISPLAY: '', DISPLAY: '' };
  expect(await run(findDeno(), ['run', '-A', '--v8-flags=--expose-gc', source], desktop)).toEqual({
    ...done,
    stderr: '',
  });
});

it('Node: an absent package webgpu is named', async () => {
  const copy = join(elsewhere, 'program.mjs');
  copyFileSync(program, copy);
  const { status, stdout } = await run(process.execPath, [copy]);
  expect(stdout).toMatch(/^missing-package: .*`npm install webgpu`/);
  expect(status).toBe(3);
});

it.runIf(process.platform === 'linux')(
  "Node: the user's choice of a driver is respected, and named",
  async () => {
    const manifest = join(elsewhere, 'nowhere.json');
    const { status, stdout } = await run(process.execPath, [program], { VK_DRIVER_FILES: manifest });
    expect(stdout).toContain('no-webgpu: ');
    expect(stdout).toContain(`VK_DRIVER_FILES=${manifest}`);
    expect(status).toBe(3);
  },
);
