/** @file WebGPU in Node (Dawn, package `webgpu`) and Deno (built in), on the CPU where there is no GPU. */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { adapterName, isSoftware } from '../adapter-name.ts';
import { messageOf } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { isDeno, resolvePackage } from './host.ts';
import {
  findSoftwareVulkan,
  hasVulkanLoader,
  hasVulkanManifest,
  spareDesktopSearch,
  userChosenDrivers,
  useSoftwareVulkan,
} from './software-vulkan.ts';

/** A `GPU` that has an adapter. */
export interface AcquiredGpu {
  gpu: GPU;
  /** The adapter's name, for people. */
  name: string;
  /** True where the adapter computes on the CPU. */
  software: boolean;
}

/** The package `webgpu`. Loading it starts nothing; drivers are looked for when an adapter is requested. */
async function importDawn(): Promise<typeof import('webgpu')> {
  try {
    return await import('webgpu');
  } catch (cause) {
    if ((cause as { code?: string }).code === 'ERR_MODULE_NOT_FOUND') {
      const message =
        'WebGPU in Node needs the package webgpu, which is not installed: `npm install webgpu`.';
      throw new DBNetError('missing-package', message, { cause });
    }
    const reason = messageOf(cause);
    const message = `The package webgpu cannot be loaded on ${process.platform}-${process.arch}: ${reason}`;
    throw new DBNetError('no-webgpu', message, { cause });
  }
}

/** `navigator.gpu` in Deno, a new `GPU` of the package `webgpu` in Node. It may have no adapter. */
async function loadGpu(): Promise<GPU> {
  if (!isDeno) return (await importDawn()).create([]);
  const { gpu } = navigator;
  if (gpu === undefined) throw new DBNetError('no-webgpu', 'This Deno has no navigator.gpu: update Deno.');
  return gpu;
}

/** Whether the kernel shows a GPU that a Vulkan driver could use. Linux only. */
export function hasGpuDevice(): boolean {
  if (['/dev/nvidiactl', '/dev/dxg', '/dev/kfd'].some((path) => existsSync(path))) return true;
  try {
    return readdirSync('/dev/dri').some((file) => file.startsWith('renderD'));
  } catch {
    return false;
  }
}

/**
 * Whether a process like this one gets an adapter, tried in a child: Dawn prints warnings about each driver
 * that it refuses, and Deno never looks for drivers a second time.
 */
function childHasAdapter(): boolean {
  const ask = 'console.log((await gpu.requestAdapter()) ? "yes" : "no"); process.exit(0);';
  const dawn = JSON.stringify(pathToFileURL(resolvePackage('webgpu') ?? '').href);
  const program = isDeno
    ? ['eval', `import process from 'node:process'; const { gpu } = navigator; ${ask}`]
    : ['--input-type=module', '--eval', `const gpu = (await import(${dawn})).create([]); ${ask}`];
  const child = spawnSync(process.execPath, program, {
    stdio: ['ignore', 'pipe', 'ignore'],
    encoding: 'utf8',
    timeout: 30_000,
    // The question is whether Vulkan works: software OpenGL is no better than the driver we bring.
    env: { DENO_WEBGPU_BACKEND: 'vulkan', ...process.env },
  });
  return child.status === 0 && child.stdout.trim() === 'yes';
}

async function requestAdapter(): Promise<AcquiredGpu | undefined> {
  const gpu = await loadGpu();
  const adapter = await gpu.requestAdapter();
  if (adapter === null) return undefined;
  const { info } = adapter;
  return { gpu, name: adapterName(info), software: info.isFallbackAdapter || isSoftware(info) };
}

/** Sees to it that the next Vulkan instance finds the software driver; returns why it cannot, if so. */
function prepareSoftwareVulkan(): string | undefined {
  const found = findSoftwareVulkan();
  return typeof found === 'string' ? found : useSoftwareVulkan(found);
}

/** Spares Deno the search for OpenGL, some 25 ms. A user's setting stays. */
function askVulkanOnly(): void {
  process.env.DENO_WEBGPU_BACKEND ||= 'vulkan';
}

function noAdapter(remedy: string): never {
  throw new DBNetError('no-webgpu', `WebGPU finds no adapter: there is no usable GPU driver. ${remedy}`);
}

async function acquire(): Promise<AcquiredGpu> {
  if (!isDeno) await importDawn(); // Its absence is the first thing to report.
  if (process.platform !== 'linux') {
    return (await requestAdapter()) ?? noAdapter('Update the graphics driver.');
  }
  spareDesktopSearch();

  const chosen = userChosenDrivers();
  if (chosen !== undefined) {
    const problem = hasVulkanLoader() ? undefined : prepareSoftwareVulkan();
    askVulkanOnly();
    const remedy = problem ?? 'correct that variable, or leave it unset to let this program choose';
    return (await requestAdapter()) ?? noAdapter(`The driver is chosen by ${chosen}: ${remedy}.`);
  }

  // Where the kernel shows a GPU, Node tries at once, since it can try again; Deno must know beforehand, and
  // may use OpenGL there.
  const gpuDevice = hasGpuDevice();
  if (hasVulkanManifest() && hasVulkanLoader() && ((!isDeno && gpuDevice) || childHasAdapter())) {
    if (!gpuDevice) askVulkanOnly();
    const found = await requestAdapter();
    if (found !== undefined) return found;
  }
  const problem = prepareSoftwareVulkan();
  if (problem === undefined && !gpuDevice) askVulkanOnly();
  // To ask Dawn without any Vulkan would only make it print warnings.
  const found = problem !== undefined && !isDeno ? undefined : await requestAdapter();
  const failure = problem ?? 'SwiftShader was found but does not start here';
  return found ?? noAdapter(`To compute on the CPU: ${failure}.`);
}

/**
 * Holds Dawn's `GPU` as long as the process lives: when it is collected while a device of it is in use, Node
 * dies of SIGSEGV or SIGABRT (webgpu 0.6). Held by a module it does not keep the process from ending, nor does
 * a device or a mapping that is still there.
 */
let acquired: Promise<AcquiredGpu> | undefined;

/**
 * A `GPU` that has an adapter: the machine's GPU where there is one, else, on Linux, a software driver
 * (SwiftShader, from the package `@sparticuz/chromium` or an installed Chromium). Drivers chosen by the
 * variables of the Vulkan loader (`VK_DRIVER_FILES`, `VK_ICD_FILENAMES`) are respected. Later calls give the
 * same object. For the main thread only: a Node worker's `process.env` does not reach native code.
 *
 * @throws DBNetError `missing-package`, or `no-webgpu` with what to install
 */
export function acquireGpu(): Promise<AcquiredGpu> {
  acquired ??= acquire();
  return acquired;
}
