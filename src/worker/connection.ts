/** @file The page's side of the line to a worker: calls that are answered, aborted, or fail all at once. */

import { messageOf } from '../describe.ts';
import type { DetectorInfo, OnProgress } from '../detect/types.ts';
import { DBNetError } from '../errors.ts';
import { libraryVersion } from '../version.ts';
import type { Web } from '../web.ts';
import { unpackError } from './errors.ts';
import type { CallName, Calls, Crossing, Reply } from './protocol.ts';
import { notLoaded, threadFile } from './start.ts';

export interface CallHooks {
  onProgress?: OnProgress;
  signal?: Web<'AbortSignal'>;
}

interface Pending {
  onProgress: OnProgress | undefined;
  resolve(result: unknown): void;
  reject(reason: unknown): void;
}

export class Connection {
  readonly #worker: Web<'Worker'>;
  readonly #onLost: ((reason: string) => void) | undefined;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  #heard = false;
  #info: DetectorInfo | undefined;
  #end: { reason: unknown } | undefined;

  /** @param onLost told what the worker tells of lost devices. */
  constructor(worker: Web<'Worker'>, onLost?: (reason: string) => void) {
    this.#worker = worker;
    this.#onLost = onLost;
    worker.addEventListener('message', ({ data }: { data: Reply }) => this.#hear(data));
    worker.addEventListener('messageerror', () => this.close(failed('its answer could not be read')));
    worker.addEventListener('error', (event) => {
      event.preventDefault(); // It is told by all calls.
      const message = event.message || 'the browser does not say why';
      this.close(this.#heard ? failed(message) : notLoaded(message));
    });
  }

  /** As it was told last. There is one once a detector was created. */
  get info(): DetectorInfo {
    return this.#info!;
  }

  /** @throws what it was closed with. */
  assertOpen(): void {
    if (this.#end) throw this.#end.reason;
  }

  /**
   * Asks the worker. What is still being made ready is sent when it is, unless the call has ended by then.
   * @throws what the worker's detector throws, the signal's reason, what `onProgress` throws, what it was closed with;
   *   DBNetError `invalid-argument` for what cannot be sent.
   */
  async call<Name extends CallName>(
    call: Name,
    sent: Crossing<Calls[Name]['sent']> | Promise<Crossing<Calls[Name]['sent']>>,
    { onProgress, signal }: CallHooks = {},
  ): Promise<Calls[Name]['back']> {
    const id = this.#calls++;
    const answer = new Promise<Calls[Name]['back']>((resolve, reject) => {
      if (this.#end) reject(this.#end.reason);
      else this.#pending.set(id, { onProgress, resolve: resolve as Pending['resolve'], reject });
    });
    const abort = () => this.#abort(id, signal?.reason);
    signal?.addEventListener('abort', abort);
    if ('then' in sent) {
      sent.then(
        (ready) => this.#send(id, call, ready),
        (error) => this.#settle(id)?.reject(error),
      );
    } else this.#send(id, call, sent);
    try {
      return await answer;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Ends the worker. All calls that wait, and all to come, reject with a reason. */
  close(reason: unknown): void {
    if (this.#end) return;
    this.#end = { reason };
    this.#worker.terminate();
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
  }

  #send(id: number, call: CallName, { value, transfer, discard }: Crossing<object>): void {
    const pending = this.#pending.get(id);
    if (!pending) {
      discard?.();
      return;
    }
    try {
      const reports = pending.onProgress !== undefined;
      this.#worker.postMessage({ ...value, call, id, reports }, { transfer });
    } catch (cause) {
      discard?.();
      this.#settle(id)?.reject(
        new DBNetError(
          'invalid-argument',
          `expected an image and options that can be sent to a worker, found some that cannot (${messageOf(cause)}): give ` +
            'plain objects and memory of your own',
          { cause },
        ),
      );
    }
  }

  #hear(reply: Reply): void {
    if (this.#end) return;
    this.#heard = true;
    if ('version' in reply) {
      if (reply.version === libraryVersion) return;
      const found = `expected ${threadFile} of version ${libraryVersion}, found ${reply.version}`;
      this.close(failed(`${found}: copy it anew`));
    } else if ('lost' in reply) this.#onLost?.(reply.lost);
    else if ('unreadable' in reply) this.close(failed('it could not read a message'));
    else if ('progress' in reply) this.#report(reply.id, reply.progress);
    else if ('error' in reply) this.#settle(reply.id)?.reject(unpackError(reply.error));
    else {
      this.#info = reply.info ?? this.#info;
      this.#settle(reply.id)?.resolve(reply.result);
    }
  }

  #report(id: number, progress: Parameters<OnProgress>[0]): void {
    try {
      this.#pending.get(id)?.onProgress?.(progress);
    } catch (error) {
      this.#abort(id, error);
    }
  }

  #abort(id: number, reason: unknown): void {
    const pending = this.#settle(id);
    if (!pending) return;
    this.#worker.postMessage({ abort: id });
    pending.reject(reason);
  }

  /** The call, which waits no longer; undefined if it did not. */
  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }
}

const failed = (what: string) =>
  new DBNetError('worker-failed', `the detector's worker has ended: ${what}; create another detector`);
