/** @file One contender: a page in a browser of its own, started afresh for each cold start. */

import type { Page } from 'puppeteer';
import { launchBrowser, newPage, type WebGpuBrowser, whenBroken } from '../../scripts/browser.ts';
import { messageOf } from '../../src/describe.ts';
import type { FirstResult, Sample } from './page/harness.ts';
import type { PeerServer } from './server.ts';

/** What is compared. */
export interface ContenderSpec {
  id: string;
  /** For people, without versions. */
  name: string;
  /** Package whose version it has. */
  package: string;
  /** Path and query of its page. */
  page: string;
}

/** The first is the reference; the second goes on to regions. */
export const contenderSpecs: readonly ContenderSpec[] = [
  { id: 'ours', name: 'dbnet-webgpu maps()', package: 'dbnet-webgpu', page: '/page/ours.html?call=maps' },
  {
    id: 'ours-detect',
    name: 'dbnet-webgpu detect()',
    package: 'dbnet-webgpu',
    page: '/page/ours.html?call=detect',
  },
  {
    id: 'ort-webgpu',
    name: 'ONNX Runtime Web, WebGPU',
    package: 'onnxruntime-web',
    page: '/page/onnxruntime.html?provider=webgpu',
  },
  {
    id: 'ort-wasm',
    name: 'ONNX Runtime Web, WASM',
    package: 'onnxruntime-web',
    page: '/page/onnxruntime.html?provider=wasm',
  },
];

/** How many of the page's last complaints stand in an error. */
const complaintsKept = 3;

/** A page that is ready for its cold start; the browser has found its adapter, and no more. */
export class OpenContender {
  readonly browser: WebGpuBrowser;
  readonly #page: Page;
  readonly #timeout: number;
  readonly #complaints: string[] = [];
  readonly #broken: Promise<never>;

  private constructor(browser: WebGpuBrowser, page: Page, timeout: number) {
    this.browser = browser;
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
  ): Promise<OpenContender> {
    const browser = await launchBrowser();
    try {
      const page = await newPage(browser.browser);
      const open = new OpenContender(browser, page, timeout);
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

  async close(): Promise<void> {
    await this.browser.browser.close().catch(() => {}); // It may have ended by itself.
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
