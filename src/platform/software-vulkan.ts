/**
 * @file A Vulkan driver that computes on the CPU (SwiftShader), for Linux machines without a GPU. macOS and
 * Windows need none: Metal is always there, and Direct3D 12 brings WARP.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import { messageOf } from '../describe.ts';
import { loadLibrary, resolvePackage } from './host.ts';
import { cacheFolders, readTar, unpackOnce } from './unpack.ts';

const LOADER = 'libvulkan.so.1';
const DRIVER = 'libvk_swiftshader.so';
const MANIFEST = 'vk_swiftshader_icd.json';
const FILES = [LOADER, DRIVER, MANIFEST];

/** Variables by which a user says which drivers the Vulkan loader takes. */
const DRIVER_VARIABLES = ['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES'];

/** Variables of a desktop, and those by which a user has Mesa's layer choose a GPU. */
const SELECTION_VARIABLES = [
  'XDG_RUNTIME_DIR',
  'WAYLAND_DISPLAY',
  'DISPLAY',
  'MESA_VK_DEVICE_SELECT',
  'DRI_PRIME',
];

/** Browsers that come with the three files. */
const BROWSER_FOLDERS = [
  '/usr/lib/chromium',
  '/usr/lib/chromium-browser',
  '/usr/lib64/chromium-browser',
  '/opt/google/chrome',
];

/** Where a software Vulkan driver lies. */
export interface SoftwareVulkan {
  /** Path of the Vulkan loader library. */
  loader: string;
  /** Path of the driver manifest. */
  manifest: string;
}

/** The variable by which the user chose drivers, as `NAME=value`, or undefined. */
export function userChosenDrivers(): string | undefined {
  const name = DRIVER_VARIABLES.find((variable) => process.env[variable]);
  return name === undefined ? undefined : `${name}=${process.env[name]}`;
}

/**
 * Switches off Mesa's Vulkan layer that asks the desktop which GPU it uses, where there is no desktop to ask: it would
 * print that `XDG_RUNTIME_DIR` is not set. What a user has set stays.
 */
export function spareDesktopSearch(): void {
  if (SELECTION_VARIABLES.some((variable) => process.env[variable])) return;
  process.env.NODEVICE_SELECT ||= '1';
}

/** Whether any driver manifest stands where the Vulkan loader looks by default. */
export function hasVulkanManifest(): boolean {
  const { XDG_CONFIG_HOME, XDG_DATA_HOME, XDG_CONFIG_DIRS, XDG_DATA_DIRS } = process.env;
  const roots = [
    XDG_CONFIG_HOME || join(homedir(), '.config'),
    XDG_DATA_HOME || join(homedir(), '.local/share'),
    '/etc',
    ...(XDG_CONFIG_DIRS || '/etc/xdg').split(':'),
    ...(XDG_DATA_DIRS || '/usr/local/share:/usr/share').split(':'),
  ];
  return roots.some((root) => {
    const folder = join(root, 'vulkan/icd.d');
    try {
      return readdirSync(folder).some((file) => file.endsWith('.json'));
    } catch {
      return false;
    }
  });
}

/** Whether the process can load the Vulkan loader library by name, as Dawn and wgpu do. Linux only. */
export function hasVulkanLoader(): boolean {
  return loadLibrary(LOADER) === undefined;
}

/**
 * Finds SwiftShader: in the package `@sparticuz/chromium` (unpacked into the cache folder on first use, about
 * 7 MB), or among the files of an installed Chromium or Chrome.
 *
 * @returns where it lies, or a sentence that says why there is none
 */
export function findSoftwareVulkan(): SoftwareVulkan | string {
  let problem = '';
  const entry = process.arch === 'x64' ? resolvePackage('@sparticuz/chromium') : undefined;
  if (entry !== undefined) {
    try {
      const root = join(dirname(entry), '../..');
      const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
      const folder = unpackOnce(cacheFolders(), `swiftshader-${version}`, FILES, () =>
        readTar(brotliDecompressSync(readFileSync(join(root, 'bin/swiftshader.tar.br')))).filter((file) =>
          FILES.includes(file.name),
        ),
      );
      return { loader: join(folder, LOADER), manifest: join(folder, MANIFEST) };
    } catch (error) {
      const reason = messageOf(error);
      problem = ` (@sparticuz/chromium is there but could not be unpacked: ${reason})`;
    }
  }
  const folder = BROWSER_FOLDERS.find((path) => FILES.every((file) => existsSync(join(path, file))));
  if (folder !== undefined) return { loader: join(folder, LOADER), manifest: join(folder, MANIFEST) };
  const npm = process.arch === 'x64' ? 'run `npm install @sparticuz/chromium`, or ' : '';
  return `no software Vulkan driver was found${problem}; ${npm}install your distribution's package chromium`;
}

/**
 * Makes the software driver the one that this process uses, from the next Vulkan instance on. A new process
 * with changed variables is not needed: the loader library is loaded here under the name that Dawn and wgpu
 * ask for, and it reads its variables when an instance is created. Drivers chosen by the user stay.
 *
 * @returns undefined, or why it could not be done
 */
export function useSoftwareVulkan({ loader, manifest }: SoftwareVulkan): string | undefined {
  if (!hasVulkanLoader()) {
    const problem = loadLibrary(loader);
    if (problem !== undefined) return `the Vulkan loader could not be loaded: ${problem}`;
  }
  if (userChosenDrivers() === undefined) process.env.VK_ICD_FILENAMES = manifest;
  return undefined;
}
