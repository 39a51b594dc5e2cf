/** @file Finds and starts a Chromium with WebGPU, for tests and benchmarks. */

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import puppeteer, { type Browser, type Page } from 'puppeteer';
import { hasGpuDevice } from '../src/platform/gpu.ts';
import { resolvePackage } from '../src/platform/host.ts';
import { type ArchiveFile, cacheFolders, readTar, unpackOnce } from '../src/platform/unpack.ts';
import { serve } from './static-server.ts';

const OUTPUT_KEPT = 8000;

/** A browser that has not said its address after so many milliseconds does not start at all. */
const LAUNCH_MS = 300_000;

/** A browser's program, and what it needs to start. */
interface BrowserProgram {
  executablePath: string;
  /** True for a build without a user interface. */
  shell: boolean;
  env: Record<string, string>;
}

/** A started browser whose pages have a WebGPU adapter. */
export interface WebGpuBrowser {
  browser: Browser;
  /** As the browser states it, with its version. */
  version: string;
  /** Command line flags, for the record of a benchmark. */
  flags: string[];
  /** True where the adapter computes on the CPU. */
  software: boolean;
  /** What the browser last wrote to stderr. */
  output(): string;
}

const FONT_CONFIGURATION = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
`;

/** The Chromium of `@sparticuz/chromium`, unpacked once; its own unpacking is not safe for two processes. */
function packagedChromium(): BrowserProgram | undefined {
  const entry = resolvePackage('@sparticuz/chromium');
  if (process.platform !== 'linux' || process.arch !== 'x64' || entry === undefined) return undefined;
  const root = join(dirname(entry), '../..');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  const unpack = (name: string) => brotliDecompressSync(readFileSync(join(root, 'bin', name)));
  const read = (): ArchiveFile[] => [
    { name: 'chromium', mode: 0o755, data: unpack('chromium.br') },
    ...['swiftshader', 'al2023', 'fonts'].flatMap((name) => readTar(unpack(`${name}.tar.br`))),
    { name: 'fonts.conf', mode: 0o644, data: new TextEncoder().encode(FONT_CONFIGURATION) },
  ];
  const project = fileURLToPath(new URL('../node_modules/.cache/dbnet-webgpu', import.meta.url));
  const folder = unpackOnce([project, ...cacheFolders()], `chromium-${version}`, ['chromium'], read);

  const executablePath = join(folder, 'chromium');
  const env: Record<string, string> = {};
  if (!existsSync('/etc/fonts/fonts.conf')) env.FONTCONFIG_PATH = folder;
  // The system's own libraries are better where they are all there.
  if (/not found/.test(spawnSync('ldd', [executablePath], { encoding: 'utf8' }).stdout ?? '')) {
    env.LD_LIBRARY_PATH = [join(folder, 'lib'), process.env.LD_LIBRARY_PATH].filter(Boolean).join(':');
  }
  return { executablePath, shell: true, env };
}

function findBrowser(): BrowserProgram {
  for (const variable of ['PUPPETEER_EXECUTABLE_PATH', 'CHROME_PATH']) {
    const path = process.env[variable];
    if (!path) continue;
    if (!existsSync(path)) throw new Error(`${variable} names a file that does not exist: ${path}`);
    return { executablePath: path, shell: false, env: {} };
  }
  const candidates = [
    () => puppeteer.executablePath(),
    () => puppeteer.executablePath('chrome'),
    () => '/usr/bin/chromium',
  ];
  for (const candidate of candidates) {
    try {
      const executablePath = candidate();
      if (existsSync(executablePath)) return { executablePath, shell: false, env: {} };
    } catch {
      // Not installed: the next one.
    }
  }
  const packaged = packagedChromium();
  if (packaged !== undefined) return packaged;
  const remedy = 'run `npm ci` or `npx puppeteer browsers install chrome`, or set CHROME_PATH';
  throw new Error(`no Chromium or Chrome was found: ${remedy}`);
}

/** Flags that let the browser use the GPU, or, without one, compute on the CPU. */
function webGpuFlags(software: boolean): string[] {
  const flags = ['--enable-unsafe-webgpu'];
  if (software) flags.push('--use-webgpu-adapter=swiftshader', '--enable-unsafe-swiftshader');
  if (process.platform !== 'linux') return flags;
  // Containers have no sandbox and little shared memory; only our own pages are opened.
  flags.push('--no-sandbox', '--disable-dev-shm-usage');
  // Vulkan throughout: frames of a video cross no other border on their way to WebGPU.
  flags.push('--enable-features=Vulkan');
  if (software) flags.push('--use-vulkan=swiftshader', '--use-angle=swiftshader');
  else flags.push('--ignore-gpu-blocklist', '--use-angle=vulkan');
  return flags;
}

/** A page without puppeteer's limits of time, which are for quick pages: whoever waits knows how long. */
export async function newPage(browser: Browser): Promise<Page> {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  return page;
}

/** Rejects when the page crashes or its browser ends, in which case calls into the page are never answered. */
export function whenBroken(page: Page): Promise<never> {
  const broken = new Promise<never>((_, reject) => {
    page.once('error', reject);
    page.browser().once('disconnected', () => reject(new Error('the browser ended')));
  });
  broken.catch(() => {}); // Only a call that is under way cares.
  return broken;
}

/** The adapter that a page gets, or undefined. */
async function probe(browser: Browser): Promise<{ software: boolean } | undefined> {
  const server = await serve(undefined, { '/': '<!doctype html><title>probe</title>' });
  const page = await newPage(browser);
  try {
    await page.goto(server.origin);
    return await page.evaluate(async () => {
      const adapter = await navigator.gpu?.requestAdapter();
      return adapter ? { software: adapter.info.isFallbackAdapter } : undefined;
    });
  } finally {
    await page.close();
    await server.close();
  }
}

/**
 * Starts a browser: that of `PUPPETEER_EXECUTABLE_PATH` or `CHROME_PATH`, else an installed Chrome or Chromium,
 * else the one of `@sparticuz/chromium`. It uses the GPU where there is one, else SwiftShader.
 *
 * @param args further command line flags
 * @throws Error that says what to install if there is no browser, or none with a WebGPU adapter
 */
export async function launchBrowser(args: string[] = []): Promise<WebGpuBrowser> {
  const { executablePath, shell, env } = findBrowser();
  const withoutGpu = process.platform === 'linux' && !hasGpuDevice();
  let output = '';
  for (const software of withoutGpu ? [true] : [false, true]) {
    const flags = [...webGpuFlags(software), ...args];
    const browser = await puppeteer.launch({
      executablePath,
      headless: shell ? 'shell' : true,
      args: flags,
      env: { ...process.env, ...env },
      timeout: LAUNCH_MS,
      protocolTimeout: 0,
    });
    browser.process()?.stderr?.on('data', (chunk) => {
      output = (output + chunk).slice(-OUTPUT_KEPT);
    });
    try {
      const adapter = await probe(browser);
      if (adapter !== undefined && adapter.software === software) {
        return { browser, version: await browser.version(), flags, software, output: () => output.trim() };
      }
    } catch (error) {
      output += `\n${error instanceof Error ? error.message : error}`;
    }
    await browser.close();
  }
  throw new Error(
    `${executablePath} has no WebGPU adapter: install a newer Chrome, or set CHROME_PATH\n${output.trim()}`,
  );
}
