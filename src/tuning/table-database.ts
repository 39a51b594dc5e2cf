/** @file Tables in IndexedDB, for browsers: pages and workers. */

import type { TableStore } from './cache.ts';

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
