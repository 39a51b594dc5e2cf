/**
 * @file `npm run test:bundlers [-- NAME ...]`: the packed package in each of examples/bundlers, as a user installs it. Every
 * page finds text in a photo, with the shipped weights and with an ONNX file, and tunes, in Chromium: so all that is
 * loaded when it is needed is met. Beside that the package's own form: publint, attw, and consumers' types.
 */

import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchBrowser, newPage, type WebGpuBrowser } from '../../scripts/browser.ts';
import { serve } from '../../scripts/static-server.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const examples = join(root, 'examples/bundlers');
/** Outside of this project, whose packages and tsconfig.json would be found from below it. */
const work = mkdtempSync(join(tmpdir(), 'dbnet-webgpu-bundlers-'));
const photo = join(root, 'examples/sign.jpg');
const onnx = join(root, 'test/fixtures/narrow-onnx-r18-named/r18_named.onnx');

/** Nothing from elsewhere, no eval, no WebAssembly, no markup made of strings. */
const strictPolicy =
  "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; require-trusted-types-for 'script'";

/** Runs a program to its end. @throws Error with what it printed */
function run(cwd: string, command: string, args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  if (status === 0) return stdout + stderr;
  throw new Error(
    `${command} ${args.join(' ')}: ${error?.message ?? `status ${status}`}\n${stdout}${stderr}`,
  );
}

/** The package as npm would publish it. */
function pack(): string {
  run(root, 'npm', ['pack', '--pack-destination', work]);
  return join(work, readdirSync(work).find((name) => name.endsWith('.tgz'))!);
}

/** A project of its own, with what it names and the packed package installed. */
function install(name: string, tarball: string, ...sources: string[]): string {
  const folder = join(work, name);
  for (const source of sources) cpSync(source, folder, { recursive: true });
  // A lockfile of nobody: the project's ends here.
  run(folder, 'npm', ['install', '--no-audit', '--no-fund', '--loglevel=error', tarball]);
  return folder;
}

const npmRun = (folder: string, script: string) => run(folder, 'npm', ['run', '--silent', script]);

let chromium: WebGpuBrowser | undefined;

/** In the page, before its own scripts. */
const countDevices = `
  globalThis.devicesOpened = 0;
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = function (...rest) {
    devicesOpened++;
    return requestDevice.apply(this, rest);
  };
`;

/**
 * Uses a page as a person would.
 * @param devices how many it may open.
 * @throws Error if it does not find text, or complains
 */
async function usePage(address: string, devices?: number): Promise<string> {
  chromium ??= await launchBrowser();
  const page = await newPage(chromium.browser);
  await page.evaluateOnNewDocument(countDevices);
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warn'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  const said: string[] = [];
  const hear = async (expected: RegExp) => {
    const settled = '!/^(Busy|Loading)/.test(document.querySelector("output")?.value ?? "Loading")';
    await page.waitForFunction(settled, { timeout: 300_000 }).catch(() => {
      throw new Error(`${address} says nothing: ${complaints.join('; ')}`);
    });
    const text = await page.$eval('output', ({ value }) => value);
    if (!expected.test(text)) throw new Error(`${address} says "${text}". ${complaints.join('; ')}`);
    said.push(text);
  };
  const choose = async (id: string, path: string) => {
    const input = (await page.$(`#${id}`)) as Awaited<ReturnType<typeof page.$<'input'>>>;
    await input!.uploadFile(path);
  };
  try {
    await page.goto(address);
    await hear(/^Ready: /);
    await choose('photo', photo);
    await hear(/^[1-9]\d* regions of text\.$/);
    if (await page.$('#weights')) {
      await choose('weights', onnx);
      await hear(/^Ready: /);
      await page.click('button');
      await hear(/^Tuned\.$/);
    }
    const opened = Number(await page.evaluate('devicesOpened'));
    if (devices !== undefined && opened !== devices) throw new Error(`${address} opened ${opened} devices`);
    // A favicon that is not there is no fault.
    const faults = complaints.filter((text) => !/status of 404/.test(text));
    if (faults.length > 0) throw new Error(`${address} complains: ${faults.join('; ')}`);
    return said[1];
  } finally {
    await page.close();
  }
}

/** Serves a built page, under a policy if there is one. */
async function useBuilt(folder: string, policy?: string): Promise<string> {
  const headers: Record<string, string> = policy === undefined ? {} : { 'content-security-policy': policy };
  const server = await serve(folder, { '/': { path: join(folder, 'index.html') } }, { headers });
  try {
    return await usePage(`${server.origin}/`);
  } finally {
    await server.close();
  }
}

/** Starts a development server, and uses its page. */
async function useDevServer(folder: string, devices?: number): Promise<string> {
  const vite = join(folder, 'node_modules/vite/bin/vite.js');
  const child = spawn(process.execPath, [vite, '--port', '0', '--host', '127.0.0.1'], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  try {
    const address = await new Promise<string>((resolve, reject) => {
      let printed = '';
      const hear = (text: Buffer) => {
        printed += text;
        const found = printed.match(/http:\/\/127\.0\.0\.1:\d+\//);
        if (found) resolve(found[0]);
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.once('error', reject);
      child.once('close', () => reject(new Error(`vite ended: ${printed}`)));
    });
    return await usePage(address, devices);
  } finally {
    child.kill();
  }
}

/** The files of a package on another origin, which lets pages read them, as a CDN does. */
async function useFromCdn(folder: string): Promise<string> {
  const headers = { 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' };
  const cdn = await serve(join(folder, 'node_modules/dbnet-webgpu'), {}, { headers });
  const html = readFileSync(join(folder, 'index.html'), 'utf8');
  const page = html.replaceAll('https://cdn.jsdelivr.net/npm/dbnet-webgpu/', `${cdn.origin}/`);
  if (page === html) throw new Error('static/index.html names no CDN');
  writeFileSync(join(folder, 'index.html'), page);
  try {
    return await useBuilt(folder);
  } finally {
    await cdn.close();
  }
}

function program(folder: string, command: string, args: string[]): string {
  const env = { ...process.env, XDG_RUNTIME_DIR: '', VK_ICD_FILENAMES: '' };
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8', env });
  if (status !== 0 || stderr !== '' || !/^[1-9]\d* regions? of text\.\n$/.test(stdout)) {
    throw new Error(`${command} ${args.join(' ')}: status ${status}\n${stdout}${stderr}`);
  }
  return stdout.trim();
}

/** The types of the package, for consumers with and without a browser's. */
function checkTypes(folder: string): string {
  const modules = [
    ['--module', 'nodenext'],
    ['--module', 'esnext', '--moduleResolution', 'bundler'],
  ];
  const consumers: [typescript: string, file: string, ...options: string[]][] = [
    ['typescript-5', 'plain.ts', '--lib', 'es2022', '--types', '@webgpu/types'],
    ['typescript-7', 'plain.ts', '--lib', 'es2022', '--types', '@webgpu/types'],
    ['typescript-5', 'page.ts', '--lib', 'es2022,dom,dom.iterable', '--types', '@webgpu/types'],
    // Its lib dom has WebGPU.
    ['typescript-7', 'page.ts', '--lib', 'es2022,dom,dom.iterable'],
  ];
  for (const [typescript, file, ...options] of consumers) {
    for (const module of modules) {
      const tsc = join(folder, 'node_modules', typescript, 'bin/tsc');
      const args = [tsc, file, '--noEmit', '--strict', '--target', 'es2022', ...options, ...module];
      const { status, stdout } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
      // @webgpu/types misses lib dom itself; what it says of itself is not ours.
      const faults = stdout
        .split('\n')
        .filter((line) => line && !/^node_modules\/@webgpu\/types\//.test(line));
      if (faults.length > 0 || (status !== 0 && stdout === '')) {
        throw new Error(`${typescript} ${file}: status ${status}\n${faults.join('\n')}`);
      }
    }
  }
  return 'TypeScript 5 and 7, with and without lib dom';
}

function checkForm(folder: string, tarball: string): string {
  run(folder, 'npx', ['publint', 'run', tarball, '--strict']);
  run(folder, 'npx', ['attw', tarball, '--profile', 'esm-only']);
  return 'publint, attw';
}

/** What each case installs, and what is done with it. */
function cases(tarball: string): Record<string, () => Promise<string> | string> {
  const app = join(examples, 'app');
  const page = (name: string) => install(name, tarball, app, join(examples, name));
  const built = (name: string, policy?: string) => {
    const folder = page(name);
    npmRun(folder, 'build');
    return useBuilt(join(folder, 'dist'), policy);
  };
  const own = (name: string) => install(name, tarball, join(examples, name));
  const consumers = () => install('consumers', tarball, join(root, 'test/bundlers/consumers'));
  const deno = join(root, 'node_modules/.bin/deno');
  const inDeno = (folder: string, file: string) =>
    program(folder, deno, ['run', '-A', '--quiet', file, photo]);
  /** The page of an earlier case anew, with the detector in a worker. */
  const withWorker = (name: string) => {
    const folder = join(work, name);
    for (const source of [app, join(examples, name), join(examples, 'worker')])
      cpSync(source, folder, { recursive: true });
    return folder;
  };
  const builtWithWorker = (name: string) => {
    const folder = withWorker(name);
    npmRun(folder, 'build');
    // The address of a worker's script, which bundlers write, is no trusted type.
    return useBuilt(join(folder, 'dist'), strictPolicy.replace(/; require.*/, ''));
  };
  return {
    types: () => checkTypes(consumers()),
    form: () => checkForm(consumers(), tarball),
    node: () => program(own('node'), process.execPath, ['main.js', photo]),
    deno: () => inDeno(own('deno'), 'main.js'),
    'deno with a worker': () => inDeno(join(work, 'deno'), 'worker.js'),
    vite: () => built('vite'),
    'vite under a strict policy': () => useBuilt(join(work, 'vite/dist'), strictPolicy),
    'vite dev': () => useDevServer(join(work, 'vite')),
    'vite with a worker': () => builtWithWorker('vite'),
    'vite dev with a worker': () => useDevServer(withWorker('vite')),
    // In development React mounts everything twice.
    react: () => useDevServer(install('react', tarball, join(root, 'examples/react')), 1),
    'vite7 dev': () => useDevServer(page('vite7')),
    vite7: () => {
      npmRun(join(work, 'vite7'), 'build');
      return useBuilt(join(work, 'vite7/dist'));
    },
    'vite7 with a worker': () => builtWithWorker('vite7'),
    'vite7 dev with a worker': () => useDevServer(withWorker('vite7')),
    webpack: () => built('webpack'),
    'webpack with a worker': () => builtWithWorker('webpack'),
    esbuild: () => built('esbuild'),
    'esbuild with a worker': () => builtWithWorker('esbuild'),
    static: () => useFromCdn(page('static')),
    'static with a worker': () => useFromCdn(withWorker('static')),
    extension: () => {
      const folder = page('extension');
      npmRun(folder, 'build');
      // Chromium without a user interface has no extensions: their page, under the policy that theirs have.
      return useBuilt(join(folder, 'dist'), "script-src 'self'; object-src 'self'");
    },
  };
}

/** @returns exit status */
export async function main(names: string[]): Promise<number> {
  const tarball = pack();
  let failed = 0;
  for (const [name, check] of Object.entries(cases(tarball))) {
    if (names.length > 0 && !names.some((asked) => name.split(' ')[0] === asked)) continue;
    const started = performance.now();
    const seconds = () => `${((performance.now() - started) / 1000).toFixed(0)} s`;
    try {
      const result = await check();
      console.log(`ok      ${name}: ${result} (${seconds()})`);
    } catch (error) {
      failed++;
      console.log(`FAILED  ${name} (${seconds()})\n${error instanceof Error ? error.message : error}`);
    }
  }
  await chromium?.browser.close();
  if (failed === 0) rmSync(work, { recursive: true });
  else console.log(`What was built is left in ${work}`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
