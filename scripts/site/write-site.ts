/** @file The site: all pages, what they load, and the API reference, for any static host. */

import { copyFile, cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { writePage as writeBenchmark } from '../../bench/page/bundle.ts';
import { assets } from '../../pages/demo/models.ts';
import { sitePages } from '../../pages/serve.ts';
import { bundleForPage } from '../bundle-page.ts';

/** Folders whose files pages load. */
const folders = ['examples', 'weights'];

/** Leads to the front page, also where scripts are off. */
const frontPage = (address: string): string => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url=${address}">
<link rel="icon" href="data:,">
<title>dbnet-webgpu</title>
<p><a href="${address}">dbnet-webgpu</a></p>
</html>
`;

/** What a static host serves: no sources. */
const isServed = (path: string): boolean => !/\.(ts|md)$/.test(path);

/** The files of a folder, not those of folders in it. */
async function copyFiles(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.isFile() && isServed(entry.name)) await copyFile(join(from, entry.name), join(to, entry.name));
  }
}

/** Writes the pages into a folder. The first of `pages.json` is the front page. */
export async function writePages(root: string, folder: string): Promise<void> {
  for (const path of folders) await copyFiles(join(root, path), join(folder, path));
  for (const { from, to } of assets) await copyFile(join(root, from), join(folder, to));
  for (const path of ['pages/shared', ...Object.values(sitePages).map((page) => page.folder)]) {
    await cp(join(root, path), join(folder, path), { recursive: true, filter: isServed });
  }
  for (const { script, source } of Object.values(sitePages)) {
    const file = join(folder, script);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, await bundleForPage(root, source));
  }
  await writeBenchmark(root, folder);
  const [front] = Object.values(sitePages);
  await writeFile(join(folder, 'index.html'), frontPage(`${front.folder}/index.html`));
}
