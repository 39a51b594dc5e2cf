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
