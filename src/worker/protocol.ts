/** @file What a page and the worker of its detector say to each other. */

import type { TextDetector } from '../detect/detector.ts';
import type {
  CreateOptions,
  Detection,
  DetectOptions,
  DetectorInfo,
  Maps,
  MapsOptions,
  Progress,
  TuneOptions,
  TuningReport,
  WeightsSource,
} from '../detect/types.ts';
import type { RawImage, SizeOption } from '../input/types.ts';
import type { Web } from '../web.ts';
import type { CrossingError } from './errors.ts';

/** Options without what stays on its side: functions and signals. */
type Plain<T> = Omit<T, 'onProgress' | 'signal' | 'onDeviceLost' | 'gpu' | 'device'>;

/** An image as it crosses. */
export type CrossingImage = RawImage | Web<'ImageBitmap' | 'VideoFrame' | 'Blob'>;

/** Weights as they cross; a `Response` by its parts. */
export type CrossingWeights =
  | Exclude<WeightsSource, Web<'URL' | 'Response'>>
  | { body: Web<'ReadableStream'>; headers: [string, string][] };

/** The calls of a detector: what is sent for each, and what comes back. */
export interface Calls {
  create: {
    sent: { weights: CrossingWeights; options: Plain<Omit<CreateOptions, 'weights'>> };
    back: undefined;
  };
  detect: { sent: { image: CrossingImage; options: Plain<DetectOptions> }; back: Detection };
  maps: { sent: { image: CrossingImage; options: Plain<MapsOptions> }; back: Maps };
  warmup: { sent: { size?: SizeOption; options?: object }; back: undefined };
  tune: { sent: { size?: SizeOption; options: Plain<TuneOptions> }; back: TuningReport };
  memory: { sent: object; back: TextDetector['memory'] };
}

export type CallName = keyof Calls;

/** A call, with what it is sent. */
export type Call = { [Name in CallName]: { call: Name } & Calls[Name]['sent'] }[CallName];

/** From the page. */
export type Request =
  | (Call & {
      id: number;
      /** Whether anybody wants to know how far it has come. */
      reports: boolean;
    })
  | { abort: number };

/** From the worker. */
export type Reply =
  /** The first of all. */
  | { version: string }
  | { id: number; progress: Progress }
  | {
      id: number;
      result: Calls[CallName]['back'];
      /** Where it is another than was told before: after `create`, and on another device. */
      info?: DetectorInfo;
    }
  | { id: number; error: CrossingError }
  | { lost: string }
  /** A message could not be read. */
  | { unreadable: true };

/** What can be given away. */
export type Movable = ArrayBuffer | Web<'ImageBitmap' | 'VideoFrame' | 'ReadableStream'>;

/** What is sent, and what of it is given away. */
export interface Crossing<T> {
  value: T;
  transfer: Movable[];
  /** Frees what was made for it, where it is not sent after all. */
  discard?(): void;
}

/** One end of a line, in a worker its global object. */
export interface Port<Received, Sent> {
  postMessage(message: Sent, options: { transfer: Movable[] }): void;
  addEventListener(type: 'message', listener: (event: { data: Received }) => void): void;
  addEventListener(type: 'messageerror', listener: () => void): void;
}
