/** @file Pages in a browser that tell of their life. */

import type { Browser, Page } from 'puppeteer';
import { newPage } from '../../scripts/browser.ts';
import { beat } from '../helpers/heartbeat.ts';
import { reportLife } from '../helpers/report-life.ts';

/** A new page; what it prints and each thing that its GPU has done are signs of life. */
export async function newLivePage(browser: Browser): Promise<Page> {
  const page = await newPage(browser);
  await page.exposeFunction('onSignOfLife', beat);
  await page.evaluateOnNewDocument(`(${reportLife})(globalThis, () => globalThis.onSignOfLife())`);
  page.on('console', beat);
  return page;
}

/** Opens an address in a page, and waits until an expression is true there. @throws the error that the page throws first. */
export async function open(page: Page, address: string, ready: string): Promise<void> {
  const failed = new Promise<never>((_, reject) => {
    page.once('pageerror', reject);
  });
  failed.catch(() => {}); // What fails later is for others to notice.
  await Promise.race([page.goto(address).then(() => page.waitForFunction(ready)), failed]);
}
