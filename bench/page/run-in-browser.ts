/** @file Runs the benchmark in a Chromium that is started for it, and gives the page's report. */

import { launchBrowser, newPage, whenBroken } from '../../scripts/browser.ts';
import type { Report } from '../report/report.ts';
import type { RunOptions } from '../run.ts';
import type { BenchSettings } from '../settings.ts';
import { servePage } from './serve.ts';

/** Chrome rounds timestamps to 65,536 ns without this. */
const benchFlags = ['--enable-webgpu-developer-features'];

/** Flags that name folders of this machine are nobody's business. */
const isPrivate = (flag: string) => flag.includes('/');

/**
 * @param kernels files of the user's own kernels.
 * @throws Error if there is no browser with WebGPU, or the run fails.
 */
export async function runInBrowser(
  root: string,
  settings: BenchSettings,
  kernels: readonly string[],
  { onProgress }: Pick<RunOptions, 'onProgress'> = {},
): Promise<Report> {
  const server = await servePage(root, kernels);
  try {
    const { browser, flags } = await launchBrowser(benchFlags);
    try {
      const page = await newPage(browser);
      const broken = whenBroken(page);
      if (onProgress) await page.exposeFunction('onBenchProgress', onProgress);
      await page.goto(server.page);
      await page.waitForFunction('"runBench" in globalThis');
      const run = { settings, kernels: server.kernels, flags: flags.filter((flag) => !isPrivate(flag)) };
      // As text: the function is the page's, not this program's.
      const report = page.evaluate(`runBench(${JSON.stringify(run)})`) as Promise<Report>;
      report.catch(() => {});
      return await Promise.race([report, broken]);
    } finally {
      await browser.close();
    }
  } finally {
    await server.close();
  }
}
