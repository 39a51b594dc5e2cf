/** @file `npm run site`: what it writes, served from below a path, in Chromium. */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import titles from '../../pages/pages.json' with { type: 'json' };
import { launchBrowser, type WebGpuBrowser } from '../../scripts/browser.ts';
import { type StaticServer, serve } from '../../scripts/static-server.ts';
import { newLivePage } from './live-page.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);
const writeSite = (folder: string) =>
  run(process.execPath, ['scripts/run-ts.mjs', 'scripts/site/site.ts', folder], { cwd: root });

let chromium: WebGpuBrowser;
let server: StaticServer;
let host: string;
let site: string;

beforeAll(async () => {
  host = await mkdtemp(join(tmpdir(), 'site-'));
  await mkdir(join(host, 'below'));
  site = join(host, 'below/a-path');
  await writeSite(site);
  server = await serve(host, {});
  chromium = await launchBrowser();
});

afterAll(async () => {
  await chromium?.browser.close();
  await server?.close();
  if (host) await rm(host, { recursive: true, force: true });
});

/** Opens a page; gives all that goes wrong, and its links. */
async function visit(path: string): Promise<{ faults: string[]; links: string[]; title: string }> {
  const page = await newLivePage(chromium.browser);
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text());
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('requestfailed', (request) => {
    // Chromium says so of weights, too, that are read to their end while it is busy.
    const reason = request.failure()?.errorText;
    if (reason !== 'net::ERR_ABORTED') faults.push(`${reason}: ${request.url()}`);
  });
  page.on('request', (request) => {
    const known = [`${server.origin}/below/a-path/`, 'data:', 'blob:'];
    if (!known.some((start) => request.url().startsWith(start))) faults.push(`outside: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) faults.push(`${response.status()}: ${response.url()}`);
  });
  await page.goto(`${server.origin}/below/a-path/${path}`, { waitUntil: 'networkidle0' });
  const links = await page.$$eval('a[href]', (all) => all.map((link) => (link as HTMLAnchorElement).href));
  const title = await page.title();
  await page.close();
  return { faults, links: links.map((link) => link.split('#')[0]), title };
}

describe('the site', () => {
  it.each([
    ...Object.keys(titles).map((name) => `pages/${name}/index.html`),
    'bench/index.html',
    'api/index.html',
    'api/modules/dbnet-webgpu_labels.html',
  ])('%s loads all that it needs, and links to what is there', async (path) => {
    const { faults, links, title } = await visit(path);
    expect(faults).toEqual([]);
    expect(title).not.toBe('');
    for (const link of new Set(links)) {
      if (!link.startsWith(server.origin)) continue;
      expect((await fetch(link)).status, link).toBe(200);
    }
  });

  it('leads from the front to the first page, whose navigation has all', async () => {
    expect(await readFile(join(site, 'index.html'), 'utf8')).toContain(
      `pages/${Object.keys(titles)[0]}/index.html`,
    );
    const { links } = await visit(`pages/${Object.keys(titles)[0]}/index.html`);
    for (const path of [...Object.keys(titles).map((name) => `pages/${name}/`), 'bench/', 'api/']) {
      expect(links).toContain(`${server.origin}/below/a-path/${path}index.html`);
    }
  });

  it('is not written over what is there', async () => {
    await expect(writeSite(site)).rejects.toMatchObject({
      stderr: expect.stringContaining('expected a new or an empty folder'),
    });
  });
});
