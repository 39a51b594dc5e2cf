/** @file Faults of accessibility that axe-core finds in a page. */

import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'puppeteer';

const script = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

/** What it rates as serious or critical, one line each, in a colour scheme. */
export async function seriousFaults(page: Page, scheme: string): Promise<string[]> {
  await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
  await page.addScriptTag({ path: script });
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults;
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`));
}
