/** @file Serves the page from the project's folder, its script bundled in memory. */

import { bundleForPage } from '../../scripts/bundle-page.ts';
import { type StaticServer, serve } from '../../scripts/static-server.ts';

/** @returns the running server and the address of the page. */
export async function servePage(root: string): Promise<StaticServer & { page: string }> {
  const script = await bundleForPage(root, 'examples/finetune/main.ts');
  const server = await serve(root, { '/dist/finetune.js': script });
  return { ...server, page: `${server.origin}/examples/finetune/index.html` };
}
