/**
 * @file Tables between sessions. A cache only saves time: what cannot be read or written is as if it were not there.
 */

import { readTable, type TuningEntries, tableVersion } from './table.ts';
import { databaseStore } from './table-database.ts';
import { fileStore } from './table-file.ts';
import type { TuningKey } from './tuning-key.ts';

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
