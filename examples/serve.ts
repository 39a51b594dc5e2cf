/** @file Serves an example's page from the project's folder, its script bundled in memory. */

import { bundleForPage } from '../scripts/bundle-page.ts';
import { type StaticServer, serve } from '../scripts/static-server.ts';

/** The script that each page loads from `dist`, and its source. */
const scripts = {
  hello: ['dbnet-webgpu.min.js', 'src/index.ts'],
  finetune: ['finetune.js', 'examples/finetune/main.ts'],
} as const;

export type Example = keyof typeof scripts;

export const isExample = (name: string): name is Example => Object.hasOwn(scripts, name);

/** @returns the running server and the address of the page. */
export async function serveExample(root: string, name: Example): Promise<StaticServer & { page: string }> {
  const [file, source] = scripts[name];
  const server = await serve(root, { [`/dist/${file}`]: await bundleForPage(root, source) });
  return { ...server, page: `${server.origin}/examples/${name}/index.html` };
}
