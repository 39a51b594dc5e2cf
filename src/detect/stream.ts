/** @file Detections of a live source, one after the other, as fast as they come. */

import { check, whole } from '../check.ts';
import { type Frame, frameStream, openFrames } from '../input/frame-source.ts';
import type { FrameStream } from '../input/types.ts';
import type { Web } from '../web.ts';
import type { Detection, StreamedDetection } from './types.ts';

interface StreamSettings {
  /** How many frames are computed at a time. Default 2, or 1 on software adapters. */
  inFlight?: number;
  software?: boolean;
  signal?: Web<'AbortSignal'>;
}

/**
 * Results in the order of their frames. While `inFlight` frames are on their way no other is taken; the next is then the newest.
 * Leaving it (`break`), an error and the signal end the source and what is on its way.
 * @param detect is done with an image as soon as it has returned its promise.
 * @throws DBNetError `invalid-argument` for what is no stream and for another `inFlight`; what `detect` and the source fail with; the signal's reason.
 */
export async function* streamDetections(
  stream: FrameStream,
  detect: (image: Frame['image'], signal: Web<'AbortSignal'>) => Promise<Detection>,
  { software = false, inFlight = software ? 1 : 2, signal }: StreamSettings,
): AsyncGenerator<StreamedDetection, void, undefined> {
  check('Option inFlight', inFlight, whole(1, 16));
  const source = openFrames(check('source', stream, frameStream));
  const ending = new AbortController();
  let wake = () => {};
  const abort = () => {
    ending.abort(signal?.reason);
    wake();
  };
  const pending: Promise<StreamedDetection>[] = [];
  let arriving: Promise<void> | undefined;
  let ended = false;
  const push = (found: Promise<StreamedDetection>) => {
    found.catch(() => {}); // Told when its turn comes, or never, if nobody waits for it any longer.
    pending.push(found);
  };
  const take = async () => {
    try {
      const frame = await source.next();
      if (!frame) ended = true;
      else {
        const { image, ...rest } = frame;
        push(detect(image, ending.signal).then((detection) => ({ ...detection, ...rest })));
        source.taken(frame);
      }
    } catch (error) {
      ended = true;
      push(Promise.reject(error));
    }
    arriving = undefined;
  };
  signal?.addEventListener('abort', abort);
  try {
    for (;;) {
      signal?.throwIfAborted();
      if (!ended && pending.length < inFlight) arriving ??= take();
      const [first] = pending;
      if (!first && !arriving) return;
      // Made anew each time: a promise that lives long would keep everybody who ever waited for it.
      const woken = new Promise<undefined>((resolve) => {
        wake = () => resolve(undefined);
      });
      const found = await Promise.race([first, arriving, woken].filter((promise) => promise !== undefined));
      if (!found) continue;
      pending.shift();
      yield found;
    }
  } finally {
    signal?.removeEventListener('abort', abort);
    source.close();
    ending.abort();
  }
}
