/**
 * @file The built bundle in a real page and in a worker: every kind of image that browsers have gives the regions
 * that raw pixels give, whatever its alpha, its realm and its origin.
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

/**
 * The scripts of the page and the worker. What they share comes first: they differ only in the images that they can make.
 * @param otherOrigin of a server that allows nobody to read what it serves.
 */
function scripts(otherOrigin: string): { page: string; worker: string } {
  const common = `
import { DBNetError, rectify, TextDetector, Trainer } from '/dbnet-webgpu.js';
const options = { size: { width: ${width}, height: ${height} }, threshold: 0.3, boxThreshold: 0.4 };
const blob = await (await fetch('/sign.png')).blob();
const bitmap = await createImageBitmap(blob);
const canvas = new OffscreenCanvas(${width}, ${height});
canvas.getContext('2d').drawImage(bitmap, 0, 0);
const data = canvas.getContext('2d').getImageData(0, 0, ${width}, ${height});
/** Dark text on transparency, as it is drawn for a page of any colour. */
const clear = { blob: await (await fetch('/clear.png')).blob() };
clear.bitmap = await createImageBitmap(clear.blob);
clear.straight = await createImageBitmap(clear.blob, { premultiplyAlpha: 'none' });
clear.canvas = new OffscreenCanvas(${width}, ${height});
clear.canvas.getContext('2d').drawImage(clear.bitmap, 0, 0);
clear.data = clear.canvas.getContext('2d').getImageData(0, 0, ${width}, ${height});
clear.raw = { data: clear.data.data, width: ${width}, height: ${height}, channels: 4 };
const progress = [];
const detector = await TextDetector.create({
  weights: '/weights/db-resnet18.safetensors',
  onProgress: ({ stage, done, total }) => progress.push([stage, done, total]),
});
async function regionsOf(images, more) {
  const result = {};
  for (const [kind, image] of Object.entries(images)) {
    result[kind] = (await detector.detect(image, { ...options, ...more })).regions;
  }
  return result;
}
async function errorOf(call) {
  try { await call(); } catch (error) { return error instanceof DBNetError ? [error.code, error.message] : String(error); }
}
async function errorCode(call) {
  const error = await errorOf(call);
  return Array.isArray(error) ? error[0] : error;
}
`;

  const page = `${common}
const element = new Image();
element.src = '/sign.png';
const htmlCanvas = document.createElement('canvas');
htmlCanvas.width = ${width};
htmlCanvas.height = ${height};
htmlCanvas.getContext('2d').drawImage(bitmap, 0, 0);

/** Each kind of image, made by an iframe. */
async function foreignImages() {
  const frame = document.body.appendChild(document.createElement('iframe'));
  const { contentWindow: realm } = frame;
  const image = new realm.Image();
  image.src = new URL('/sign.png', location).href;
  await image.decode();
  const canvas = frame.contentDocument.createElement('canvas');
  canvas.width = ${width};
  canvas.height = ${height};
  canvas.getContext('2d').drawImage(image, 0, 0);
  const offscreen = new realm.OffscreenCanvas(${width}, ${height});
  offscreen.getContext('2d').drawImage(image, 0, 0);
  const bytes = new realm.Uint8Array(data.data);
  const own = [Image, HTMLCanvasElement, OffscreenCanvas, ImageBitmap, ImageData, Blob, Uint8Array, Uint8ClampedArray];
  const images = {
    element: image,
    canvas,
    offscreen,
    bitmap: await realm.createImageBitmap(image),
    data: canvas.getContext('2d').getImageData(0, 0, ${width}, ${height}),
    blob: new realm.Blob([await blob.arrayBuffer()], { type: 'image/png' }),
    file: new realm.File([await blob.arrayBuffer()], 'sign.png', { type: 'image/png' }),
    bytes: new realm.Object({ data: bytes, width: ${width}, height: ${height}, channels: 4 }),
    clamped: { data: new realm.Uint8ClampedArray(bytes), width: ${width}, height: ${height}, channels: 4 },
  };
  const known = Object.values(images).some((image) => own.some((type) => image instanceof type || image.data instanceof type));
  return { images, known, signal: new realm.AbortController().signal };
}

/** What a page gets that shows an image of another origin. */
async function taintedImages() {
  const image = new Image();
  image.src = '${otherOrigin}/sign.png';
  await image.decode();
  const canvas = document.createElement('canvas');
  canvas.width = ${width};
  canvas.height = ${height};
  canvas.getContext('2d').drawImage(image, 0, 0);
  const wide = new OffscreenCanvas(16384, 8);
  wide.getContext('2d').drawImage(image, 0, 0);
  return { element: image, canvas, wide, bitmap: await createImageBitmap(image) };
}

globalThis.images = async () => {
  const maps = async (image, more) => (await detector.maps(image, { size: options.size, ...more })).P;
  const difference = (a, b) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
  const foreign = await foreignImages();
  const tainted = {};
  for (const [kind, image] of Object.entries(await taintedImages())) {
    tainted[kind] = await errorOf(() => detector.detect(image, options));
  }
  const trainer = await Trainer.create({ init: 'random', cropSize: 64 });
  const { canvas: taintedCanvas } = await taintedImages();
  const polygons = [{ points: [[8, 8], [56, 8], [56, 40], [8, 40]] }];
  tainted.trained = await errorOf(() => trainer.step([{ image: taintedCanvas, polygons }]));
  trainer.dispose();

  // A canvas that is drawn on, and a bitmap that is closed, while calls wait.
  const drawn = new OffscreenCanvas(${width}, ${height});
  const context = drawn.getContext('2d');
  const waiting = [bitmap, clear.bitmap, bitmap].map((picture) => {
    context.fillStyle = '#fff';
    context.fillRect(0, 0, ${width}, ${height});
    context.drawImage(picture, 0, 0);
    return maps(drawn);
  });
  context.clearRect(0, 0, ${width}, ${height});
  const closed = await createImageBitmap(blob);
  waiting.push(maps(closed));
  closed.close();
  const onWhite = await maps(clear.raw);
  const sign = await maps(bitmap);
  const waited = [sign, onWhite, sign, sign];

  // Blobs that come all at once are decoded a few at a time.
  let open = 0;
  let mostOpen = 0;
  const { createImageBitmap: decode } = globalThis;
  globalThis.createImageBitmap = async (...given) => {
    const made = await decode(...given);
    mostOpen = Math.max(mostOpen, ++open);
    const close = made.close.bind(made);
    made.close = () => { open--; close(); };
    return made;
  };
  const many = await Promise.all(Array.from({ length: 10 }, () => detector.detect(blob, { size: { width: 32, height: 32 } })));
  globalThis.createImageBitmap = decode;

  const clearElement = new Image();
  clearElement.src = '/clear.png';
  const { raw, ...kinds } = { ...clear, element: clearElement };
  const background = [40, 90, 200];
  const onBlue = await maps(raw, { background });
  const alpha = {};
  for (const [kind, image] of Object.entries(kinds)) {
    alpha[kind] = [difference(await maps(image), onWhite), difference(await maps(image, { background }), onBlue)];
  }
  return {
    foreign: await regionsOf(foreign.images, { signal: foreign.signal }),
    known: foreign.known,
    tainted,
    waiting: (await Promise.all(waiting)).map((P, i) => difference(P, waited[i])),
    clearRegions: await regionsOf({ raw, ...kinds }),
    alpha,
    backgrounds: difference(onWhite, onBlue),
    many: { results: many.length, mostOpen, open },
  };
};

globalThis.crops = async () => {
  const region = { points: [[20.5, 11], [120, 20.5], [118, 60], [18, 49]] };
  const images = { blob, bitmap, canvas, data, element, htmlCanvas,
    raw: { data: data.data, width: ${width}, height: ${height}, channels: 4 } };
  const crops = {};
  for (const [kind, image] of Object.entries(images)) {
    const { data, width, height } = await rectify(image, region, { height: 32 });
    crops[kind] = [...new ImageData(data, width, height).data];
  }
  return crops;
};

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

  const worker = `${common}
postMessage(await regionsOf({ blob, bitmap, canvas, data }));
`;
  return { page, worker };
}

let chromium: WebGpuBrowser;
let server: StaticServer;
let otherServer: StaticServer;
let page: Page;

beforeAll(async () => {
  const { outputFiles } = await build({
    absWorkingDir: root,
    stdin: {
      contents: "export * from './src/index.ts'; export { Trainer } from './src/train/index.ts';",
      resolveDir: root,
    },
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
  // The darker, the more opaque: over white nearly the sign itself.
  const inverse = Buffer.from(Uint8Array.from(data, (value) => 255 - value));
  const clear = await sharp({ create: { width, height, channels: 3, background: '#000' } })
    .joinChannel(
      await sharp(inverse, { raw: { width, height, channels: 3 } })
        .toColourspace('b-w')
        .raw()
        .toBuffer(),
      { raw: { width, height, channels: 1 } },
    )
    .png()
    .toBuffer();
  // Pages of other origins may show it, and only that.
  const shown = { 'cross-origin-resource-policy': 'cross-origin' };
  otherServer = await serve(undefined, { '/sign.png': png }, { headers: shown });
  const script = scripts(otherServer.origin);
  server = await serve(root, {
    '/': '<!doctype html><title>dbnet-webgpu</title><script type="module" src="/page.js"></script>',
    '/page.js': script.page,
    '/worker.js': script.worker,
    '/dbnet-webgpu.js': outputFiles[0].text,
    '/sign.png': png,
    '/clear.png': clear,
  });
  chromium = await launchBrowser();
  page = await newLivePage(chromium.browser);
  await open(page, server.origin, '"run" in globalThis');
});

afterAll(async () => {
  await chromium?.browser.close();
  await Promise.all([server?.close(), otherServer?.close()]);
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

interface PageImages {
  foreign: Record<string, Region[]>;
  /** Whether one of the images of the other realm is of a class here. */
  known: boolean;
  tainted: Record<string, unknown>;
  /** Largest differences of P. */
  waiting: number[];
  clearRegions: Record<string, Region[]>;
  alpha: Record<string, number[]>;
  backgrounds: number;
  many: { results: number; mostOpen: number; open: number };
}

describe('the bundle in Chromium', () => {
  let found: PageResult;
  let images: PageImages;

  it('finds the same regions in every kind of image', async () => {
    found = (await page.evaluate('run()')) as PageResult;
    const { raw, ...others } = found.regions;
    expect(raw.length).toBeGreaterThanOrEqual(2);
    for (const [kind, regions] of Object.entries(others)) expect(regions, kind).toEqual(raw);
  });

  it('cuts the same crop from every kind of image', async () => {
    const { raw, ...others } = (await page.evaluate('crops()')) as Record<string, number[]>;
    expect(raw.length % (4 * 32)).toBe(0);
    expect(new Set(raw).size).toBeGreaterThan(20);
    for (const [kind, crop] of Object.entries(others)) expect(crop, kind).toEqual(raw);
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

  it('knows images of an iframe, which are of other classes', async () => {
    images = (await page.evaluate('images()')) as PageImages;
    expect(images.known).toBe(false);
    expect(Object.keys(images.foreign)).toHaveLength(9);
    for (const [kind, regions] of Object.entries(images.foreign))
      expect(regions, kind).toEqual(found.regions.raw);
  });

  it('says what to do about an image that the page may show but not read', () => {
    expect(Object.keys(images.tainted)).toEqual(['element', 'canvas', 'wide', 'bitmap', 'trained']);
    for (const [kind, error] of Object.entries(images.tainted)) {
      expect(error, kind).toEqual(['invalid-image', expect.stringContaining('crossorigin="anonymous"')]);
    }
  });

  it('composes what is transparent over the background, whatever the kind of image', () => {
    const { raw, ...others } = images.clearRegions;
    expect(raw.length).toBeGreaterThanOrEqual(1);
    for (const [kind, regions] of Object.entries(others)) expect(regions.length, kind).toBe(raw.length);
    expect(Object.keys(images.alpha)).toEqual(['blob', 'bitmap', 'straight', 'canvas', 'data', 'element']);
    // Pixels that were multiplied by their alpha in 8 bits are off by one here and there.
    for (const [kind, differences] of Object.entries(images.alpha)) {
      for (const difference of differences) expect(difference, kind).toBeLessThan(0.05);
    }
    expect(images.backgrounds).toBeGreaterThan(0.2);
  });

  it('decodes blobs that come all at once a few at a time, and keeps none', () => {
    expect(images.many).toEqual({ results: 10, mostOpen: 4, open: 0 });
  });

  it('takes a canvas as it is when it is given, and a bitmap that is closed afterwards', () => {
    const [first, clear, ...others] = images.waiting;
    expect([first, ...others]).toEqual([0, 0, 0]);
    expect(clear).toBeLessThan(0.05);
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
