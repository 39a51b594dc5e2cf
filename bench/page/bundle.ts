/** @file The page's files, written as plain static ones. */

import { existsSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { bundleForPage } from '../../scripts/bundle-page.ts';
import { pageCode } from '../host/host.ts';

/** What the page loads beside its script, from the project's root. */
const files = ['bench/index.html', 'weights/db-resnet18.safetensors', ...pageCode];

/**
 * Writes the page into a folder that any static server can serve; it is opened at `bench/`.
 * @returns paths that were written, relative to the folder.
 */
export async function writePage(root: string, folder: string): Promise<string[]> {
  const script = 'bench/page.js';
  const present = files.filter((path) => existsSync(join(root, path)));
  for (const path of [...present, script]) await mkdir(dirname(join(folder, path)), { recursive: true });
  await Promise.all(present.map((path) => copyFile(join(root, path), join(folder, path))));
  await writeFile(join(folder, script), await bundleForPage(root, 'bench/page/main.ts'));
  return [...present, script];
}
