/** @file The benchmark's place in a page. */

import manifest from '../../package.json' with { type: 'json' };
import { checkCustomKernel } from '../cases/custom-kernel.ts';
import { browserName } from './browser-name.ts';
import { type CodeSize, type Host, pageCode } from './host.ts';

export interface PageOptions {
  /** Addresses of modules with kernels of the user's own. */
  kernels: readonly string[];
  /** What the browser was started with; a page cannot know it by itself. */
  flags: readonly string[];
}

/** Files lie relative to the page as `bench/index.html` lies to the project's root. */
const fromPage = (path: string): string => new URL(`../${path}`, document.baseURI).href;

/** @throws Error where there is no WebGPU, or a kernel cannot be loaded. */
export async function pageHost({ kernels, flags }: PageOptions): Promise<Host> {
  const { gpu, userAgent, hardwareConcurrency, platform } = navigator;
  if (!gpu) {
    throw new Error(
      isSecureContext
        ? 'This browser has no WebGPU: use a current Chrome, Edge, Safari or Firefox.'
        : 'WebGPU needs a secure page: open it by https, or on localhost.',
    );
  }
  return {
    gpu,
    environment: {
      library: manifest.version,
      ...browserName(userAgent),
      webgpu: null,
      userAgent,
      os: platform,
      cpu: null,
      threads: hardwareConcurrency,
      flags: [...flags],
    },
    weights: fromPage('weights/db-resnet18.safetensors'),
    customKernels: await Promise.all(
      kernels.map(async (address) => {
        const url = new URL(address, document.baseURI).href;
        const module: { default?: unknown } = await import(url);
        return checkCustomKernel(module.default, address);
      }),
    ),
    codeSize,
  };
}

async function codeSize(): Promise<CodeSize | string> {
  const size = { plain: 0, gzipped: 0 };
  for (const path of pageCode) {
    const response = await fetch(fromPage(path));
    if (!response.ok || !response.body) return `${path} is not there: npm run build`;
    const code = await response.arrayBuffer();
    const zipped = new Blob([code]).stream().pipeThrough(new CompressionStream('gzip'));
    size.plain += code.byteLength;
    size.gzipped += (await new Response(zipped).arrayBuffer()).byteLength;
  }
  return size;
}
