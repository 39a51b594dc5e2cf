/** @file Bytes from the file system of Node and Deno, without importing it: browsers load this file too. */

import { allocate, failLoad, type LoadOptions, reasonOf } from './read-stream.ts';

type FileSystem = typeof import('node:fs');

/** Bytes per read: the grain of progress and of an abort. */
const CHUNK_BYTES = 1 << 20;

/** Node's file system, which Deno has too; undefined in browsers. */
export function fileSystem(): FileSystem | undefined {
  return globalThis.process?.getBuiltinModule?.('node:fs');
}

/**
 * Reads a regular file, 1 MiB at a time. The file is closed when this settles, whatever happens.
 * @throws DBNetError `load-failed`, naming the file and what to do; an abort rejects with its reason.
 */
export async function readFile(
  fs: FileSystem,
  file: string | URL,
  { onProgress, signal }: LoadOptions,
): Promise<Uint8Array> {
  const address = String(file);
  const attempt = async <T>(operation: () => Promise<T>): Promise<T> => {
    try {
      return await operation();
    } catch (cause) {
      signal?.throwIfAborted();
      return failLoad(`Cannot read the file ${address}: ${explain(cause)}`, cause);
    }
  };

  // Before it is opened: opening a pipe would wait for its writer.
  const stat = await attempt(() => fs.promises.stat(file));
  signal?.throwIfAborted();
  if (stat.isDirectory()) failLoad(`${address} is a folder; expected a file. Name the file in it.`);
  if (!stat.isFile()) failLoad(`${address} is a device or a pipe; expected a regular file.`);

  const handle = await attempt(() => fs.promises.open(file, 'r'));
  try {
    const total = (await attempt(() => handle.stat())).size;
    if (total === 0) failLoad(`${address} is empty (0 bytes); expected a file with content.`);
    const bytes = allocate(total, address);
    let done = 0;
    onProgress?.({ done, total });
    while (done < total) {
      signal?.throwIfAborted();
      const length = Math.min(CHUNK_BYTES, total - done);
      const { bytesRead } = await attempt(() => handle.read(bytes, done, length, done));
      if (bytesRead === 0)
        failLoad(`${address} became shorter while it was read: ${done} of ${total} bytes. Try again.`);
      done += bytesRead;
      onProgress?.({ done, total });
    }
    signal?.throwIfAborted();
    return bytes;
  } finally {
    await handle.close();
  }
}

function explain(cause: unknown): string {
  const { code, name } = (cause ?? {}) as { code?: unknown; name?: unknown };
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return 'there is no such file. Check the path; a relative one starts at the current folder.';
  }
  if (code === 'EACCES' || code === 'EPERM') return 'it may not be read. Check its permissions.';
  if (name === 'NotCapable' || name === 'PermissionDenied')
    return 'Deno may not read it. Run with --allow-read.';
  return `${reasonOf(cause)}.`;
}
