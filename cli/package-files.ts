/** @file Files of the package itself, found from the sources and from the built program alike. */

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { UsageError } from './failure.ts';

/** Path of the weights that come with the package, if they are there. */
export function packageWeights(): string | undefined {
  return findPackageFile('weights/db-resnet18.safetensors');
}

/**
 * Path of the weights that are used unless it is said otherwise.
 *
 * @throws UsageError if they are missing.
 */
export function defaultWeights(): string {
  const path = packageWeights();
  if (path === undefined) {
    throw new UsageError(
      'The weights of the package are missing (weights/db-resnet18.safetensors): pass --weights FILE.',
    );
  }
  return path;
}

/** The package's version. */
export function packageVersion(): string {
  const path = findPackageFile('package.json');
  const manifest: { version?: string } = path === undefined ? {} : JSON.parse(readFileSync(path, 'utf8'));
  return manifest.version ?? 'unknown';
}

function findPackageFile(name: string): string | undefined {
  if (!import.meta.url.startsWith('file:')) return undefined;
  // The same from `dist/` and from `cli/`.
  const path = fileURLToPath(new URL(`../${name}`, import.meta.url));
  return existsSync(path) ? path : undefined;
}
