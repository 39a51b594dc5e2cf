/** @file One contender: a page in a browser of its own, started afresh for each cold start. */

import type { Browser, Page } from 'puppeteer';
import { launchBrowser, newPage, type WebGpuBrowser, whenBroken } from '../../scripts/browser.ts';
import { messageOf } from '../../src/describe.ts';
import type { ContenderSpec, OpenContender } from './contenders.ts';
import type { FirstResult, Sample } from './page/harness.ts';
import type { PeerServer } from './server.ts';

/** How many of the page's last complaints stand in an error. */
const complaintsKept = 3;

/** A page that is ready for its cold start; the browser has found its adapter, and no more. */
export class BrowserContender implements OpenContender {
  readonly browser: OpenContender['browser'];
  readonly #browser: Browser;
  readonly #server: PeerServer;
  readonly #page: Page;
  readonly #timeout: number;
  readonly #complaints: string[] = [];
  readonly #broken: Promise<never>;

  private constructor({ browser, ...about }: WebGpuBrowser, page: Page, server: PeerServer, timeout: number) {
    this.browser = about;
    this.#browser = browser;
    this.#server = server;
    this.#page = page;
    this.#timeout = timeout;
    this.#broken = whenBroken(page);
    page.on('console', (message) => {
      if (message.type() === 'error') this.#complain(message.text());
    });
    page.on('pageerror', (error) => this.#complain(String(error)));
  }

  /** @param timeout for each call, milliseconds. @throws Error if there is no browser or the page does not load. */
  static async open(
    { page: path }: ContenderSpec,
    server: PeerServer,
    timeout: number,
  ): Promise<BrowserContender> {
    server.takeFetched();
    const browser = await launchBrowser();
    try {
      const page = await newPage(browser.browser);
      const open = new BrowserContender(browser, page, server, timeout);
      await open.#guard(page.goto(server.origin + path));
      await open.#guard(page.waitForFunction('"peer" in globalThis'));
      return open;
    } catch (error) {
      await browser.browser.close();
      throw error;
    }
  }

  /** Load, create, first result. Once per page. @throws Error with the page's last complaints. */
  cold(): Promise<FirstResult> {
    return this.#guard(this.#page.evaluate('peer.cold()') as Promise<FirstResult>);
  }

  /** One more result. @throws Error with the page's last complaints. */
  sample(): Promise<Sample> {
    return this.#guard(this.#page.evaluate('peer.sample()') as Promise<Sample>);
  }

  fetched(): string[] {
    return this.#server.takeFetched();
  }

  async close(): Promise<void> {
    await this.#browser.close().catch(() => {}); // It may have ended by itself.
  }

  /** The result of a call, or the reason why there will be none. */
  async #guard<T>(call: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `no answer after ${this.#timeout / 1000} s`;
      timer = setTimeout(() => reject(new Error(message)), this.#timeout);
    });
    call.catch(() => {}); // It also fails when the browser is closed after another failure.
    try {
      return await Promise.race([call, this.#broken, late]);
    } catch (cause) {
      const message = messageOf(cause);
      const complaints = this.#complaints.filter((text) => !message.includes(text));
      throw new Error([message, ...complaints].join(' | '), { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  #complain(text: string): void {
    this.#complaints.push(text);
    this.#complaints.splice(0, this.#complaints.length - complaintsKept);
  }
}
