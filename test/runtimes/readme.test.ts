/**
 * @file What the README says, with the package as npm would publish it: its links lead to something, and its examples run as they
 * stand, in Node, in Deno and in a page.
 */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gunzipSync } from 'node:zlib';
import { build } from 'esbuild';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, type WebGpuBrowser } from '../../scripts/browser.ts';
import { type StaticServer, serve } from '../../scripts/static-server.ts';
import { readTar } from '../../src/platform/unpack.ts';
import { findDeno } from './deno.ts';
import { newLivePage } from './live-page.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

/** What the README tells to install beside the package, and what that brings. */
const installed = ['clipper2-ts', 'wgsl-preprocessor', 'webgpu', 'sharp', '@sparticuz/chromium'];

let folder: string;
let packed: string;
let readme: string;

/** The block of code that begins with a comment that names its file. */
function block(file: string): string {
  const found = [...readme.matchAll(/```js\n(.*?)```/gs)].find(([, code]) => code.startsWith(`// ${file}\n`));
  expect(found, file).toBeDefined();
  return found![1];
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'readme-'));
  const shell = process.platform === 'win32';
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root, shell });
  const [{ filename }] = JSON.parse(stdout.slice(stdout.indexOf('['))) as { filename: string }[];
  packed = join(folder, 'node_modules/dbnet-webgpu');
  for (const { name, data } of readTar(gunzipSync(await readFile(join(folder, filename))))) {
    const path = join(packed, name.replace(/^package\//, ''));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, data);
  }
  for (const name of installed) {
    const link = join(folder, 'node_modules', name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(root, 'node_modules', name), link, 'junction');
  }
  readme = await readFile(join(packed, 'README.md'), 'utf8');
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await sharp(join(root, 'examples/sign.jpg')).resize({ width: 160 }).toFile(join(folder, 'sign.jpg'));
}, 300_000);

afterAll(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

it('links to files of the package, and to headings in them', async () => {
  const links = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link);
  expect(links.length).toBeGreaterThan(20);
  for (const link of links.filter((link) => !/^https:/.test(link))) {
    const [path, anchor] = link.split('#');
    const file = path === '' ? join(packed, 'README.md') : join(packed, path);
    expect(existsSync(file), link).toBe(true);
    if (anchor === undefined) continue;
    const headings = [...(await readFile(file, 'utf8')).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
      heading
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    );
    expect(headings, link).toContain(anchor);
  }
});

describe.each([
  ['Node', () => process.execPath, ['main.js']],
  ['Deno', findDeno, ['run', '-A', 'main.js']],
] as const)('the example for %s', (_, program, args) => {
  it('prints regions, and nothing else', async () => {
    await writeFile(join(folder, 'main.js'), block('main.js'));
    const { stdout, stderr } = await run(program(), [...args], { cwd: folder });
    expect(stdout).toMatch(/score: 0\.\d/);
    expect(stderr).toBe('');
  });
});

describe('the examples for a page', () => {
  let chromium: WebGpuBrowser;
  let server: StaticServer;

  beforeAll(async () => {
    chromium = await launchBrowser(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);
    server = await serve(folder, {
      '/page.html': '<!doctype html><img src="/sign.jpg"><script type="module" src="/out/page.js"></script>',
      '/camera.html':
        '<!doctype html><video muted></video><script type="module" src="/out/camera.js"></script>',
    });
  }, 240_000);

  afterAll(async () => {
    await chromium?.browser.close();
    await server?.close();
  });

  it.each([
    ['page', /^0\.\d\d /],
    ['camera', /^\d+ \d+$/],
  ])('%s.js says what it found, bundled as the README says', async (name, said) => {
    await writeFile(join(folder, `${name}.js`), block(`${name}.js`));
    await build({
      absWorkingDir: folder,
      entryPoints: [`${name}.js`],
      outdir: 'out',
      bundle: true,
      format: 'esm',
      splitting: true,
      loader: { '.safetensors': 'file' },
      alias: { 'dbnet-webgpu/weights': 'dbnet-webgpu/weights/db-resnet18.safetensors' },
      publicPath: '/out',
      logLevel: 'silent',
    });
    const page = await newLivePage(chromium.browser);
    // A small picture, for a machine that computes on the CPU.
    await page.evaluateOnNewDocument(() => {
      const { mediaDevices } = navigator;
      const open = mediaDevices.getUserMedia.bind(mediaDevices);
      mediaDevices.getUserMedia = () => open({ video: { width: 160, height: 120 } });
    });
    const first = new Promise<string>((resolve, reject) => {
      page.on('pageerror', reject);
      page.on('console', (message) => (message.type() === 'log' ? resolve : reject)(message.text()));
    });
    await page.goto(`${server.origin}/${name}.html`);
    expect(await first).toMatch(said);
    await page.close();
  });
});
