/** @file The page that explains DB, in Chromium: what it draws, by slider, by pointer and by keyboard. */

import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differentiable, positiveGradient, slope } from '../../pages/how-db-works/binarization.ts';
import { mapsAt, places } from '../../pages/how-db-works/section.ts';
import { share, short } from '../../pages/how-db-works/slider.ts';
import { servePage } from '../../pages/serve.ts';
import { launchBrowser, type WebGpuBrowser } from '../../scripts/browser.ts';
import type { StaticServer } from '../../scripts/static-server.ts';
import { labelMaps } from '../../src/labels/label-maps.ts';
import type { Point } from '../../src/postprocess/types.ts';
import { seriousFaults } from './accessibility.ts';
import { newLivePage } from './live-page.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

let chromium: WebGpuBrowser;
let server: StaticServer & { page: string };
let page: Page;
const complaints: string[] = [];

beforeAll(async () => {
  server = await servePage(root, 'how-db-works');
  chromium = await launchBrowser();
  page = await newLivePage(chromium.browser);
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warn') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(server.origin) && !request.url().startsWith('data:'))
      complaints.push(request.url());
  });
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(server.page);
  await page.waitForSelector('#loss-gradients path');
});

afterAll(async () => {
  await chromium?.browser.close();
  await server?.close();
});

const text = (id: string) => page.$eval(`#${id}`, (element) => element.textContent ?? '');

const slide = (id: string, value: number) =>
  page.$eval(
    `#${id}`,
    (input, given) => {
      (input as HTMLInputElement).value = given;
      input.dispatchEvent(new Event('input'));
    },
    String(value),
  );

/** The points of a drawn curve, back in the plot's own units, which its grid and range give. */
async function drawn(id: string, curve: string, domain: [number, number], range: [number, number]) {
  const { points, frame } = await page.$eval(
    `#${id}`,
    (svg, name) => {
      const numbers = (d: string) =>
        d
          .split(/[MLHV, ]/)
          .filter((part) => part !== '')
          .map(Number);
      const path = svg.querySelector(`.curve.${name}`)?.getAttribute('d') ?? '';
      const grids = [...svg.querySelectorAll('.grid')].map((line) => numbers(line.getAttribute('d') ?? ''));
      const [left, , right] = grids[0];
      const flat = numbers(path);
      const points = flat.filter((_, i) => i % 2 === 0).map((x, i) => [x, flat[2 * i + 1]]);
      const rule = numbers(svg.querySelector('.rule')?.getAttribute('d') ?? '');
      return { points, frame: { left, right, top: rule[1], bottom: rule[2] } };
    },
    curve,
  );
  return points.map(([x, y]): [number, number] => [
    domain[0] + ((x - frame.left) / (frame.right - frame.left)) * (domain[1] - domain[0]),
    range[0] + ((frame.bottom - y) / (frame.bottom - frame.top)) * (range[1] - range[0]),
  ]);
}

/** What an image of grey values shows. */
const pixels = (id: string) =>
  page.$eval(`#${id}`, (canvas) => {
    const { width, height } = canvas as HTMLCanvasElement;
    const { data } = (canvas as HTMLCanvasElement).getContext('2d')!.getImageData(0, 0, width, height);
    return { width, height, grey: [...data].filter((_, i) => i % 4 === 0) };
  });

const corners = () =>
  page.$$eval('#labels-overlay polygon', (outlines) =>
    outlines.map((outline) =>
      outline
        .getAttribute('points')!
        .split(' ')
        .map((point) => point.split(',').map(Number)),
    ),
  ) as Promise<Point[][]>;

describe('the page on DB', () => {
  it('draws the curves of the formulas, for the k of the slider', async () => {
    for (const k of [50, 20]) {
      await slide('binarization-k', k);
      const values = await drawn('binarization-values', 'binary', [-1, 1], [0, 1]);
      expect(values.length).toBeGreaterThan(100);
      // Within a pixel of the steepest place.
      for (const [x, y] of values) expect(Math.abs(y - differentiable(x, k))).toBeLessThan(0.01);
      const top = Math.max(5, k / 4);
      const slopes = await drawn('binarization-slopes', 'binary', [-1, 1], [0, top]);
      for (const [x, y] of slopes) expect(Math.abs(y - slope(x, k)) / top).toBeLessThan(0.01);
      expect(Math.max(...slopes.map(([, y]) => y))).toBeCloseTo(k / 4, 1);
    }
    await slide('binarization-x', 0.1);
    expect(await text('binarization-differentiable')).toBe(short(differentiable(0.1, 20)));
    expect(await text('binarization-slope')).toBe(short(slope(0.1, 20)));
  });

  it('shows P, T and B in the centre, on the edge, outside, and where the line is dragged to', async () => {
    const shown = async (row: string) => [
      await text(`section-${row}-p`),
      await text(`section-${row}-t`),
      await text(`section-${row}-b`),
    ];
    for (const row of ['centre', 'edge', 'outside'] as const) {
      const { P, T, B } = mapsAt(places[row], 6, 50);
      expect(await shown(row)).toEqual([P, T, B].map(share));
    }
    await page.click('[data-place=edge]');
    expect(await shown('here')).toEqual(await shown('edge'));
    expect(await text('section-at-value')).toBe('on the edge');
    const plot = (await page.$('#section-maps'))!;
    await plot.scrollIntoView();
    const { x, y, width } = (await plot.boundingBox())!;
    await page.mouse.move(x + width - 20, y + 60);
    await page.mouse.down();
    await page.mouse.move(x + 40, y + 60);
    await page.mouse.up();
    expect(await text('section-at-value')).toBe('80 px outside');
    expect(await shown('here')).toEqual(['0.000', '0.300', '0.000']);
    const curve = await drawn('section-maps', 'threshold', [-160, 160], [0, 1]);
    for (const [at, T] of curve) expect(Math.abs(T - mapsAt(at, 6, 50).T)).toBeLessThan(0.01);
  });

  it('states losses and gradients as the formulas do', async () => {
    await slide('loss-x', -0.2);
    await slide('loss-k', 30);
    expect(await text('loss-positive-gradient')).toBe(short(positiveGradient(-0.2, 30)));
    expect(await text('loss-positive-plain')).toBe(short(positiveGradient(-0.2, 1)));
    const gradients = await drawn('loss-gradients', 'positive', [-1, 1], [-30, 30]);
    for (const [x, y] of gradients) expect(Math.abs(y - positiveGradient(x, 30))).toBeLessThan(0.6);
  });

  it('shows the label maps of polygons that are dragged by mouse and by keyboard', async () => {
    const overlay = (await page.$('#labels-overlay'))!;
    await overlay.scrollIntoView();
    const before = await corners();
    const handle = (await page.$('#labels-overlay circle:nth-child(3)'))!;
    const { x, y, width } = (await handle.boundingBox())!;
    await page.mouse.move(x + width / 2, y + width / 2);
    await page.mouse.down();
    await page.mouse.move(x + width / 2 + 60, y + width / 2 + 15, { steps: 3 });
    await page.mouse.up();
    await page.keyboard.press('ArrowLeft');
    const after = await corners();
    expect(after[0][2][0]).toBeGreaterThan(before[0][2][0] + 10);
    expect(after[1]).toEqual(before[1]);
    await page.keyboard.press('ArrowRight');
    expect((await corners())[0][2]).toEqual([after[0][2][0] + 1, after[0][2][1]]);
    await slide('labels-ratio', 0.6);
    const points = await corners();
    for (const name of ['probability', 'probabilityMask', 'threshold', 'thresholdMask'] as const) {
      const { width, height, grey } = await pixels(`labels-${name}`);
      const maps = labelMaps(
        points.map((outline) => ({ points: outline })),
        { width, height },
        { shrinkRatio: 0.6 },
      );
      expect(grey, name).toEqual(Array.from(maps[name], (value) => Math.round(255 * value)));
    }
  });

  it('says why a polygon is no text', async () => {
    await page.click('#labels-ignore');
    expect(await text('labels-note')).toBe(
      'Polygon 1 is left out of the loss of P: it is marked as don’t care.',
    );
    await page.click('#labels-ignore');
  });

  it.each(['light', 'dark'])('has no serious fault of accessibility, %s', async (scheme) => {
    expect(await seriousFaults(page, scheme)).toEqual([]);
  });

  it('fits a telephone', async () => {
    await page.setViewport({ width: 390, height: 844 });
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  });

  it('leaves nothing on the console and asks nothing of the network', () => {
    expect(complaints).toEqual([]);
  });
});
