/** @file What measured times hold for: the adapter, the runtime with its version, the library, and the precision. */

import type { Precision } from '../kernels/wgsl.ts';
import type { AdapterDescription } from '../runtime/gpu-context.ts';
import { libraryVersion } from '../version.ts';

/** What runs the code, and in which version; both as few words. */
export interface RuntimeName {
  name: string;
  version: string;
}

/** Where a table is kept, and what it must say to be taken. */
export interface TuningKey {
  /** The same for all versions, so that a new table takes the place of an old one. */
  slot: string;
  key: string;
}

export function tuningKey(
  { vendor, architecture, device, description }: AdapterDescription,
  precision: Precision,
  runtime: RuntimeName = runtimeName(),
): TuningKey {
  const adapter = [vendor, architecture, device, description].join(' / ');
  return {
    slot: [runtime.name, adapter, precision].join(' | '),
    key: [runtime.name, runtime.version, adapter, `dbnet-webgpu ${libraryVersion}`, precision].join(' | '),
  };
}

/** What user agents say. Relatives of Chrome name it too, before themselves; Safari's is the word `Version`. */
const browsers = /(Firefox|Edg|OPR|Chrome|Version)\/(\d+)/g;

/** The runtime of this code. Drivers have no version here; browsers that come out every month stand for it. */
export function runtimeName(): RuntimeName {
  const { process, navigator, Deno } = globalThis as typeof globalThis & {
    Deno?: { version: { deno: string } };
  };
  if (Deno) return { name: 'deno', version: Deno.version.deno };
  if (process?.versions?.node) return { name: 'node', version: `${process.versions.node} ${dawnVersion()}` };
  return browserName(navigator?.userAgent ?? '');
}

/** Name and major version of a browser. */
export function browserName(userAgent: string): RuntimeName {
  const found = [...userAgent.matchAll(browsers)].at(-1);
  return found ? { name: found[1], version: found[2] } : { name: 'browser', version: userAgent };
}

/** The version of the package `webgpu`, which brings the drivers' counterpart (Dawn) in Node. */
function dawnVersion(): string {
  try {
    const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);
    return `webgpu ${(require('webgpu/package.json') as { version: string }).version}`;
  } catch {
    return '';
  }
}
