/** @file The benchmark's place in Node and in Deno. */

import { existsSync, readFileSync } from 'node:fs';
import { arch, cpus, platform } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { acquireGpu } from '../../src/platform/gpu.ts';
import { isDeno, resolvePackage } from '../../src/platform/host.ts';
import { type CustomKernel, checkCustomKernel } from '../cases/custom-kernel.ts';
import { type CodeSize, type Host, pageCode } from './host.ts';

/** Dawn rounds timestamps to 65,536 ns, and hides f16 of NVIDIA's Vulkan driver, unless it is told not to. */
const dawnFlags = [
  'disable-dawn-features=timestamp_quantization',
  'enable-dawn-features=vulkan_enable_f16_on_nvidia',
];

/** Variables that choose drivers and compilers. Their values are not recorded where they are paths. */
const driverVariables = ['DENO_WEBGPU_BACKEND', 'DENO_WEBGPU_DX12_COMPILER', 'WGPU_BACKEND'];

export interface NativeOptions {
  /** Path of a weights file; default: the one in the package. */
  weights?: string;
  /** Files of the user's own kernels. */
  kernels: readonly string[];
}

export async function nativeHost({ weights, kernels }: NativeOptions): Promise<Host> {
  const root = projectRoot();
  const { gpu, flags } = await openGpu();
  return {
    gpu,
    environment: {
      library: versionIn(join(root, 'package.json')),
      runtime: isDeno ? 'deno' : 'node',
      runtimeVersion: (isDeno ? process.versions.deno : process.versions.node) ?? 'unknown',
      webgpu: isDeno ? 'wgpu' : `dawn (webgpu ${dawnVersion()})`,
      userAgent: null,
      os: `${platform()} ${arch()}`,
      cpu: cpus()[0]?.model.trim() ?? null,
      threads: cpus().length,
      flags,
    },
    weights: weights === undefined ? join(root, 'weights/db-resnet18.safetensors') : resolve(weights),
    customKernels: await Promise.all(kernels.map(loadKernel)),
    codeSize: async () => codeSize(root),
  };
}

/** Dawn's objects die with their GPU object, which must therefore stay reachable. */
const keptAlive: GPU[] = [];

async function openGpu(): Promise<{ gpu: GPU; flags: string[] }> {
  const variables = driverVariables.flatMap((name) =>
    process.env[name] ? [`${name}=${process.env[name]}`] : [],
  );
  // This also brings a software driver where there is no GPU.
  const { gpu } = await acquireGpu();
  if (isDeno) return { gpu, flags: variables };
  const { create } = await import('webgpu');
  const dawn = create(dawnFlags);
  keptAlive.push(dawn);
  return { gpu: dawn, flags: [...dawnFlags, ...variables] };
}

/** The folder of the package, from wherever in it this program lies. */
export function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!isOwnPackage(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder)
      throw new Error('the package.json of dbnet-webgpu was not found above this program');
    folder = parent;
  }
  return folder;
}

function isOwnPackage(path: string): boolean {
  return existsSync(path) && JSON.parse(readFileSync(path, 'utf8')).name === 'dbnet-webgpu';
}

function versionIn(path: string): string {
  const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version?: string };
  return version ?? 'unknown';
}

function dawnVersion(): string {
  const entry = resolvePackage('webgpu');
  return entry === undefined ? 'unknown' : versionIn(join(dirname(entry), 'package.json'));
}

/** TypeScript is bundled first, where the runtime does not read it by itself. */
async function loadKernel(file: string): Promise<CustomKernel> {
  const path = resolve(file);
  if (!existsSync(path)) throw new Error(`--kernel: there is no file ${file}`);
  const module: { default?: unknown } = isDeno
    ? await import(pathToFileURL(path).href)
    : await import(`data:text/javascript;base64,${Buffer.from(await bundleKernel(path)).toString('base64')}`);
  return checkCustomKernel(module.default, file);
}

async function bundleKernel(path: string): Promise<string> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [path],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'node',
    logLevel: 'error',
  });
  return outputFiles[0].text;
}

function codeSize(root: string): CodeSize | string {
  const size = { plain: 0, gzipped: 0 };
  for (const path of pageCode) {
    if (!existsSync(join(root, path))) return `${path} is not there: npm run build`;
    const code = readFileSync(join(root, path));
    size.plain += code.length;
    size.gzipped += gzipSync(code, { level: 9 }).length;
  }
  return size;
}
