/** @file Frames of a live source, the newest one whenever somebody has time for it. */

import { can, kind } from '../check.ts';
import { DBNetError } from '../errors.ts';
import { kindOf } from '../kind-of.ts';
import { showsFrame } from './shows-frame.ts';
import type { FrameStream, ImageSource } from './types.ts';

/** A frame, and how many came since the one before that nobody had time for. */
export interface Frame {
  image: ImageSource;
  skipped: number;
  /** Seconds, where the source says it. */
  mediaTime?: number;
}

export interface FrameSource {
  /** The newest frame that was not given yet, or the next to come; undefined at the end. One call at a time. */
  next(): Promise<Frame | undefined>;
  /** A frame has been taken: what is the source's to free is freed. */
  taken(frame: Frame): void;
  /** Ends it: a call that waits is answered with undefined. */
  close(): void;
}

export const frameStream = kind<FrameStream>(
  'a <video>, a ReadableStream of images, or an async iterable of them',
  (value) =>
    kindOf(value) === 'HTMLVideoElement' ||
    can(value, 'getReader') ||
    typeof (value as AsyncIterable<unknown> | null)?.[Symbol.asyncIterator] === 'function',
);

/** @throws DBNetError `invalid-argument` where the browser does not tell of a video's frames. */
export function openFrames(source: FrameStream): FrameSource {
  if (kindOf(source) === 'HTMLVideoElement') {
    if (can(source, 'requestVideoFrameCallback')) return new VideoSource(source as HTMLVideoElement);
    throw new DBNetError(
      'invalid-argument',
      'source: expected a <video> with requestVideoFrameCallback, found that this browser has none: pass a ReadableStream or ' +
        'an async iterable of frames',
    );
  }
  if (can(source, 'getReader')) return new StreamSource(source as ReadableStream<ImageSource>);
  return new IterableSource(source as AsyncIterable<ImageSource>);
}

/** What a video shows, each frame once. Its frames are counted by the browser. */
class VideoSource implements FrameSource {
  readonly #video: HTMLVideoElement;
  #presented: number | undefined;
  #first = true;
  #stop = () => {};

  constructor(video: HTMLVideoElement) {
    this.#video = video;
  }

  next(): Promise<Frame | undefined> {
    const video = this.#video;
    // A video that stands still shows a frame, too, and will not show another.
    if (this.#first && showsFrame(video)) {
      this.#first = false;
      return Promise.resolve({ image: video, skipped: 0, mediaTime: video.currentTime });
    }
    this.#first = false;
    return new Promise((resolve) => {
      const settle = (frame?: Frame) => {
        video.cancelVideoFrameCallback(handle);
        for (const event of endings) video.removeEventListener(event, this.#stop);
        this.#stop = () => {};
        resolve(frame);
      };
      const handle = video.requestVideoFrameCallback((_, { presentedFrames, mediaTime }) => {
        const skipped = presentedFrames - (this.#presented ?? presentedFrames - 1) - 1;
        this.#presented = presentedFrames;
        settle({ image: video, skipped, mediaTime });
      });
      this.#stop = () => settle();
      for (const event of endings) video.addEventListener(event, this.#stop);
      if (video.ended) settle();
    });
  }

  taken(): void {}

  close(): void {
    this.#stop();
  }
}

/** After these no frame comes. */
const endings = ['ended', 'error', 'emptied'] as const;

/** A stream is read as fast as it gives; of what nobody has time for the newest is kept. Its frames are closed here. */
class StreamSource implements FrameSource {
  readonly #reader: ReadableStreamDefaultReader<ImageSource>;
  #newest: ImageSource | undefined;
  #skipped = 0;
  #ended = false;
  #failure: { reason: unknown } | undefined;
  #wake = () => {};

  constructor(stream: ReadableStream<ImageSource>) {
    this.#reader = stream.getReader();
    void this.#read();
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) break;
        if (this.#ended) return closeFrame(value);
        if (this.#newest !== undefined) {
          closeFrame(this.#newest);
          this.#skipped++;
        }
        this.#newest = value;
        this.#wake();
      }
    } catch (reason) {
      this.#failure = { reason };
    }
    this.#ended = true;
    this.#wake();
  }

  async next(): Promise<Frame | undefined> {
    while (this.#newest === undefined && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const image = this.#newest;
    if (image === undefined) {
      if (this.#failure) throw this.#failure.reason;
      return undefined;
    }
    const skipped = this.#skipped;
    this.#newest = undefined;
    this.#skipped = 0;
    return { image, skipped };
  }

  taken({ image }: Frame): void {
    closeFrame(image);
  }

  close(): void {
    this.#ended = true;
    if (this.#newest !== undefined) closeFrame(this.#newest);
    this.#newest = undefined;
    this.#failure = undefined;
    this.#reader.cancel().catch(() => {});
    this.#wake();
  }
}

/** What can wait is asked for one by one: nothing is skipped. */
class IterableSource implements FrameSource {
  readonly #iterator: AsyncIterator<ImageSource>;

  constructor(iterable: AsyncIterable<ImageSource>) {
    this.#iterator = iterable[Symbol.asyncIterator]();
  }

  async next(): Promise<Frame | undefined> {
    const { done, value } = await this.#iterator.next();
    return done ? undefined : { image: value, skipped: 0 };
  }

  taken(): void {}

  close(): void {
    // A generator answers when what it waits for has come: nobody waits for that.
    this.#iterator.return?.().then(undefined, () => {});
  }
}

/** A frame of a video that is not closed holds the decoder up. */
function closeFrame(image: ImageSource): void {
  if (kindOf(image) === 'VideoFrame') (image as VideoFrame).close();
}
