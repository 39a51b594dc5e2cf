/** @file The worker's side: a detector that does what the page asks for. */

import type { TextDetector } from '../detect/detector.ts';
import type { CreateOptions, OnProgress, WeightsSource } from '../detect/types.ts';
import { libraryVersion } from '../version.ts';
import { packError } from './errors.ts';
import type {
  Call,
  CallName,
  Calls,
  CrossingImage,
  CrossingWeights,
  Movable,
  Port,
  Reply,
  Request,
} from './protocol.ts';

/** What is asked of a detector. */
export type ServedDetector = Pick<TextDetector, 'info' | 'memory' | 'detect' | 'maps' | 'warmup' | 'tune'>;

type Create = (options: CreateOptions) => Promise<ServedDetector>;

interface Hooks {
  onProgress?: OnProgress;
  signal: AbortSignal;
}

/** Answers what comes through a port, one detector's life long. */
export function serveDetector(port: Port<Request, Reply>, create: Create): void {
  const running = new Map<number, AbortController>();
  let detector: ServedDetector;
  let toldAdapter: object | undefined;
  const post = (reply: Reply, transfer: Movable[] = []) => port.postMessage(reply, { transfer });

  const perform = async (request: Call, hooks: Hooks): Promise<Calls[CallName]['back']> => {
    switch (request.call) {
      case 'create': {
        const { weights, options } = request;
        const onDeviceLost = (lost: string) => post({ lost });
        detector = await create({ ...options, ...hooks, weights: unpackWeights(weights), onDeviceLost });
        return undefined;
      }
      case 'detect':
        return await closing(request.image, (image) =>
          detector.detect(image, { ...request.options, ...hooks }),
        );
      case 'maps':
        return await closing(request.image, (image) =>
          detector.maps(image, { ...request.options, ...hooks }),
        );
      case 'warmup':
        await detector.warmup(request.size, request.options);
        return undefined;
      case 'tune':
        return await detector.tune(request.size, { ...request.options, ...hooks });
      case 'memory':
        return detector.memory;
    }
  };

  const answer = async ({ id, reports, ...call }: Exclude<Request, { abort: number }>) => {
    const controller = new AbortController();
    const { signal } = controller;
    running.set(id, controller);
    let reply: Reply;
    let transfer: Movable[] = [];
    try {
      const onProgress: OnProgress = (progress) => {
        if (!signal.aborted) post({ id, progress });
      };
      const result = await perform(call as Call, { signal, onProgress: reports ? onProgress : undefined });
      const { info } = detector;
      reply = { id, result, ...(info.adapter === toldAdapter ? {} : { info }) };
      toldAdapter = info.adapter;
      transfer = mapsOf(result);
    } catch (error) {
      reply = { id, error: packError(error) };
    }
    running.delete(id);
    // Of what was aborted the page knows already.
    if (!signal.aborted) post(reply, transfer);
  };

  port.addEventListener('message', ({ data }) => {
    if ('abort' in data) running.get(data.abort)?.abort();
    else void answer(data);
  });
  port.addEventListener('messageerror', () => post({ unreadable: true }));
  post({ version: libraryVersion });
}

/** A detector is done with what can be closed as soon as it has returned its promise. */
function closing<T>(image: CrossingImage, use: (image: CrossingImage) => Promise<T>): Promise<T> {
  try {
    return use(image);
  } finally {
    if ('close' in image) image.close();
  }
}

/** The memory of maps, which the page gets instead of a copy. */
function mapsOf(result: Calls[CallName]['back']): Movable[] {
  const maps = result && 'maps' in result ? result.maps : result;
  if (!maps || !('P' in maps)) return [];
  return [maps.P, maps.T, maps.B].flatMap((map) => (map ? [map.buffer as ArrayBuffer] : []));
}

function unpackWeights(weights: CrossingWeights): WeightsSource {
  if (typeof weights !== 'object' || weights === null || !('body' in weights)) return weights;
  const { body, headers } = weights;
  return new Response(body, { headers });
}
