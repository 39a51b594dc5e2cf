/** @file Packages that the program needs and does not bring along: all that are missing, in one message, before any work. */

import process from 'node:process';
import { DBNetError } from '../src/errors.ts';
import { hasGpuDevice } from '../src/platform/gpu.ts';
import { isDeno, resolvePackage } from '../src/platform/host.ts';
import {
  findSoftwareVulkan,
  hasVulkanLoader,
  hasVulkanManifest,
  userChosenDrivers,
} from '../src/platform/software-vulkan.ts';

/** What a command does that takes a package. */
export type Need = 'gpu' | 'pictures';

/** What is there of that. */
export interface Machine {
  isInstalled(name: string): boolean;
  /** Whether WebGPU is built in, as in Deno. */
  hasWebGpu: boolean;
  /** Whether only a software driver can compute here, and there is none but that of a package. */
  lacksDriver(): boolean;
}

const thisMachine: Machine = {
  isInstalled: (name) => resolvePackage(name) !== undefined,
  hasWebGpu: isDeno,
  lacksDriver: () =>
    process.platform === 'linux' &&
    // The package is for this architecture alone.
    process.arch === 'x64' &&
    !hasGpuDevice() &&
    userChosenDrivers() === undefined &&
    !(hasVulkanManifest() && hasVulkanLoader()) &&
    typeof findSoftwareVulkan() === 'string',
};

/** @throws DBNetError `missing-package` that names all packages which are missing for these needs. */
export function requirePackages(needs: readonly Need[], machine = thisMachine): void {
  const { isInstalled, hasWebGpu, lacksDriver } = machine;
  const needsGpu = needs.includes('gpu');
  const uses = [
    { name: 'webgpu', use: 'WebGPU in Node', isNeeded: () => needsGpu && !hasWebGpu },
    { name: 'sharp', use: 'reads and writes pictures', isNeeded: () => needs.includes('pictures') },
    {
      name: '@sparticuz/chromium',
      use: 'computes on the CPU, as there is no GPU; Chromium as a package of the system does as well',
      isNeeded: () => needsGpu && lacksDriver(),
    },
  ];
  const missing = uses.filter(({ name, isNeeded }) => !isInstalled(name) && isNeeded());
  if (missing.length === 0) return;
  const list = missing.map(({ name, use }) => `${name} (${use})`).join(', ');
  const names = missing.map(({ name }) => name).join(' ');
  throw new DBNetError(
    'missing-package',
    `${missing.length === 1 ? 'This package is' : 'These packages are'} needed here and not installed: ${list}.\n` +
      `npm install ${names}`,
  );
}
