/** @file A worker in the same thread: both ends of a `MessageChannel`, through which everything is cloned and transferred. */

import type { CreateOptions } from '../../src/detect/types.ts';
import type { Port, Reply, Request } from '../../src/worker/protocol.ts';
import { type ServedDetector, serveDetector } from '../../src/worker/serve.ts';

/** What a page has of a worker. */
export class FakeWorker extends EventTarget {
  terminated = false;
  /** What was sent into it. */
  readonly sent: unknown[] = [];
  readonly #channel = new MessageChannel();

  constructor(serve: (port: MessagePort) => void) {
    super();
    const { port1, port2 } = this.#channel;
    port1.onmessage = ({ data }) => this.dispatchEvent(new MessageEvent('message', { data }));
    port2.start();
    serve(port2);
  }

  postMessage(message: unknown, options?: { transfer: Transferable[] }): void {
    // Node takes a list, or an object that is not in its types.
    this.#channel.port1.postMessage(message, options?.transfer ?? []);
    this.sent.push(message);
  }

  /** What a browser does about an error that nobody catches. */
  crash(message: string): Event {
    const event = Object.assign(new Event('error', { cancelable: true }), { message });
    this.dispatchEvent(event);
    return event;
  }

  terminate(): void {
    this.terminated = true;
    this.#channel.port1.close();
  }
}

/** A worker whose detector is `create`'s. */
export const fakeWorker = (create: (options: CreateOptions) => Promise<ServedDetector>): FakeWorker =>
  new FakeWorker((port) => serveDetector(port as unknown as Port<Request, Reply>, create));
