/** @file Streams: which frames are taken and skipped, in which order results come, and that everything ends. */

import { describe, expect, it } from 'vitest';
import { streamDetections } from '../../src/detect/stream.ts';
import type { Detection } from '../../src/detect/types.ts';
import { openFrames } from '../../src/input/frame-source.ts';
import type { FrameStream, ImageSource } from '../../src/input/types.ts';

/** An image that is told by its width, and knows whether it was closed. */
class Picture {
  readonly [Symbol.toStringTag] = 'VideoFrame';
  readonly width: number;
  closed = false;

  constructor(width: number) {
    this.width = width;
  }

  close(): void {
    this.closed = true;
  }
}

const picture = (width: number) => new Picture(width) as unknown as ImageSource;

/** Lets everything that is ready go on. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Detections that end when they are told to, and whose results are told by the picture's width. */
function manual() {
  const calls: { width: number; signal: AbortSignal; finish: () => void; fail: (error: unknown) => void }[] =
    [];
  const detect = (image: ImageSource, signal: AbortSignal) =>
    new Promise<Detection>((resolve, reject) => {
      const { width } = image as unknown as Picture;
      calls.push({ width, signal, finish: () => resolve({ width } as Detection), fail: reject });
      signal.addEventListener('abort', () => reject(signal.reason));
    });
  return { calls, detect };
}

/** A stream into which a test pushes. */
function pushed() {
  let controller!: ReadableStreamDefaultController<ImageSource>;
  let cancelled = false;
  const stream = new ReadableStream<ImageSource>({
    start(given) {
      controller = given;
    },
    cancel() {
      cancelled = true;
    },
  });
  return {
    stream,
    push: (image: ImageSource) => controller.enqueue(image),
    end: () => controller.close(),
    fail: (e: Error) => controller.error(e),
    isCancelled: () => cancelled,
  };
}

const open = (
  source: FrameStream,
  detect: ReturnType<typeof manual>['detect'],
  inFlight = 2,
  signal?: AbortSignal,
) => streamDetections(source, detect, { inFlight, signal });

describe('streamDetections', () => {
  it('keeps so many on their way, skips and closes what is too late, and goes on with the newest', async () => {
    const { calls, detect } = manual();
    const { stream, push, end } = pushed();
    const pictures = [1, 2, 3, 4, 5].map(picture);
    const results = open(stream, detect);
    const first = results.next();
    for (const image of pictures) {
      push(image);
      await settle();
    }
    expect(calls.map(({ width }) => width)).toEqual([1, 2]);
    expect(pictures.map((image) => (image as unknown as Picture).closed)).toEqual([
      true,
      true,
      true,
      true,
      false,
    ]);
    calls[1].finish();
    await settle();
    calls[0].finish();
    expect((await first).value).toMatchObject({ width: 1, skipped: 0 });
    const second = results.next();
    await settle();
    expect((await second).value).toMatchObject({ width: 2, skipped: 0 });
    const third = results.next();
    await settle();
    expect(calls.map(({ width }) => width)).toEqual([1, 2, 5]);
    calls[2].finish();
    expect((await third).value).toMatchObject({ width: 5, skipped: 2 });
    end();
    expect(await results.next()).toEqual({ done: true, value: undefined });
    expect((pictures[4] as unknown as Picture).closed).toBe(true);
  });

  it('asks an async iterable for one after the other, and skips nothing', async () => {
    const { calls, detect } = manual();
    let asked = 0;
    let returned = false;
    async function* pictures() {
      try {
        while (asked < 4) yield picture(++asked);
      } finally {
        returned = true;
      }
    }
    const widths: number[] = [];
    const all = (async () => {
      for await (const { width, skipped } of open(pictures(), detect)) {
        expect(skipped).toBe(0);
        widths.push(width);
      }
    })();
    for (let i = 0; i < 4; i++) {
      while (calls.length <= i) await settle();
      expect(asked).toBeLessThanOrEqual(i + 2);
      calls[i].finish();
    }
    await all;
    expect(widths).toEqual([1, 2, 3, 4]);
    expect(returned).toBe(true);
  });

  it('ends source and calls with `break`', async () => {
    const { calls, detect } = manual();
    const { stream, push, isCancelled } = pushed();
    const late = picture(3);
    const run = (async () => {
      for await (const { width } of open(stream, detect)) {
        expect(width).toBe(1);
        break;
      }
    })();
    for (const image of [picture(1), picture(2), late]) {
      push(image);
      await settle();
    }
    calls[0].finish();
    await run;
    expect(isCancelled()).toBe(true);
    expect(calls[1].signal.aborted).toBe(true);
    expect((late as unknown as Picture).closed).toBe(true);
  });

  it('rejects at once with the reason of the signal, whatever it waits for', async () => {
    for (const busy of [0, 1, 2]) {
      const { calls, detect } = manual();
      const { stream, push, isCancelled } = pushed();
      const control = new AbortController();
      const results = open(
        stream,
        (image, _signal) => detect(image, new AbortController().signal),
        2,
        control.signal,
      );
      const next = results.next();
      for (let i = 1; i <= busy; i++) push(picture(i));
      while (calls.length < busy) await settle();
      control.abort(new Error('enough'));
      await expect(next).rejects.toThrow('enough');
      expect(isCancelled()).toBe(true);
    }
    const control = new AbortController();
    control.abort(new Error('before'));
    await expect(open(pushed().stream, manual().detect, 2, control.signal).next()).rejects.toThrow('before');
  });

  it('passes on what a call and what the source fails with, after the results before', async () => {
    const { calls, detect } = manual();
    const { stream, push, fail } = pushed();
    const results = open(stream, detect);
    const first = results.next();
    push(picture(1));
    await settle();
    fail(new Error('unplugged'));
    await settle();
    calls[0].finish();
    expect((await first).value).toMatchObject({ width: 1 });
    await expect(results.next()).rejects.toThrow('unplugged');

    const other = manual();
    const again = pushed();
    const failing = open(again.stream, other.detect).next();
    again.push(picture(1));
    while (other.calls.length === 0) await settle();
    other.calls[0].fail(new Error('lost'));
    await expect(failing).rejects.toThrow('lost');
    expect(again.isCancelled()).toBe(true);
  });

  it('refuses a video of a browser that does not tell of its frames', () => {
    const video = { [Symbol.toStringTag]: 'HTMLVideoElement' } as unknown as HTMLVideoElement;
    expect(() => openFrames(video)).toThrowError(expect.objectContaining({ code: 'invalid-argument' }));
  });

  it.each([undefined, null, 7, 'video', {}, new Uint8Array(4)])('refuses %s', async (source) => {
    const stream = open(source as unknown as FrameStream, manual().detect);
    await expect(stream.next()).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
