/** @file The demo in Chromium: pictures, models, sliders, camera and what is taken along. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { servePage } from '../../pages/serve.ts';
import { launchBrowser, type WebGpuBrowser } from '../../scripts/browser.ts';
import type { StaticServer } from '../../scripts/static-server.ts';
import { seriousFaults } from './accessibility.ts';
import { newLivePage } from './live-page.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

let chromium: WebGpuBrowser;
let server: StaticServer & { page: string };
let page: Page;
const complaints: string[] = [];

/** Counts what the GPU is given to do, and keeps what is copied and saved. */
const spies = `
  globalThis.submitted = 0;
  const { submit } = GPUQueue.prototype;
  GPUQueue.prototype.submit = function (...commands) {
    globalThis.submitted++;
    return submit.apply(this, commands);
  };
  Object.defineProperty(navigator.clipboard, 'writeText', { value: async (text) => { globalThis.copied = text; } });
  const { createObjectURL } = URL;
  URL.createObjectURL = (blob) => ((globalThis.saved = blob), createObjectURL.call(URL, blob));
`;

beforeAll(async () => {
  server = await servePage(root, 'demo');
  chromium = await launchBrowser(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
  page = await newLivePage(chromium.browser);
  await page.setViewport({ width: 1280, height: 720 });
  await page.evaluateOnNewDocument(spies);
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warn') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(server.page);
});

afterAll(async () => {
  await chromium?.browser.close();
  await server?.close();
});

const text = (selector: string) => page.$eval(selector, (element) => element.textContent ?? '');
const outlines = () =>
  page.$$eval('#overlay polygon', (all) => all.map((outline) => outline.getAttribute('points') ?? ''));
/** Until the network's result is on the page. */
const found = () => page.waitForFunction('/^\\d+$/.test(document.getElementById("count").textContent)');
const submitted = () => page.evaluate('globalThis.submitted');

async function slide(id: string, value: number): Promise<void> {
  await page.$eval(
    `#${id}`,
    (input, given) => {
      (input as HTMLInputElement).value = given;
      input.dispatchEvent(new Event('input'));
    },
    String(value),
  );
  await page.evaluate('new Promise(requestAnimationFrame).then(() => new Promise(requestAnimationFrame))');
}

const pick = (name: string, value: string) =>
  page.$eval(`input[name=${name}][value="${value}"]`, (input) => (input as HTMLInputElement).click());

/** Drops or pastes a file. */
async function give(kind: 'drop' | 'paste', name: string, type: string, content: Buffer): Promise<void> {
  await page.evaluate(
    (how, file, data) => {
      const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
      const transfer = new DataTransfer();
      transfer.items.add(new File([bytes], file.name, file));
      const event =
        how === 'drop'
          ? new DragEvent('drop', { dataTransfer: transfer, bubbles: true })
          : new ClipboardEvent('paste', { clipboardData: transfer, bubbles: true });
      document.body.dispatchEvent(event);
    },
    kind,
    { name, type },
    content.toString('base64'),
  );
}

describe('the demo', () => {
  it('begins with a sample, and finds its text at the size that is chosen', async () => {
    // Small, so that it is quick; chosen before there is a detector, it stays.
    await page.select('#size', '320');
    await found();
    expect(await text('#network-size')).toBe(', network at 416 × 320');
    expect((await outlines()).length).toBeGreaterThan(0);
    expect(await text('#count')).toBe(String((await outlines()).length));
    expect(await text('#stages')).toMatch(/prepare.+network.+read back.+regions/);
    expect(await page.$eval('#progress-box', (box) => (box as HTMLElement).hidden)).toBe(true);
  });

  it.each([
    [1366, 768],
    [1280, 720],
    // With the browser's own bars.
    [1366, 620],
  ])('shows all of it in the first screen of a laptop, %i x %i', async (width, height) => {
    await page.setViewport({ width, height });
    const bottom = await page.$eval('#save-svg', (button) => button.getBoundingClientRect().bottom);
    expect(bottom).toBeLessThanOrEqual(height);
    expect(await page.evaluate('document.documentElement.scrollHeight')).toBeLessThanOrEqual(height);
    expect(await page.$eval('aside', (aside) => aside.scrollHeight - aside.clientHeight)).toBeLessThanOrEqual(
      0,
    );
  });

  it('has nothing that shuts anyone out', async () => {
    for (const scheme of ['light', 'dark']) expect(await seriousFaults(page, scheme), scheme).toEqual([]);
  });

  it('draws anew without the network', async () => {
    const before = await submitted();
    const quads = await outlines();
    await slide('unclipRatio', 3);
    const larger = await outlines();
    expect(larger).not.toEqual(quads);
    await pick('shape', 'polygon');
    await page.waitForFunction('document.querySelector("#overlay polygon").points.length > 4');
    await slide('boxThreshold', 0.99);
    expect(await outlines()).toEqual([]);
    expect(await text('#redrawn')).toMatch(/^Redrawn in .+; the network did not run\.$/);
    await pick('shape', 'quad');
    await page.click('#reset');
    await page.waitForFunction(`document.querySelectorAll("#overlay polygon").length === ${quads.length}`);
    expect(await outlines()).toEqual(quads);
    expect(await submitted()).toBe(before);
  });

  it('lays each map over the picture', async () => {
    const pixels = () => page.$eval('#map', (map) => (map as HTMLCanvasElement).toDataURL());
    const seen = new Set<string>();
    for (const map of ['P', 'T', 'B']) {
      await pick('layer', map);
      expect(await page.$eval('#map', (canvas) => (canvas as HTMLCanvasElement).hidden)).toBe(false);
      seen.add(await pixels());
    }
    expect(seen.size).toBe(3);
    await pick('layer', '');
    expect(await page.$eval('#map', (canvas) => (canvas as HTMLCanvasElement).hidden)).toBe(true);
  });

  it('goes through the regions by keyboard', async () => {
    const count = (await outlines()).length;
    await page.focus('[name=shape]:checked');
    await page.keyboard.press('Tab');
    await page.keyboard.press('End');
    expect(await text('#detail')).toMatch(new RegExp(`^Region ${count} of ${count}, score 0\\.\\d\\d: \\(`));
    await page.keyboard.press('Home');
    expect(await text('#detail')).toMatch(/^Region 1 of/);
    expect(await page.$$eval('[aria-selected=true]', (chosen) => chosen.map(({ id }) => id))).toEqual([
      'region-0',
    ]);
  });

  it('copies JSON and code, saves PNG and SVG', async () => {
    await page.click('#copy-json');
    const { regions, ...size } = JSON.parse(String(await page.evaluate('globalThis.copied')));
    expect(size).toEqual({ width: 1280, height: 960 });
    expect(regions).toHaveLength((await outlines()).length);
    await page.click('#copy-code');
    expect(await page.evaluate('globalThis.copied')).toContain('size: { shortSide: 320 }');
    await page.click('#save-svg');
    expect(await page.evaluate('saved.text()')).toContain('<image href="data:image/jpeg;base64,');
    await page.click('#save-png');
    await page.waitForFunction('saved.type === "image/png"');
    expect(await page.evaluate('createImageBitmap(saved).then(({ width }) => width)')).toBe(1280);
  });

  it('takes a dropped picture, and one that is pasted', async () => {
    const photo = await readFile(join(root, 'examples/shop.jpg'));
    for (const kind of ['drop', 'paste'] as const) {
      await give(kind, `${kind}.jpg`, 'image/jpeg', photo);
      await page.waitForSelector(`#photo[aria-label="${kind}.jpg"]`);
      await found();
      expect((await outlines()).length, kind).toBeGreaterThan(0);
    }
  });

  it('says what it cannot use, and goes on', async () => {
    await give('drop', 'words.txt', 'text/plain', Buffer.from('no picture'));
    await page.waitForSelector('#error:not([hidden])');
    expect(await text('#error-text')).toMatch(/^words\.txt: expected a photo/);
    await page.click('#error-close');
    await give('drop', 'mine.safetensors', '', Buffer.from('no weights'));
    await page.waitForSelector('#error:not([hidden])');
    expect(await text('#error-text')).toMatch(/safetensors/);
    expect(await page.$eval('#model', (list) => (list as HTMLSelectElement).selectedOptions[0].text)).toBe(
      'mine.safetensors',
    );
  });

  it('offers weights without a threshold head, and says so', async () => {
    await page.select('#model', '1');
    await page.waitForFunction(
      '/no threshold head/.test(document.getElementById("layer-words").textContent)',
    );
    await page.waitForFunction('document.getElementById("progress-box").hidden');
    for (const selector of ['[name=layer][value=T]', '[name=layer][value=B]', '[name=binarize][value=B]']) {
      expect(await page.$eval(selector, (input) => (input as HTMLInputElement).disabled), selector).toBe(
        true,
      );
    }
    await page.click('#copy-code');
    expect(await page.evaluate('globalThis.copied')).toContain(
      "const weights = 'ch_PP-OCRv4_det_infer.onnx';",
    );
  });

  it('watches the camera, and gives it back', async () => {
    await page.click('#camera');
    await page.waitForSelector('#video:not([hidden])');
    await found();
    const frames = await submitted();
    await page.waitForFunction(`globalThis.submitted > ${frames}`);
    await page.evaluate('globalThis.track = document.getElementById("video").srcObject.getTracks()[0]');
    await page.click('#camera');
    await page.waitForSelector('#photo[aria-label="camera"]');
    expect(await page.evaluate('globalThis.track.readyState')).toBe('ended');
    expect(await text('#camera')).toBe('Camera');
    await found();
  });

  it('is no wider than a phone', async () => {
    await page.setViewport({ width: 390, height: 844 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });

  it('says what to do where there is no WebGPU', async () => {
    const other = await newLivePage(chromium.browser);
    await other.evaluateOnNewDocument('delete Navigator.prototype.gpu');
    await other.goto(server.page);
    await other.waitForSelector('#no-webgpu:not([hidden])');
    expect(await other.$eval('#no-webgpu', (box) => box.textContent)).toMatch(
      /no WebGPU.*\(this one\).*Firefox.*Safari/s,
    );
    expect(await seriousFaults(other, 'light')).toEqual([]);
    await other.close();
  });

  it('leaves nothing on the console', () => {
    expect(complaints).toEqual([]);
  });
});
