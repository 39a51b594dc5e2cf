/** @file Runs one GPU test on a device of its own. Shared by all runtimes, so free of `node:` imports. */

import { suites } from '../gpu/index.ts';
import { published } from '../gpu/published.ts';
import type { GpuTest, GpuTestContext } from '../gpu/suite.ts';

const WANTED_FEATURES: GPUFeatureName[] = ['timestamp-query', 'shader-f16', 'subgroups'];

/** The path from the project's root of a fixture's name. */
export function fixturePath(name: string): string {
  return name.includes('/') ? name : `test/fixtures/${name}`;
}

/** The suite whose tests are folders of a zoo of checkpoints: `npm run test:zoo`. */
export const zoo = 'zoo';

/** The path within the zoo of a fixture's name, if it is there. */
export const zooFile = (name: string): string | undefined =>
  name.startsWith(`${zoo}/`) ? name.slice(zoo.length + 1) : undefined;

function findTest(suite: string, name: string): GpuTest {
  if (suite === zoo) return published(name, `${zoo}/${name}`);
  const test = suites.find((candidate) => candidate.name === suite)?.tests.find((t) => t.name === name);
  if (test === undefined) throw new Error(`there is no test "${suite} > ${name}"`);
  return test;
}

/**
 * Runs a test on a new device, which is destroyed afterwards.
 *
 * @throws what the test threw, or an Error that lists uncaptured GPU errors or tells of the device's loss
 */
export async function runGpuTest(
  suite: string,
  name: string,
  host: Pick<GpuTestContext, 'gpu' | 'runtime' | 'fixture'>,
): Promise<void> {
  const test = findTest(suite, name);
  const adapter = await host.gpu.requestAdapter();
  if (adapter === null) throw new Error('there was an adapter when the run began, now there is none');
  const requiredFeatures = WANTED_FEATURES.filter((feature) => adapter.features.has(feature));
  const device = await adapter.requestDevice({ requiredFeatures });

  const problems: string[] = [];
  let ended = false;
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    problems.push(`uncaptured GPU error: ${event.error.message}`);
  });
  const lost = device.lost.then(({ reason, message }) => {
    if (!ended) problems.push(`the device was lost (${reason}): ${message}`);
  });

  try {
    await Promise.race([test.run({ ...host, device, adapterInfo: adapter.info }), lost]);
    // Errors of the last commands, and a loss, become known a little later only.
    device.pushErrorScope('validation');
    await Promise.all([device.popErrorScope(), device.queue.onSubmittedWorkDone()]);
    await new Promise((resolve) => setTimeout(resolve, 0));
  } catch (error) {
    if (problems.length === 0) throw error;
    problems.unshift(error instanceof Error ? error.message : String(error));
  } finally {
    ended = true;
    device.destroy();
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
}
