/** @file A cache of a test's own, so that it neither reads nor leaves anything in the user's. */

/**
 * Runs `work` with an empty cache: another folder in Node and Deno, an emptied database in browsers. What it stored
 * is gone afterwards.
 */
export async function withPrivateCache<T>(work: () => Promise<T>): Promise<T> {
  const { process } = globalThis;
  const fs = process?.getBuiltinModule?.('node:fs');
  const os = process?.getBuiltinModule?.('node:os');
  if (!fs || !os) {
    await deleteDatabase();
    return await work().finally(deleteDatabase);
  }
  const before = process.env.XDG_CACHE_HOME;
  const folder = fs.mkdtempSync(`${os.tmpdir()}/dbnet-tuning-`);
  process.env.XDG_CACHE_HOME = folder;
  try {
    return await work();
  } finally {
    if (before === undefined) delete process.env.XDG_CACHE_HOME;
    else process.env.XDG_CACHE_HOME = before;
    fs.rmSync(folder, { recursive: true });
  }
}

function deleteDatabase(): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.deleteDatabase('dbnet-webgpu');
    request.onsuccess = () => resolve();
    request.onerror = () => reject(request.error);
  });
}
