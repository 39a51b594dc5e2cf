/** @file Serves pages from the project's folder, their scripts bundled in memory. */

import { join } from 'node:path';
import { bundleForPage } from '../scripts/bundle-page.ts';
import { type StaticServer, serve } from '../scripts/static-server.ts';
import { assets } from './demo/models.ts';
import titles from './pages.json' with { type: 'json' };

interface Page {
  folder: string;
  /** What it loads from `dist`, and its source. */
  script: string;
  source: string;
}

/** A page of the site: `pages/NAME` with its `main.ts`. */
const ofSite = (name: string): Page => ({
  folder: `pages/${name}`,
  script: `dist/${name}.js`,
  source: `pages/${name}/main.ts`,
});

/** The pages of the site, by name: `pages.json` gives them and their titles, the front page first. */
export const sitePages: Readonly<Record<string, Page>> = Object.fromEntries(
  Object.keys(titles).map((name) => [name, ofSite(name)]),
);

/** An example loads the package as it is built. */
const example = (name: string): Page => ({
  folder: `examples/${name}`,
  script: 'dist/dbnet-webgpu.min.js',
  source: 'src/index.ts',
});

const examples: Readonly<Record<string, Page>> = { hello: example('hello'), camera: example('camera') };

const pages: Readonly<Record<string, Page>> = { ...examples, ...sitePages };

export const pageNames = Object.keys(pages);

/** The page that is in the place of the API reference until the site is written. */
const noReference =
  '<!doctype html><meta charset="utf-8"><title>API</title><p><code>npm run site</code> writes the API reference.</p>';

/**
 * Serves a page, and those that it links to.
 * @returns the running server and the address of the page.
 */
export async function servePage(root: string, name: string): Promise<StaticServer & { page: string }> {
  const shown = pages[name];
  const linked = name in examples ? [shown] : Object.values(sitePages);
  const scripts = linked.map(async ({ script, source }) => [`/${script}`, await bundleForPage(root, source)]);
  const borrowed = assets.map(({ from, to }) => [`/${to}`, { path: join(root, from) }] as const);
  const server = await serve(root, {
    ...Object.fromEntries(borrowed),
    '/api/index.html': noReference,
    '/bench/page.js': await bundleForPage(root, 'bench/page/main.ts'),
    ...Object.fromEntries(await Promise.all(scripts)),
  });
  return { ...server, page: `${server.origin}/${shown.folder}/index.html` };
}
