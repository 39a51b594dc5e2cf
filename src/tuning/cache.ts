/**
 * @file Tables between sessions: JSON files in the user's cache folder in Node and Deno, IndexedDB in browsers. A cache
 * only saves time: what cannot be read or written is as if it were not there. No `node:` import: browsers load this.
 */

import type { AdapterDescription } from '../adapter-name.ts';
import type { Precision } from '../kernels/wgsl.ts';
import { libraryVersion } from '../version.ts';
import { readTable, type TuningEntries, tableVersion } from './table.ts';

/** Where tables are kept. Either function may reject. */
export interface TableStore {
  /** What stands in a slot, whatever it is. */
  read(slot: string): Promise<unknown>;
  /** Replaces what stands in a slot; says where that is, for people. */
  write(slot: string, table: unknown): Promise<string>;
}

/** The user's cache folder in Node and Deno, IndexedDB in browsers; undefined where there is neither. */
export function openStore(): TableStore | undefined {
  try {
    return fileStore() ?? databaseStore();
  } catch {
    return undefined;
  }
}

/** The entries that were stored for this key; none where nothing was, or what was is broken or of another key. */
export async function loadEntries({ slot, key }: TuningKey, store = openStore()): Promise<TuningEntries> {
  try {
    return readTable(await store?.read(slot), key)?.entries ?? {};
  } catch {
    return {};
  }
}

/**
 * Stores entries beside those of other classes that are there already.
 * @returns where they are now, or undefined if they could not be stored.
 */
export async function storeEntries(
  tuningKey: TuningKey,
  entries: TuningEntries,
  store = openStore(),
): Promise<string | undefined> {
  try {
    const merged = { ...(await loadEntries(tuningKey, store)), ...entries };
    return await store?.write(tuningKey.slot, { version: tableVersion, key: tuningKey.key, entries: merged });
  } catch {
    return undefined;
  }
}

/** What runs the code, and in which version; both as few words. */
export interface RuntimeName {
  name: string;
  version: string;
}

/** Where a table is kept, and what it must say to be taken: adapter, runtime with its version, library, precision. */
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

/** Variables of the environment that say where caches are kept. */
const variables = ['XDG_CACHE_HOME', 'LOCALAPPDATA', 'HOME', 'USERPROFILE'] as const;

/**
 * The store; undefined in browsers, where there is no folder for caches, and where Deno would have to ask the user
 * for permission.
 */
function fileStore(): TableStore | undefined {
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

/** A short name for a text: 64 bits of FNV-1a, in two halves with different starts. */
export function fingerprint(text: string): string {
  const hash = (start: number) => {
    let state = start;
    for (const byte of new TextEncoder().encode(text)) state = Math.imul(state ^ byte, 0x01000193);
    return (state >>> 0).toString(16).padStart(8, '0');
  };
  return hash(0x811c9dc5) + hash(0x9e3779b9);
}

const database = 'dbnet-webgpu';
const objectStore = 'tuning';

/** A database that does not answer, as happens in private windows, must not hold up anything. Milliseconds. */
const patience = 2000;

/** The store; undefined where there is no IndexedDB. */
export function databaseStore(): TableStore | undefined {
  const { indexedDB } = globalThis;
  if (!indexedDB) return undefined;
  return {
    read: (slot) => withStore(indexedDB, 'readonly', (store) => store.get(slot)),
    async write(slot, table) {
      await withStore(indexedDB, 'readwrite', (store) => store.put(table, slot));
      return `IndexedDB '${database}'`;
    },
  };
}

async function withStore<T>(
  factory: IDBFactory,
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const opening = factory.open(database, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(objectStore);
  const opened = settled(opening);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('IndexedDB does not answer')), patience);
  });
  const used = opened.then(async (db) => {
    try {
      return await settled(work(db.transaction(objectStore, mode).objectStore(objectStore)));
    } finally {
      db.close();
    }
  });
  return await Promise.race([used, tooLate]).finally(() => clearTimeout(timer));
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
