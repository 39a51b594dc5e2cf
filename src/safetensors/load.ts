/**
 * @file The bytes of a file, from wherever it is: an address, a path, a response, a blob, or memory.
 * In browsers a string is a URL, relative to the page. In Node and Deno it is a path, unless it begins with
 * `file:`, `http:`, `https:`, `data:` or `blob:`.
 */

import { abortSignal, callback, checkOptions, type Kinds } from '../check.ts';
import { countBytes, messageOf, quote } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { hasPlainBuffer, kindOf } from '../kind-of.ts';
import type { Web } from '../web.ts';

/** What bytes can be loaded from. */
export type BytesSource = string | ArrayBuffer | Uint8Array | Web<'URL' | 'Response' | 'Blob'>;

/** Options of {@link loadBytes}. */
export interface LoadOptions {
  /** Called with 0 first, after each chunk, and last with `done === total`. What it throws is passed on. */
  onProgress?: (progress: LoadProgress) => void;
  /** When it aborts, the load rejects with the signal's reason. */
  signal?: Web<'AbortSignal'>;
}

/** How far a load has come, in bytes. `total` is undefined while it is not known. */
export interface LoadProgress {
  done: number;
  total: number | undefined;
}

/** What a load within the house can be asked for as well. */
interface Loading extends LoadOptions {
  /** Called with what has come of a file, until it has seen enough and says so by `true`. Not for bytes in memory. */
  onBytes?: (bytes: Uint8Array) => boolean;
}

const enough = () => true;

const loadKinds: Kinds<LoadOptions> = { onProgress: callback, signal: abortSignal };

type FileSystem = typeof import('node:fs');

const SCHEMES = /^(?:file|https?|data|blob):/i;
/** A scheme of two letters or more and two slashes: no path looks like this, Windows' `C:\` least of all. */
const OTHER_SCHEME = /^[a-z][a-z0-9+.-]+:\/\//i;
const LONGEST_ADDRESS = 200;
/** Bytes per read of a file: the grain of progress and of an abort. */
const CHUNK_BYTES = 1 << 20;

/**
 * Loads a file into memory, in one buffer where its length is known beforehand. Bytes that are in memory
 * already are returned without a copy, unless it is shared memory.
 * @throws DBNetError `load-failed` (missing file, HTTP error, empty or used body, broken connection), with
 *   the address, the status and what to do; `invalid-argument` for another source. An abort rejects with the
 *   signal's reason.
 * @example
 * const bytes = await loadBytes('weights/db-resnet18.safetensors', {
 *   onProgress: ({ done, total }) => console.log(`${done} of ${total ?? '?'} bytes`),
 * });
 */
export async function loadBytes(source: BytesSource, given: LoadOptions = {}): Promise<Uint8Array> {
  return await readBytes(source, checkOptions(given, loadKinds));
}

/** {@link loadBytes} that shows what comes while it comes. */
export async function readBytes(source: BytesSource, options: Loading): Promise<Uint8Array> {
  options.signal?.throwIfAborted();
  if (typeof source === 'string') return loadAddress(source, options);
  switch (kindOf(source)) {
    case 'URL':
      return loadAddress(source as URL, options);
    case 'Response':
      return loadResponse(source as Response, options);
    case 'Blob':
    case 'File': {
      const blob = source as Blob;
      return readStream(blob.stream(), blob.size, describeBlob(blob), options);
    }
    case 'ArrayBuffer':
    case 'Uint8Array':
      return fromMemory(viewBytes(source as ArrayBuffer | Uint8Array), options);
    default:
      throw new DBNetError(
        'invalid-argument',
        `A file must be given as a string, URL, Response, Blob, ArrayBuffer or Uint8Array, not as ${kindOf(source)}.`,
      );
  }
}

function fromMemory(bytes: Uint8Array, { onProgress, signal }: LoadOptions): Uint8Array {
  onProgress?.({ done: bytes.length, total: bytes.length });
  signal?.throwIfAborted();
  return bytes;
}

/**
 * A view, not a copy; but a copy of memory that is shared or can shrink: what was checked must not change.
 * @throws DBNetError `invalid-argument` if the buffer has been transferred away, or for anything else.
 */
export function viewBytes(bytes: ArrayBuffer | Uint8Array): Uint8Array {
  const kind = kindOf(bytes);
  if (kind !== 'ArrayBuffer' && kind !== 'Uint8Array') {
    throw new DBNetError(
      'invalid-argument',
      `Expected bytes as an ArrayBuffer or a Uint8Array, found ${kind}.`,
    );
  }
  try {
    if (!ArrayBuffer.isView(bytes)) return new Uint8Array(bytes);
    if (!hasPlainBuffer(bytes)) return new Uint8Array(bytes);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  } catch {
    throw new DBNetError(
      'invalid-argument',
      'Expected bytes, found a detached buffer: it was transferred (to a worker, say). Pass a copy.',
    );
  }
}

async function loadAddress(source: string | URL, options: Loading): Promise<Uint8Array> {
  const text = String(source);
  if (text === '') {
    throw new DBNetError(
      'invalid-argument',
      'A file must be given as a path or a URL, not as an empty string.',
    );
  }
  const fs = fileSystem();
  if (!fs) return loadUrl(text, options);
  if (SCHEMES.test(text)) {
    const url = parseUrl(text);
    return url.protocol === 'file:' ? readFile(fs, url, options) : loadUrl(url.href, options);
  }
  if (typeof source !== 'string' || OTHER_SCHEME.test(text)) {
    throw new DBNetError(
      'invalid-argument',
      `Expected a path or a URL of file:, http:, https:, data: or blob:, found ${quote(text)}.`,
    );
  }
  return readFile(fs, source, options);
}

function parseUrl(text: string): URL {
  try {
    return new URL(text);
  } catch {
    throw new DBNetError(
      'invalid-argument',
      `Expected a path or a URL, found ${quote(text)}, which is not a valid URL.`,
    );
  }
}

async function loadUrl(url: string, options: Loading): Promise<Uint8Array> {
  const address = shorten(url);
  let response: Response;
  try {
    response = await fetch(url, { signal: options.signal });
  } catch (cause) {
    options.signal?.throwIfAborted();
    return failLoad(
      `Cannot fetch ${address} (${reasonOf(cause)}). Check the address and the connection; in a browser ` +
        'the server of another origin must allow it (CORS).',
      cause,
    );
  }
  if (!response.ok) {
    // The body is not wanted; without this the connection would stay busy.
    response.body?.cancel().catch(() => {});
  }
  return loadResponse(response, options, address);
}

async function loadResponse(response: Response, options: Loading, requested?: string): Promise<Uint8Array> {
  const address = requested ?? (response.url === '' ? 'The response' : shorten(response.url));
  if (!response.ok) failLoad(`${address}: ${explainStatus(response)}`);
  if (response.bodyUsed || response.body?.locked) {
    failLoad(`${address}: the body of the response has been read already. Pass a fresh one, or its clone().`);
  }
  if (response.body === null) failLoad(`${address} has no body (HTTP ${response.status}); expected a file.`);
  return readStream(response.body, announcedLength(response), address, options);
}

/** The length of the body, if it is announced and is that of the bytes that come out of `fetch`. */
function announcedLength({ headers }: Response): number | undefined {
  const encoding = headers.get('content-encoding') ?? 'identity';
  const length = headers.get('content-length') ?? '';
  if (encoding.toLowerCase() !== 'identity' || !/^[0-9]{1,15}$/.test(length)) return undefined;
  return Number(length);
}

function explainStatus({ status, statusText, type }: Response): string {
  if (type === 'opaque' || type === 'opaqueredirect') {
    return `the response is hidden from the page (${type}). Fetch it with mode "cors" and redirect "follow".`;
  }
  const found = `expected HTTP 200, found ${status}${statusText === '' ? '' : ` ${statusText}`}.`;
  if (status === 404 || status === 410) return `${found} The file is not there: check the address.`;
  if (status === 401 || status === 403)
    return `${found} The server wants a permission: pass a Response of your own fetch.`;
  if (status === 429 || status >= 500) return `${found} The server cannot answer now: try again later.`;
  return `${found} Check the address.`;
}

function describeBlob(blob: Blob): string {
  const name = 'name' in blob ? String(blob.name) : '';
  return name === '' ? 'The blob' : `The file ${quote(name)}`;
}

/** A data: URL can be as long as the file. */
function shorten(url: string): string {
  return url.length > LONGEST_ADDRESS ? `${url.slice(0, LONGEST_ADDRESS)}...` : url;
}

/** Node's file system, which Deno has too; undefined in browsers. Not imported: browsers load this file too. */
function fileSystem(): FileSystem | undefined {
  return globalThis.process?.getBuiltinModule?.('node:fs');
}

/**
 * Reads a regular file, 1 MiB at a time. The file is closed when this settles, whatever happens.
 * @throws DBNetError `load-failed`, naming the file and what to do; an abort rejects with its reason.
 */
async function readFile(
  fs: FileSystem,
  file: string | URL,
  { onProgress, onBytes = enough, signal }: Loading,
): Promise<Uint8Array> {
  const address = String(file);
  const attempt = async <T>(operation: () => Promise<T>): Promise<T> => {
    try {
      return await operation();
    } catch (cause) {
      signal?.throwIfAborted();
      return failLoad(`Cannot read the file ${address}: ${explainFile(cause)}`, cause);
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
    let looking = true;
    onProgress?.({ done, total });
    while (done < total) {
      signal?.throwIfAborted();
      const length = Math.min(CHUNK_BYTES, total - done);
      const { bytesRead } = await attempt(() => handle.read(bytes, done, length, done));
      if (bytesRead === 0)
        failLoad(`${address} became shorter while it was read: ${done} of ${total} bytes. Try again.`);
      done += bytesRead;
      if (looking) looking = !onBytes(bytes.subarray(0, done));
      onProgress?.({ done, total });
    }
    signal?.throwIfAborted();
    return bytes;
  } finally {
    await handle.close();
  }
}

function explainFile(cause: unknown): string {
  const { code, name } = (cause ?? {}) as { code?: unknown; name?: unknown };
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return 'there is no such file. Check the path; a relative one starts at the current folder.';
  }
  if (code === 'EACCES' || code === 'EPERM') return 'it may not be read. Check its permissions.';
  if (name === 'NotCapable' || name === 'PermissionDenied')
    return 'Deno may not read it. Run with --allow-read.';
  return `${reasonOf(cause)}.`;
}

/**
 * Reads a stream to its end.
 * @param total The length announced. It is not trusted: a response of another origin can hide that it is
 *   compressed, so that more bytes come.
 * @throws DBNetError `load-failed` if the stream breaks off, is empty or gives something else than bytes.
 */
async function readStream(
  stream: ReadableStream<Uint8Array>,
  total: number | undefined,
  address: string,
  { onProgress, onBytes = enough, signal }: Loading,
): Promise<Uint8Array> {
  const reader = stream.getReader();
  const cancel = () => {
    reader.cancel(signal?.reason).catch(() => {});
  };
  // Cancelling ends a read that is waiting, even where the source never answers.
  signal?.addEventListener('abort', cancel, { once: true });
  let finished = false;
  let looking = true;
  try {
    const sink = new ByteSink(total, address);
    onProgress?.({ done: 0, total: sink.total });
    for (;;) {
      signal?.throwIfAborted();
      const chunk = await readChunk(reader, sink, address, signal);
      if (chunk === undefined) break;
      sink.push(chunk);
      if (looking) looking = !onBytes(sink.bytes());
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
  signal: Web<'AbortSignal'> | undefined,
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

  /** What there is. */
  bytes(): Uint8Array {
    if (this.#buffer) return this.#buffer.subarray(0, this.done);
    const all = new Uint8Array(this.done);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [all];
    return all;
  }
}

/** Throws a `DBNetError` of code `load-failed`. */
function failLoad(message: string, cause?: unknown): never {
  throw new DBNetError('load-failed', message, cause === undefined ? undefined : { cause });
}

/** A buffer for as many bytes as a header or a file system announces. */
function allocate(total: number, address: string): Uint8Array {
  try {
    return new Uint8Array(total);
  } catch (cause) {
    return failLoad(`${address} announces ${countBytes(total)}, more than fit into the memory.`, cause);
  }
}

/** The message of an error; `fetch` keeps the one that says something in `cause`. */
function reasonOf(error: unknown): string {
  const { cause } = (error ?? {}) as { cause?: unknown };
  return messageOf(cause ?? error) || messageOf(error) || String(error);
}
