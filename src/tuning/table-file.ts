/** @file Tables as JSON files in the user's cache folder, for Node and Deno. No `node:` import: browsers load this. */

import type { TableStore } from './cache.ts';

/** Variables of the environment that say where caches are kept. */
const variables = ['XDG_CACHE_HOME', 'LOCALAPPDATA', 'HOME', 'USERPROFILE'] as const;

/**
 * The store; undefined in browsers, where there is no folder for caches, and where Deno would have to ask the user
 * for permission.
 */
export function fileStore(): TableStore | undefined {
  const { process } = globalThis;
  const fs = process?.getBuiltinModule?.('node:fs');
  const path = process?.getBuiltinModule?.('node:path');
  if (!fs || !path || !granted('env')) return undefined;
  const [xdg, local, ...homes] = variables.map((name) => process.env[name]);
  const home = homes.find(Boolean);
  const caches =
    xdg ||
    (process.platform === 'win32' && local) ||
    (home && path.join(home, process.platform === 'darwin' ? 'Library/Caches' : '.cache'));
  if (!caches) return undefined;
  const folder = path.join(caches, 'dbnet-webgpu', 'tuning');
  const fileOf = (slot: string) => path.join(folder, `${fingerprint(slot)}.json`);
  return {
    async read(slot) {
      if (!granted('read', folder)) return undefined;
      return JSON.parse(await fs.promises.readFile(fileOf(slot), 'utf8'));
    },
    async write(slot, table) {
      if (!granted('write', folder)) throw new Error(`no permission to write to ${folder}`);
      await fs.promises.mkdir(folder, { recursive: true, mode: 0o700 });
      const file = fileOf(slot);
      // Renamed when it is complete, so that no other process reads half of it.
      const temporary = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
      try {
        await fs.promises.writeFile(temporary, `${JSON.stringify(table, undefined, 2)}\n`, { mode: 0o600 });
        await fs.promises.rename(temporary, file);
      } finally {
        await fs.promises.rm(temporary, { force: true });
      }
      return file;
    },
  };
}

/** Deno asks on the terminal for what it was not granted; a cache is not worth a question. */
function granted(name: 'env' | 'read' | 'write', path?: string): boolean {
  const { Deno } = globalThis as {
    Deno?: { permissions: { querySync(descriptor: object): { state: string } } };
  };
  if (!Deno) return true;
  const asked = name === 'env' ? variables.map((variable) => ({ name, variable })) : [{ name, path }];
  return asked.every((descriptor) => Deno.permissions.querySync(descriptor).state === 'granted');
}

/** A file name for a slot: 64 bits of FNV-1a, in two halves with different starts. */
function fingerprint(slot: string): string {
  const hash = (start: number) => {
    let state = start;
    for (const byte of new TextEncoder().encode(slot)) state = Math.imul(state ^ byte, 0x01000193);
    return (state >>> 0).toString(16).padStart(8, '0');
  };
  return hash(0x811c9dc5) + hash(0x9e3779b9);
}
