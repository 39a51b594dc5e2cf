/** @file Weights on their way into a worker: what only the page knows is resolved here. */

import type { WeightsSource } from '../detect/types.ts';
import { kindOf } from '../kind-of.ts';
import { pageAddress } from '../page-address.ts';
import { readBytes, viewBytes } from '../safetensors/load.ts';
import type { Web } from '../web.ts';
import { canBeGiven } from './bytes.ts';
import type { Crossing, CrossingWeights } from './protocol.ts';

/**
 * @param give whether bytes of the caller's are sent, where they can be, instead of a copy.
 * @throws DBNetError `load-failed` for a response without the file, `invalid-argument` for a buffer that was given away.
 */
export async function packWeights(
  source: WeightsSource,
  give: boolean,
  signal: Web<'AbortSignal'> | undefined,
): Promise<Crossing<CrossingWeights>> {
  switch (kindOf(source)) {
    case 'string':
    case 'URL':
      return { value: absolute(source as string | URL), transfer: [] };
    case 'Response':
      return packResponse(source as Response, signal);
    case 'ArrayBuffer':
    case 'Uint8Array':
      return packBytes(viewBytes(source as ArrayBuffer | Uint8Array), give);
    default:
      // A file; what is none is refused there.
      return { value: source as Blob, transfer: [] };
  }
}

function packBytes(bytes: Uint8Array, give: boolean): Crossing<CrossingWeights> {
  const own = give && canBeGiven(bytes) ? bytes : new Uint8Array(bytes);
  return { value: own, transfer: [own.buffer as ArrayBuffer] };
}

/** In Node and Deno a path is one in the worker, too. What is no address is refused there. */
function absolute(source: string | URL): string {
  if (source === '' || globalThis.process?.getBuiltinModule !== undefined) return String(source);
  try {
    return pageAddress(source).href;
  } catch {
    return String(source);
  }
}

async function packResponse(
  response: Response,
  signal: Web<'AbortSignal'> | undefined,
): Promise<Crossing<CrossingWeights>> {
  const { body, headers } = response;
  if (!response.ok || !body || body.locked || response.bodyUsed || !canSendStreams()) {
    return packBytes(await readBytes(response, { signal }), true);
  }
  return { value: { body, headers: [...headers] }, transfer: [body] };
}

/** Not in all browsers. */
function canSendStreams(): boolean {
  const stream = new ReadableStream();
  try {
    structuredClone(stream, { transfer: [stream] });
    return true;
  } catch {
    return false;
  }
}
