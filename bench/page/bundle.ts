/** @file The page's files: its script bundled in memory, served or written as plain static files. */

import { existsSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { pageCode } from '../host/host.ts';

/** A module and what it imports, as one. */
export async function bundleForPage(root: string, entry: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    minify: true,
    logLevel: 'error',
  });
  return outputFiles[0].text;
}

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
