/** @file Chromium's camera that is none: the example draws what it sees, and a stream of 300 frames makes nothing but results. */

import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { servePage } from '../../pages/serve.ts';
import { launchBrowser, type WebGpuBrowser } from '../../scripts/browser.ts';
import { bundleForPage } from '../../scripts/bundle-page.ts';
import { type StaticServer, serve } from '../../scripts/static-server.ts';
import { smallWeights } from '../gpu/small-engine.ts';
import { newLivePage, open } from './live-page.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

let chromium: WebGpuBrowser;
let example: StaticServer & { page: string };
let empty: StaticServer;
const complaints: string[] = [];

async function newPage(): Promise<Page> {
  const page = await newLivePage(chromium.browser);
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  return page;
}

beforeAll(async () => {
  example = await servePage(root, 'camera');
  empty = await serve(root, {
    '/': '<!doctype html><title>stream</title><script type="module">globalThis.library = await import("/dbnet-webgpu.js");</script>',
    '/dbnet-webgpu.js': await bundleForPage(root, 'src/index.ts'),
    '/small.safetensors': smallWeights(true),
  });
  chromium = await launchBrowser(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
}, 240_000);

afterAll(async () => {
  await chromium?.browser.close();
  await Promise.all([example?.close(), empty?.close()]);
});

it('the example looks at frames, says how many it skipped, and stops', async () => {
  const page = await newPage();
  await page.goto(example.page);
  await page.waitForFunction('document.querySelector("output").value === "Ready."');
  await page.click('button');
  await page.waitForFunction(
    '/ [3-9] frames looked at, \\d+ skipped/.test(document.querySelector("output").value)',
  );
  expect(await page.$eval('canvas', ({ width, height }) => [width, height])).toEqual([640, 480]);
  await page.click('button');
  await page.waitForFunction('document.querySelector("button").textContent === "Start the camera"');
  expect(complaints).toEqual([]);
  await page.close();
});

it('300 frames come in order, each with its place in the video, and memory is that of the first', async () => {
  const page = await newPage();
  await open(page, empty.origin, '"library" in globalThis');
  const { times, skipped, first, last, stopped } = await page.evaluate(async () => {
    const { library } = globalThis as unknown as { library: typeof import('../../src/index.ts') };
    const { TextDetector } = library;
    const detector = await TextDetector.create({ weights: '/small.safetensors' });
    const camera = await navigator.mediaDevices.getUserMedia({ video: true });
    const video = Object.assign(document.createElement('video'), { srcObject: camera, muted: true });
    await video.play();
    const times: number[] = [];
    let skipped = 0;
    let first = {};
    for await (const detection of detector.stream(video, { size: { width: 64, height: 32 }, inFlight: 2 })) {
      times.push(detection.mediaTime!);
      skipped += detection.skipped;
      if (times.length === 2) first = detector.memory;
      if (times.length === 300) break;
    }
    const last = detector.memory;
    for (const track of camera.getTracks()) track.stop();
    detector.dispose();
    return { times, skipped, first, last, stopped: video.paused };
  });
  expect(times).toHaveLength(300);
  expect(times).toEqual([...new Set(times)].sort((a, b) => a - b));
  expect(skipped).toBeGreaterThanOrEqual(0);
  expect(last).toEqual(first);
  expect(stopped).toBe(false);
  expect(complaints).toEqual([]);
  await page.close();
});
