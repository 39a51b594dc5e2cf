/** @file A detector in a worker of a page: what it gives is, bit for bit, what a detector on the page gives. */

import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { launchBrowser, type WebGpuBrowser } from '../../scripts/browser.ts';
import { bundleForPage } from '../../scripts/bundle-page.ts';
import { workerThread } from '../../scripts/lazy-modules.mjs';
import { type StaticServer, serve } from '../../scripts/static-server.ts';
import { smallWeights } from '../gpu/small-engine.ts';
import { newLivePage, open } from './live-page.ts';

type Library = typeof import('../../src/index.ts') & typeof import('../../src/worker/index.ts');

const root = fileURLToPath(new URL('../../', import.meta.url));

let chromium: WebGpuBrowser;
let site: StaticServer;
let cdn: StaticServer;
let page: Page;

beforeAll(async () => {
  const worker = { '/worker.js': await bundleForPage(root, 'src/worker/index.ts') };
  const thread = { [`/${workerThread.file}`]: await bundleForPage(root, workerThread.module) };
  site = await serve(undefined, {
    '/': `<!doctype html><title>worker</title><script type="module">
      globalThis.library = { ...await import('/dbnet-webgpu.js'), ...await import('/worker.js') };
      globalThis.load = (address) => import(address);</script>`,
    '/dbnet-webgpu.js': await bundleForPage(root, 'src/index.ts'),
    '/small.safetensors': smallWeights(true),
    // Here the worker's script is missing.
    '/alone/worker.js': worker['/worker.js'],
    ...worker,
    ...thread,
  });
  const headers = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };
  cdn = await serve(undefined, { ...worker, ...thread }, { headers });
  chromium = await launchBrowser();
  page = await newLivePage(chromium.browser);
  await open(page, site.origin, '"library" in globalThis');
}, 240_000);

afterAll(async () => {
  await chromium?.browser.close();
  await Promise.all([site?.close(), cdn?.close()]);
});

it('every kind of image gives the maps and regions that it gives on the page', async () => {
  const found = await page.evaluate(async () => {
    const { library } = globalThis as unknown as { library: Library };
    const here = await library.TextDetector.create({ weights: '/small.safetensors' });
    const there = await library.createWorkerDetector({ weights: 'small.safetensors' });
    const [width, height] = [96, 64];
    const canvas = Object.assign(document.createElement('canvas'), { width, height });
    const context = canvas.getContext('2d')!;
    context.fillStyle = '#fff';
    context.fillRect(0, 0, width, height);
    context.fillStyle = '#123';
    context.font = '32px sans-serif';
    context.fillText('Text', 8, 44);
    const data = context.getImageData(0, 0, width, height);
    const blob = await new Promise<Blob>((resolve) => canvas.toBlob((made) => resolve(made!)));
    const element = Object.assign(new Image(), { src: URL.createObjectURL(blob) });
    const offscreen = new OffscreenCanvas(width, height);
    offscreen.getContext('2d')!.putImageData(data, 0, 0);
    const images = {
      raw: { data: data.data, width, height, channels: 4 as const },
      data,
      blob,
      element,
      canvas,
      offscreen,
      bitmap: await createImageBitmap(blob),
      frame: new VideoFrame(canvas, { timestamp: 0 }),
    };
    const size = { width, height };
    const results: Record<string, unknown> = {};
    for (const [kind, image] of Object.entries(images)) {
      const P = (await here.maps(image, { size })).P;
      const threshold = P.toSorted()[P.length >> 1];
      const options = { size, threshold, boxThreshold: 0, maps: true } as const;
      const expected = await here.detect(image, options);
      const given = await there.detect(image, options);
      const same = (['P', 'T', 'B'] as const).map((name) =>
        given.maps[name]!.every((value, i) => Object.is(value, expected.maps[name]![i])),
      );
      results[kind] = {
        same,
        regions: expected.regions.length > 0,
        equal: JSON.stringify(given.regions) === JSON.stringify(expected.regions),
      };
    }
    // None was given away: all are there still.
    const left = [images.raw.data.length, images.bitmap.width, images.frame.displayWidth];
    const info = JSON.stringify(there.info) === JSON.stringify(here.info);
    const memory = await there.memory();
    await there.warmup(size, { outputs: 'PTB' });
    there.dispose();
    here.dispose();
    return { results, left, info, memory };
  });
  expect(Object.keys(found.results)).toHaveLength(8);
  for (const [kind, result] of Object.entries(found.results)) {
    expect(result, kind).toEqual({ same: [true, true, true], regions: true, equal: true });
  }
  expect(found.left).toEqual([96 * 64 * 4, 96, 96]);
  expect(found.info).toBe(true);
  expect(found.memory.weights).toBeGreaterThan(0);
});

it('an image counts as it is when the call is made; transfer gives it away', async () => {
  const found = await page.evaluate(async () => {
    const { library } = globalThis as unknown as { library: Library };
    const detector = await library.createWorkerDetector({ weights: await fetch('/small.safetensors') });
    const size = { width: 64, height: 32 };
    const canvas = new OffscreenCanvas(64, 32);
    const context = canvas.getContext('2d')!;
    const draw = (colour: string) => {
      context.fillStyle = colour;
      context.fillRect(0, 0, 32, 32);
    };
    draw('#fff');
    const white = detector.maps(canvas, { size });
    draw('#000');
    const black = detector.maps(canvas, { size });
    draw('#fff');
    const again = detector.maps(canvas, { size });
    const [first, second, third] = (await Promise.all([white, black, again])).map(({ P }) => P.join());

    const bitmap = await createImageBitmap(canvas);
    const frame = new VideoFrame(canvas, { timestamp: 0 });
    const raw = { data: new Uint8Array(64 * 32), width: 64, height: 32, channels: 1 as const };
    const transferred = [bitmap, frame, raw, canvas].map((image) =>
      detector.maps(image, { size, transfer: true }),
    );
    const gone = [bitmap.width, frame.format, raw.data.length, canvas.width];
    const P = (await Promise.all(transferred)).map((maps) => maps.P.join());
    detector.dispose();
    return { changes: [first === second, first === third], gone, same: [P[0] === first, P[3] === first] };
  });
  expect(found).toEqual({ changes: [false, true], gone: [0, null, 0, 64], same: [true, true] });
});

it('a stream of frames is computed in the worker, and closes them', async () => {
  const found = await page.evaluate(async () => {
    const { library } = globalThis as unknown as { library: Library };
    const detector = await library.createWorkerDetector({ weights: '/small.safetensors' });
    const canvas = new OffscreenCanvas(64, 32);
    canvas.getContext('2d')!.fillRect(0, 0, 32, 32);
    const frames: VideoFrame[] = [];
    const source = new ReadableStream<VideoFrame>({
      pull(controller) {
        if (frames.length === 6) return controller.close();
        const frame = new VideoFrame(canvas, { timestamp: frames.length });
        frames.push(frame);
        controller.enqueue(frame);
      },
    });
    let looked = 0;
    let skipped = 0;
    for await (const detection of detector.stream(source, { size: { width: 64, height: 32 } })) {
      looked++;
      skipped += detection.skipped;
    }
    detector.dispose();
    return {
      frames: looked + skipped,
      looked: looked > 0,
      open: frames.filter(({ format }) => format !== null).length,
    };
  });
  expect(found).toEqual({ frames: 6, looked: true, open: 0 });
});

it('errors, aborts and the end of the worker are told as on the page', async () => {
  const found = await page.evaluate(async () => {
    const { library } = globalThis as unknown as { library: Library };
    const { createWorkerDetector, DBNetError, TextDetector } = library;
    const codeOf = (promise: Promise<unknown>) =>
      promise.then(
        () => 'none',
        (error: unknown) => (error instanceof DBNetError ? error.code : error),
      );
    const detector = await createWorkerDetector({ weights: '/small.safetensors' });
    const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
    const texture = device.createTexture({
      size: [8, 8],
      format: 'rgba8unorm',
      usage: GPUTextureUsage.TEXTURE_BINDING,
    });
    const image = { data: new Uint8Array(64), width: 8, height: 8, channels: 1 as const };
    const controller = new AbortController();
    const large = detector.detect(image, { size: { width: 512, height: 512 }, signal: controller.signal });
    controller.abort('mine');
    const codes: Record<string, unknown> = {
      aborted: await codeOf(large),
      notAnImage: await codeOf(detector.detect(new Blob(['x']))),
      wrongOption: await codeOf(detector.detect(image, { threshold: 2 })),
      texture: await codeOf(detector.detect(texture as never)),
      device: await codeOf(createWorkerDetector({ weights: '/small.safetensors', device: device as never })),
      missing: await codeOf(createWorkerDetector({ weights: '/missing.safetensors' })),
      missingResponse: await codeOf(createWorkerDetector({ weights: await fetch('/missing.safetensors') })),
    };
    const pending = codeOf(detector.detect(image, { size: { width: 512, height: 512 } }));
    detector.dispose();
    codes.disposed = await pending;
    device.destroy();
    const progress = new Set<string>();
    const both = { onProgress: ({ stage }: { stage: string }) => progress.add(stage) };
    (await createWorkerDetector({ weights: '/small.safetensors', ...both })).dispose();
    const here = new Set<string>();
    const onProgress = ({ stage }: { stage: string }) => here.add(stage);
    (await TextDetector.create({ weights: '/small.safetensors', onProgress })).dispose();
    return { codes, progress: [...progress].sort(), here: [...here].sort() };
  });
  expect(found.codes).toEqual({
    aborted: 'mine',
    notAnImage: 'invalid-image',
    wrongOption: 'invalid-argument',
    texture: 'invalid-image',
    device: 'invalid-argument',
    missing: 'load-failed',
    missingResponse: 'load-failed',
    disposed: 'disposed',
  });
  expect(found.progress).toEqual(found.here);
});

it('the script comes from another origin, too; where it is missing, that is told', async () => {
  const found = await page.evaluate(async (otherOrigin) => {
    const { load } = globalThis as unknown as { load: (address: string) => Promise<Library> };
    const elsewhere = await load(`${otherOrigin}/worker.js`);
    const detector = await elsewhere.createWorkerDetector({ weights: 'small.safetensors' });
    const { architecture } = detector.info.weights;
    detector.dispose();
    const alone = await load('/alone/worker.js');
    const missing = await alone
      .createWorkerDetector({ weights: 'small.safetensors' })
      .catch((error) => error);
    return { architecture, code: missing.code, message: missing.message };
  }, cdn.origin);
  expect(found).toEqual({
    architecture: expect.any(String),
    code: 'load-failed',
    message: expect.stringContaining(workerThread.file),
  });
});
