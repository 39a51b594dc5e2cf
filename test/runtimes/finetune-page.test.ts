/** @file The fine-tuning page in Chromium, by mouse and by keyboard, from a photo to trained weights in a file. */

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { servePage } from '../../pages/serve.ts';
import { launchBrowser, type WebGpuBrowser } from '../../scripts/browser.ts';
import type { StaticServer } from '../../scripts/static-server.ts';
import { parseJsonLabels } from '../../src/eval/labels.ts';
import { parseSafetensors } from '../../src/safetensors/parse.ts';
import { seriousFaults } from './accessibility.ts';
import { newLivePage } from './live-page.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

let chromium: WebGpuBrowser;
let server: StaticServer & { page: string };
let page: Page;
let folder: string;
const complaints: string[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'finetune-'));
  server = await servePage(root, 'finetune');
  chromium = await launchBrowser();
  page = await newLivePage(chromium.browser);
  await page.setViewport({ width: 1200, height: 900 });
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warn') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(server.page);
  // Until then the page may still lower its defaults for a CPU.
  await page.waitForFunction('!/looking/.test(document.getElementById("adapter").textContent)');
});

afterAll(async () => {
  await chromium?.browser.close();
  await server?.close();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const text = (selector: string) => page.$eval(selector, (element) => element.textContent ?? '');
const labels = () => page.$$eval('#labels .pick', (rows) => rows.map((row) => row.textContent));

async function fill(id: string, value: number): Promise<void> {
  await page.$eval(`#${id}`, (input, given) => Object.assign(input, { value: given }), String(value));
}

/** Presses Train and waits for the message that this gives. */
async function messageOfTraining(): Promise<string> {
  await page.click('#train');
  await page.waitForSelector('#error:not([hidden])');
  return text('#error-text');
}

/** Drags from one place of the photo to another; shares of its sides. */
async function drag(from: [number, number], to: [number, number]): Promise<void> {
  const { left, top, width, height } = await page.$eval('#overlay', (overlay) =>
    overlay.getBoundingClientRect().toJSON(),
  );
  await page.mouse.move(left + from[0] * width, top + from[1] * height);
  await page.mouse.down();
  await page.mouse.move(left + to[0] * width, top + to[1] * height, { steps: 3 });
  await page.mouse.up();
}

/** Presses a button that downloads a file, and gives the file. */
async function downloaded(button: string, name: string): Promise<Buffer> {
  const session = await chromium.browser.target().createCDPSession();
  await session.send('Browser.setDownloadBehavior', {
    behavior: 'allow',
    downloadPath: folder,
    eventsEnabled: true,
  });
  const done = new Promise<void>((resolve, reject) => {
    session.on('Browser.downloadProgress', ({ state }) => {
      if (state === 'completed') resolve();
      if (state === 'canceled') reject(new Error(`the download of ${name} was cancelled`));
    });
  });
  await page.click(button);
  await done;
  await session.detach();
  return readFile(join(folder, name));
}

describe('the fine-tuning page', () => {
  it('suggests labels at a size where text is found, whatever the crop', async () => {
    await page.click('#examples button:nth-child(2)');
    await page.waitForSelector('#photos li');
    await fill('crop-size', 160);
    await page.click('#suggest');
    await page.waitForFunction('document.getElementById("notice").textContent !== ""');
    expect(await text('#notice')).toMatch(/^\d+ labels suggested/);
    expect((await labels()).length).toBeGreaterThan(3);
    await page.click('#photos .remove');
    await page.waitForFunction('document.querySelectorAll("#photos li").length === 0');
  });

  it('says what is missing before it trains', async () => {
    expect(await messageOfTraining()).toMatch(/no photo yet/);
    await page.click('#examples button');
    await page.waitForSelector('#photos li');
    expect(await messageOfTraining()).toMatch(/no label yet: drag a box/);
  });

  it('draws, moves and deletes labels by mouse and by keyboard', async () => {
    await drag([0.2, 0.3], [0.8, 0.7]);
    await page.waitForSelector('#labels li');
    expect(await labels()).toEqual(['1  box, 768 × 384 px']);
    await drag([0.8, 0.7], [0.9, 0.9]);
    await page.waitForFunction('/896 × 576/.test(document.getElementById("labels").textContent)');
    await page.keyboard.press('n');
    await page.keyboard.press('x');
    await page.waitForFunction('document.querySelectorAll("#labels :checked").length === 1');
    await page.keyboard.press('Delete');
    await page.waitForFunction('document.querySelectorAll("#labels li").length === 1');
    await page.keyboard.down('Control');
    await page.keyboard.press('z');
    await page.keyboard.up('Control');
    await page.waitForFunction('document.querySelectorAll("#labels li").length === 2');
  });

  it.each(['light', 'dark'])('has no serious fault of accessibility, %s', async (scheme) => {
    expect(await seriousFaults(page, scheme)).toEqual([]);
  });

  it('exports labels as the JSON that the command line reads', async () => {
    const file = await downloaded('#export-labels', 'labels.json');
    const [{ image, width, height, polygons }, ...others] = parseJsonLabels(file.toString(), 'labels.json');
    expect({ image, width, height, others }).toEqual({
      image: 'sign.jpg',
      width: 1280,
      height: 960,
      others: [],
    });
    expect(polygons.map(({ points, ignore }) => [points.length, ignore])).toEqual([
      [4, false],
      [4, true],
    ]);
  });

  it("shows the library's own errors", async () => {
    await fill('crop-size', 65);
    expect(await messageOfTraining()).toMatch(
      /^Option cropSize: expected a multiple of 32 from 64, found 65/,
    );
    expect(await text('#train')).toBe('Train');
  });

  it('trains: the loss, the P map, and the regions before and after', async () => {
    await fill('crop-size', 64);
    await fill('steps', 2);
    await fill('batch', 1);
    await page.click('#train');
    await page.waitForFunction('/^2 steps done/.test(document.getElementById("status").textContent)');
    await page.waitForSelector('#comparison:not([hidden])');
    const losses = await page.$$eval('figcaption b', (values) =>
      values.map((value) => Number(value.textContent)),
    );
    expect(losses).toHaveLength(4);
    for (const loss of losses) expect(loss).toBeGreaterThan(0);
    expect(await text('#loss-step')).toBe('step 2');
    expect(await text('#map-tag')).toBe('P after 1 step');
    expect(await text('#comparison-rows')).toMatch(/Before\d of 1.*After\d of 1/);
  });

  it('downloads weights that differ from those it began with', async () => {
    const trained = parseSafetensors(await downloaded('#download', 'db-resnet18-finetuned.safetensors'));
    const first = parseSafetensors(await readFile(join(root, 'weights/db-resnet18.safetensors')));
    const names = [...first.tensors.keys()].filter((name) => !name.endsWith('num_batches_tracked'));
    expect([...trained.tensors.keys()].sort()).toEqual(names.sort());
    const differs = (name: string) => {
      const [a, b] = [trained.float32(name), first.float32(name)];
      expect(a.every(Number.isFinite), name).toBe(true);
      return a.some((value, i) => value !== b[i]);
    };
    const isStatistic = (name: string) => /running_(mean|var)$/.test(name);
    expect(names.filter((name) => differs(name) === isStatistic(name))).toEqual([]);
  });

  it('trains on, pauses, resumes and stops', async () => {
    const status = (pattern: string) =>
      page.waitForFunction(`/${pattern}/.test(document.getElementById("status").textContent)`);
    // More than any device takes before the next click.
    await fill('steps', 1_000_000);
    await page.click('#train');
    await status('^Step \\d+ of 1000002');
    expect(await text('#train')).toBe('Pause');
    await page.click('#train');
    await status('^Paused at step \\d+ of 1000002');
    expect(await text('#train')).toBe('Resume');
    await page.click('#train');
    await status('^Step \\d+ of 1000002');
    await page.click('#stop');
    await status('^\\d+ steps done');
    expect(await text('#train')).toBe('Train on');
  });

  it('starts over', async () => {
    await page.click('#reset');
    await page.waitForSelector('#comparison[hidden]');
    expect(await text('#train')).toBe('Train');
    expect(await text('#status')).toBe('');
  });

  it('leaves nothing on the console', () => {
    expect(complaints).toEqual([]);
  });
});
