/** @file Serves a page from the project's folder, its script bundled in memory. */

import { bundleForPage } from '../scripts/bundle-page.ts';
import { type StaticServer, serve } from '../scripts/static-server.ts';

/** The folder of each page, the script that it loads from `dist`, and that script's source. */
const pages = {
  hello: ['examples/hello', 'dbnet-webgpu.min.js', 'src/index.ts'],
  camera: ['examples/camera', 'dbnet-webgpu.min.js', 'src/index.ts'],
  finetune: ['pages/finetune', 'finetune.js', 'pages/finetune/main.ts'],
} as const;

export type PageName = keyof typeof pages;

export const isPage = (name: string): name is PageName => Object.hasOwn(pages, name);

/** @returns the running server and the address of the page. */
export async function servePage(root: string, name: PageName): Promise<StaticServer & { page: string }> {
  const [folder, file, source] = pages[name];
  const server = await serve(root, { [`/dist/${file}`]: await bundleForPage(root, source) });
  return { ...server, page: `${server.origin}/${folder}/index.html` };
}
