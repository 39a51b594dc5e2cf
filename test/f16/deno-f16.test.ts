/**
 * @file `npm run test:f16`: the GPU suites in Deno on an adapter that compiles f16: the GPU if there is one, else
 * lavapipe (Debian's mesa-vulkan-drivers). There every suite of inference runs in f32 and in f16.
 */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hasGpuDevice } from '../../src/platform/gpu.ts';
import { suites } from '../gpu/index.ts';
import { DenoRunner, findDeno } from '../runtimes/deno.ts';
import { startProgram } from '../runtimes/program.ts';
import { registerGpuTests } from '../runtimes/register.ts';

/** The environment in which Deno finds an adapter with f16. */
function environment(): Record<string, string> {
  if (process.platform !== 'linux' || hasGpuDevice()) return {};
  const folder = '/usr/share/vulkan/icd.d';
  const manifest = existsSync(folder) && readdirSync(folder).find((name) => name.startsWith('lvp_icd'));
  if (!manifest) return {};
  const path = join(folder, manifest);
  // The last one keeps Mesa's device chooser from complaining where there is no desktop.
  return { VK_DRIVER_FILES: path, VK_ICD_FILENAMES: path, NODEVICE_SELECT: '1' };
}

it('has an adapter with shader-f16', async () => {
  const ask = 'console.log((await navigator.gpu.requestAdapter())?.features.has("shader-f16"))';
  const { stdout } = await startProgram(findDeno(), ['eval', ask], { env: environment() }).ended;
  const advice = 'no adapter compiles f16: install lavapipe (Debian: apt-get install mesa-vulkan-drivers)';
  expect(stdout.trim(), advice).toBe('true');
});

/** What is f32 everywhere, and what does the same in every precision, runs in test/runtimes. */
const withoutF16 = /^(training|models|disposal|opening|frames)/;

registerGpuTests(
  'deno',
  async () => new DenoRunner(environment()),
  suites.filter(({ name }) => !withoutF16.test(name)),
);
