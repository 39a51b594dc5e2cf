/**
 * @file The built bundle in a real page and in a worker: every kind of image that browsers have gives the regions
 * that raw pixels give.
 */

import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Page } from 'puppeteer';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, type WebGpuBrowser } from '../../scripts/browser.ts';
import { type StaticServer, serve } from '../../scripts/static-server.ts';
import type { Region } from '../../src/postprocess/types.ts';
import { readFixture } from '../helpers/fixtures.ts';
import { newLivePage, open } from './live-page.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const width = 160;
const height = 96;

/** What the page and the worker share: they differ only in the images that they can make. */
const common = `
import { DBNetError, TextDetector } from '/dbnet-webgpu.js';
const options = { size: { width: ${width}, height: ${height} }, threshold: 0.3, boxThreshold: 0.4 };
const blob = await (await fetch('/sign.png')).blob();
const bitmap = await createImageBitmap(blob);
const canvas = new OffscreenCanvas(${width}, ${height});
canvas.getContext('2d').drawImage(bitmap, 0, 0);
const data = canvas.getContext('2d').getImageData(0, 0, ${width}, ${height});
const progress = [];
const detector = await TextDetector.create({
  weights: '/weights/db-resnet18.safetensors',
  onProgress: ({ stage, done, total }) => progress.push([stage, done, total]),
});
async function regionsOf(images) {
  const result = {};
  for (const [kind, image] of Object.entries(images)) result[kind] = (await detector.detect(image, options)).regions;
  return result;
}
async function errorCode(call) {
  try { await call(); } catch (error) { return error instanceof DBNetError ? error.code : String(error); }
}
`;

const pageScript = `${common}
const element = new Image();
element.src = '/sign.png';
const htmlCanvas = document.createElement('canvas');
htmlCanvas.width = ${width};
htmlCanvas.height = ${height};
htmlCanvas.getContext('2d').drawImage(bitmap, 0, 0);
globalThis.run = async () => ({
  regions: await regionsOf({ blob, bitmap, canvas, data, element, htmlCanvas,
    raw: { data: data.data, width: ${width}, height: ${height}, channels: 4 } }),
  progress,
  software: detector.info.software,
  wide: await (async () => {
    const wide = new OffscreenCanvas(16384, 8);
    wide.getContext('2d').fillRect(0, 0, 16384, 8);
    const { width, height, regions } = await detector.detect(wide, { size: { shortSide: 32, maxLongSide: 64 } });
    return [width, height, regions.length];
  })(),
  notAnImage: await errorCode(() => detector.detect(new Blob(['text'], { type: 'text/plain' }))),
  brokenElement: await errorCode(() => detector.detect(Object.assign(new Image(), { src: '/nothing.png' }))),
  closedBitmap: await errorCode(async () => {
    const closed = await createImageBitmap(blob);
    closed.close();
    await detector.detect(closed);
  }),
  missingWeights: await errorCode(() => TextDetector.create({ weights: '/no-such.safetensors' })),
});
`;

const workerScript = `${common}
postMessage(await regionsOf({ blob, bitmap, canvas, data }));
`;

let chromium: WebGpuBrowser;
let server: StaticServer;
let page: Page;

beforeAll(async () => {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ['src/index.ts'],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'silent',
  });
  const { data } = readFixture('sign.safetensors').get('image')!;
  const png = await sharp(Buffer.from(data.buffer, data.byteOffset, data.byteLength), {
    raw: { width, height, channels: 3 },
  })
    .png()
    .toBuffer();
  server = await serve(root, {
    '/': '<!doctype html><title>dbnet-webgpu</title><script type="module" src="/page.js"></script>',
    '/page.js': pageScript,
    '/worker.js': workerScript,
    '/dbnet-webgpu.js': outputFiles[0].text,
    '/sign.png': png,
  });
  chromium = await launchBrowser();
  page = await newLivePage(chromium.browser);
  await open(page, server.origin, '"run" in globalThis');
});

afterAll(async () => {
  await chromium?.browser.close();
  await server?.close();
});

interface PageResult {
  regions: Record<string, Region[]>;
  progress: [stage: string, done: number, total: number][];
  software: boolean;
  wide: number[];
  notAnImage: string;
  brokenElement: string;
  closedBitmap: string;
  missingWeights: string;
}

describe('the bundle in Chromium', () => {
  let found: PageResult;

  it('finds the same regions in every kind of image', async () => {
    found = (await page.evaluate('run()')) as PageResult;
    const { raw, ...others } = found.regions;
    expect(raw.length).toBeGreaterThanOrEqual(2);
    for (const [kind, regions] of Object.entries(others)) expect(regions, kind).toEqual(raw);
  });

  it('reads an image that is wider than a texture may be', () => {
    expect(found.wide).toEqual([16384, 8, 0]);
  });

  it('reports progress of the weights in bytes', () => {
    const weights = found.progress.filter(([stage]) => stage === 'weights');
    expect(weights.at(-1)).toEqual(['weights', 24756368, 24756368]);
  });

  it('gives typed errors', () => {
    expect(found).toMatchObject({
      notAnImage: 'invalid-image',
      brokenElement: 'invalid-image',
      closedBitmap: 'invalid-image',
      missingWeights: 'load-failed',
    });
  });

  it('finds the same regions in a worker', async () => {
    const regions = (await page.evaluate(`new Promise((resolve, reject) => {
      const worker = new Worker('/worker.js', { type: 'module' });
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
    })`)) as Record<string, Region[]>;
    expect(Object.keys(regions)).toEqual(['blob', 'bitmap', 'canvas', 'data']);
    for (const [kind, ofKind] of Object.entries(regions)) expect(ofKind, kind).toEqual(found.regions.raw);
  });
});
