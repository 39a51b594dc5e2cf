/** @file Bytes from a stream (a response's or a file's), with progress, and stopped by a signal at once. */

import { countBytes } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { kindOf } from '../kind-of.ts';

/** Options of {@link loadBytes}. */
export interface LoadOptions {
  /** Called with 0 first, after each chunk, and last with `done === total`. What it throws is passed on. */
  onProgress?: (progress: LoadProgress) => void;
  /** When it aborts, the load rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** How far a load has come, in bytes. `total` is undefined while it is not known. */
export interface LoadProgress {
  done: number;
  total: number | undefined;
}

/** Throws a `DBNetError` of code `load-failed`. */
export function failLoad(message: string, cause?: unknown): never {
  throw new DBNetError('load-failed', message, cause === undefined ? undefined : { cause });
}

/** A buffer for as many bytes as a header or a file system announces. */
export function allocate(total: number, address: string): Uint8Array {
  try {
    return new Uint8Array(total);
  } catch (cause) {
    return failLoad(`${address} announces ${countBytes(total)}, more than fit into the memory.`, cause);
  }
}

/**
 * Reads a stream to its end.
 * @param total The length announced. It is not trusted: a response of another origin can hide that it is
 *   compressed, so that more bytes come.
 * @throws DBNetError `load-failed` if the stream breaks off, is empty or gives something else than bytes.
 */
export async function readStream(
  stream: ReadableStream<Uint8Array>,
  total: number | undefined,
  address: string,
  { onProgress, signal }: LoadOptions,
): Promise<Uint8Array> {
  const reader = stream.getReader();
  const cancel = () => {
    reader.cancel(signal?.reason).catch(() => {});
  };
  // Cancelling ends a read that is waiting, even where the source never answers.
  signal?.addEventListener('abort', cancel, { once: true });
  let finished = false;
  try {
    const sink = new ByteSink(total, address);
    onProgress?.({ done: 0, total: sink.total });
    for (;;) {
      signal?.throwIfAborted();
      const chunk = await readChunk(reader, sink, address, signal);
      if (chunk === undefined) break;
      sink.push(chunk);
      onProgress?.({ done: sink.done, total: sink.total });
    }
    finished = true;
    if (sink.done === 0) failLoad(`${address} is empty (0 bytes); expected a file.`);
    if (sink.done !== sink.total) onProgress?.({ done: sink.done, total: sink.done });
    signal?.throwIfAborted();
    return sink.bytes();
  } finally {
    signal?.removeEventListener('abort', cancel);
    if (!finished) cancel();
  }
}

async function readChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  sink: ByteSink,
  address: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  let result: ReadableStreamReadResult<Uint8Array>;
  try {
    result = await reader.read();
  } catch (cause) {
    signal?.throwIfAborted();
    const of = sink.total === undefined ? '' : ` of ${sink.total}`;
    return failLoad(
      `${address} broke off after ${sink.done}${of} bytes (${reasonOf(cause)}). Try again.`,
      cause,
    );
  }
  signal?.throwIfAborted();
  if (result.done) return undefined;
  if (kindOf(result.value) !== 'Uint8Array') {
    failLoad(`${address}: expected a stream of Uint8Array, found ${kindOf(result.value)} in it.`);
  }
  return result.value;
}

/** The message of an error; `fetch` keeps the one that says something in `cause`. */
export function reasonOf(error: unknown): string {
  return messageOf((error as { cause?: unknown } | undefined)?.cause) || messageOf(error) || String(error);
}

/** Read by its shape: the system's errors are of the main realm, wherever this runs. */
function messageOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'message' in error ? String(error.message) : '';
}

/** Fills one buffer where the length is known; keeps the chunks where it is not, or was announced too short. */
class ByteSink {
  done = 0;
  total: number | undefined;
  #buffer: Uint8Array | undefined;
  #chunks: Uint8Array[] = [];

  constructor(total: number | undefined, address: string) {
    this.total = total;
    if (total !== undefined) this.#buffer = allocate(total, address);
  }

  push(chunk: Uint8Array): void {
    if (this.#buffer && this.done + chunk.length > this.#buffer.length) {
      this.#chunks.push(this.#buffer.subarray(0, this.done));
      this.#buffer = undefined;
      this.total = undefined;
    }
    if (this.#buffer) this.#buffer.set(chunk, this.done);
    else this.#chunks.push(chunk);
    this.done += chunk.length;
  }

  bytes(): Uint8Array {
    if (this.#buffer) return this.#buffer.subarray(0, this.done);
    const all = new Uint8Array(this.done);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [];
    return all;
  }
}
