/** @file Starting the worker's script, wherever a bundler or a CDN has put it. */

import { messageOf } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import type { Web } from '../web.ts';

/** The built script, for people. */
export const threadFile = 'dbnet-webgpu-worker-thread.min.js';

/** @throws DBNetError `worker-failed` where there are no workers, `load-failed` where the browser refuses this one. */
export function startWorker(): Web<'Worker'> {
  if (typeof Worker === 'undefined') {
    throw new DBNetError(
      'worker-failed',
      'expected workers as browsers and Deno have them, found none: use TextDetector, which leaves most of the work to the GPU',
    );
  }
  try {
    const here = import.meta.url;
    // The names of both are written by the build; bundlers know the form of the second, and put their own in its place.
    if (isOfOtherOrigin(here)) return startFromElsewhere(new URL('./thread.ts', here).href);
    return new Worker(new URL('./thread.ts', import.meta.url), { type: 'module' });
  } catch (cause) {
    throw notLoaded(messageOf(cause), cause);
  }
}

/** Not so in bundles, where `import.meta.url` may be a file of the machine that made them. */
function isOfOtherOrigin(address: string): boolean {
  const { protocol, origin } = new URL(address);
  return /^https?:$/.test(protocol) && globalThis.origin !== undefined && origin !== globalThis.origin;
}

/** Browsers start workers of the page's own origin only; those may import from others. */
function startFromElsewhere(address: string): Worker {
  const script = new Blob([`import ${JSON.stringify(address)};`], { type: 'text/javascript' });
  const own = URL.createObjectURL(script);
  const worker = new Worker(own, { type: 'module' });
  for (const event of ['message', 'error'])
    worker.addEventListener(event, () => URL.revokeObjectURL(own), { once: true });
  return worker;
}

/** The error for a script that does not start. */
export function notLoaded(reason: string, cause?: unknown): DBNetError {
  return new DBNetError(
    'load-failed',
    `the worker's script could not be loaded (${reason}): expected ${threadFile} of dbnet-webgpu's dist/ beside the script that ` +
      "starts it, and a Content-Security-Policy, if there is one, that allows it (worker-src 'self', and blob: where it is of " +
      'another origin): copy it there, or start it by the option worker',
    cause === undefined ? undefined : { cause },
  );
}
