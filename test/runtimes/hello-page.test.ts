/** @file The smallest example in Chromium: a photo goes in, its regions are drawn and counted. */

import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { servePage } from '../../pages/serve.ts';
import { launchBrowser, type WebGpuBrowser } from '../../scripts/browser.ts';
import type { StaticServer } from '../../scripts/static-server.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

let chromium: WebGpuBrowser;
let server: StaticServer & { page: string };

beforeAll(async () => {
  server = await servePage(root, 'hello');
  chromium = await launchBrowser();
}, 240_000);

afterAll(async () => {
  await chromium?.browser.close();
  await server?.close();
});

it('finds the words of a photo', async () => {
  const page = await chromium.browser.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(server.page);
  const output = () => page.$eval('output', ({ value }) => value);
  await page.waitForFunction('document.querySelector("output").value === "Choose a photo."', { timeout: 0 });
  const photo = await sharp(fileURLToPath(new URL('../../examples/sign.jpg', import.meta.url)))
    .resize({ width: 320 })
    .png()
    .toBuffer();
  await page.evaluate(
    async (encoded) => {
      const blob = await (await fetch(encoded)).blob();
      const files = new DataTransfer();
      files.items.add(new File([blob], 'photo.png', { type: 'image/png' }));
      const input = document.querySelector('input')!;
      input.files = files.files;
      input.dispatchEvent(new Event('change'));
    },
    `data:image/png;base64,${photo.toString('base64')}`,
  );
  await page.waitForFunction('/regions/.test(document.querySelector("output").value)', { timeout: 0 });
  expect(await output()).toMatch(/^[1-9]\d* regions of text\.$/);
  expect(await page.$eval('canvas', ({ width }) => width)).toBe(320);
  expect(complaints).toEqual([]);
});
