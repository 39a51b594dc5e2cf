/** @file The bytes of weights: kept by their address where that was asked for, and checked against a sum. */

import { messageOf } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { pageAddress } from '../page-address.ts';
import { readBytes } from '../safetensors/load.ts';
import type { CreateOptions } from './types.ts';

export interface LoadedWeights {
  bytes: Uint8Array;
  /** Puts them into the cache, if they are to be and did not come from there. Never fails: a full disk is no reason to. */
  keep(): Promise<void>;
}

/** Name of the cache in the Cache API. */
const cacheName = 'dbnet-webgpu';

/**
 * Loads weights; from the cache if they are there and are those of the sum.
 * @param options.onBytes called with what has come, until it says that it has seen enough.
 * @throws DBNetError `load-failed`, `invalid-argument`, `checksum-mismatch`; the signal's reason.
 */
export async function loadWeights(
  source: CreateOptions['weights'],
  {
    cache: isKept,
    sha256,
    onProgress,
    onBytes,
    signal,
  }: Pick<CreateOptions, 'cache' | 'sha256' | 'onProgress' | 'signal'> & {
    onBytes?: (bytes: Uint8Array) => boolean;
  },
): Promise<LoadedWeights> {
  const load = async (from: CreateOptions['weights']): Promise<Uint8Array> => {
    const bytes = await readBytes(from, {
      onProgress: ({ done, total }) => onProgress?.({ stage: 'weights', done, total: total ?? done }),
      onBytes,
      signal,
    });
    if (sha256 !== undefined) await checkSum(bytes, sha256.toLowerCase());
    signal?.throwIfAborted();
    return bytes;
  };
  const address = isKept ? addressOf(source) : undefined;
  const cache = address === undefined ? undefined : await quietly(() => caches.open(cacheName));
  if (address === undefined || cache === undefined)
    return { bytes: await load(source), keep: async () => {} };
  const kept = await quietly(() => cache.match(address));
  if (kept) {
    try {
      return { bytes: await load(kept), keep: async () => {} };
    } catch (error) {
      signal?.throwIfAborted();
      // What is kept is cut off, or older than the sum: it is loaded anew. What `onProgress` throws is passed on.
      if (!(error instanceof DBNetError)) throw error;
      await quietly(() => cache.delete(address));
    }
  }
  const bytes = await load(source);
  return {
    bytes,
    keep: async () => {
      const headers = { 'content-length': String(bytes.length), 'content-type': 'application/octet-stream' };
      await quietly(() => cache.put(address, new Response(bytes as Uint8Array<ArrayBuffer>, { headers })));
    },
  };
}

/** The absolute address of weights that come by http; undefined for all others, and where there is no Cache API. */
function addressOf(source: CreateOptions['weights']): string | undefined {
  if (typeof caches === 'undefined') return undefined;
  if (typeof source !== 'string' && !(source instanceof URL)) return undefined;
  try {
    const { protocol, href } = pageAddress(source);
    return /^https?:$/.test(protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}

/** What a cache gives; undefined where it refuses, as in private windows or on a full disk. */
async function quietly<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch {
    return undefined;
  }
}

/** @throws DBNetError `checksum-mismatch`; `invalid-argument` where nothing can be summed. */
async function checkSum(bytes: Uint8Array, expected: string): Promise<void> {
  let digest: ArrayBuffer;
  try {
    digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  } catch (cause) {
    throw new DBNetError(
      'invalid-argument',
      `Option sha256: expected Web Crypto to compute it, found a refusal (${messageOf(cause)}): serve the page by https, ` +
        'or from localhost, or leave the option out.',
      { cause },
    );
  }
  const found = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (found === expected) return;
  throw new DBNetError(
    'checksum-mismatch',
    `the weights: expected the SHA-256 ${expected}, found ${found} of ${bytes.length} bytes: the file was changed or ` +
      'damaged on its way; correct the address or the sum',
  );
}
