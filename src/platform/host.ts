/** @file Tells Node and Deno apart, and loads native libraries in both. */

import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { messageOf } from '../describe.ts';

/** The part of Deno's own API that Node's compatibility layer lacks. */
interface DenoApi {
  dlopen(path: string, symbols: Record<string, never>): unknown;
}

const deno = (globalThis as { Deno?: DenoApi }).Deno;

/** True in Deno, which also offers `process`. */
export const isDeno = deno !== undefined;

/** glibc and musl: the library stays in the process after dlclose. Not among Node's constants. */
const RTLD_NODELETE = 0x1000;

/**
 * Loads a shared library for good, so that a later `dlopen` of the same SONAME, by whatever component, gets
 * this one: glibc compares SONAMEs before it searches any folder. Linux only.
 *
 * @param library a path, or a bare name that the dynamic linker searches
 * @returns undefined, or why it could not be loaded
 */
export function loadLibrary(library: string): string | undefined {
  try {
    if (deno !== undefined) deno.dlopen(library, {});
    else process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | RTLD_NODELETE);
  } catch (error) {
    const message = messageOf(error);
    // Node loads it, then finds that it is no addon and closes it: RTLD_NODELETE keeps it.
    return /did not self-register/.test(message) ? undefined : message;
  }
  return undefined;
}

/** The file that `require(specifier)` would load from here, or undefined if it is not installed. */
export function resolvePackage(specifier: string): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(specifier);
  } catch {
    return undefined;
  }
}
