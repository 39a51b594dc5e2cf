/**
 * @file The bytes of a file, from wherever it is: an address, a path, a response, a blob, or memory.
 * In browsers a string is a URL, relative to the page. In Node and Deno it is a path, unless it begins with
 * `file:`, `http:`, `https:`, `data:` or `blob:`.
 */

import { abortSignal, callback, checkOptions, type Kinds } from '../check.ts';
import { quote } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { kindOf } from '../kind-of.ts';
import { viewBytes } from './bytes.ts';
import { fileSystem, readFile } from './read-file.ts';
import { failLoad, type LoadOptions, readStream, reasonOf } from './read-stream.ts';

export type { LoadOptions, LoadProgress } from './read-stream.ts';

/** What bytes can be loaded from. */
export type BytesSource = string | URL | Response | Blob | ArrayBuffer | Uint8Array;

const loadKinds: Kinds<LoadOptions> = { onProgress: callback, signal: abortSignal };

const SCHEMES = /^(?:file|https?|data|blob):/i;
/** A scheme of two letters or more and two slashes: no path looks like this, Windows' `C:\` least of all. */
const OTHER_SCHEME = /^[a-z][a-z0-9+.-]+:\/\//i;
const LONGEST_ADDRESS = 200;

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
  const options = checkOptions(given, loadKinds);
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

async function loadAddress(source: string | URL, options: LoadOptions): Promise<Uint8Array> {
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

async function loadUrl(url: string, options: LoadOptions): Promise<Uint8Array> {
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

async function loadResponse(
  response: Response,
  options: LoadOptions,
  requested?: string,
): Promise<Uint8Array> {
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
