/** @file Serves the page from the project's folder, its script and the user's kernels bundled in memory. */

import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { bundleForPage } from '../../scripts/bundle-page.ts';
import { type StaticServer, serve } from '../../scripts/static-server.ts';

export interface PageServer extends StaticServer {
  /** Address of the page. */
  page: string;
  /** Addresses of the user's kernels, as the page's form takes them. */
  kernels: string[];
}

/** @param kernels files of the user's own kernels. */
export async function servePage(root: string, kernels: readonly string[]): Promise<PageServer> {
  const addresses = kernels.map((_, i) => `/bench/kernel-${i}.js`);
  const scripts = await Promise.all(
    kernels.map(async (file, i) => [addresses[i], await bundleForPage(root, resolve(file))]),
  );
  const server = await serve(root, {
    '/bench/': await readFile(join(root, 'bench/index.html')),
    '/bench/page.js': await bundleForPage(root, 'bench/page/main.ts'),
    ...Object.fromEntries(scripts),
  });
  return { ...server, page: `${server.origin}/bench/`, kernels: addresses };
}
