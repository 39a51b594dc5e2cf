/** @file What the commands need from outside, as plain values, so that they run in tests without a GPU. */

import type { Readable } from 'node:stream';
import type {
  CreateOptions,
  Detection,
  DetectOptions,
  DetectorInfo,
  TuneOptions,
  TuningReport,
} from '../src/detect/types.ts';
import type { RawImage, SizeOption } from '../src/input/types.ts';
import type { Trainer } from '../src/train/trainer.ts';
import type { TrainerOptions } from '../src/train/types.ts';
import type { Need } from './packages.ts';

/** What the commands use of a `TextDetector`. */
export interface Detector {
  readonly info: DetectorInfo;
  detect(image: RawImage, options?: DetectOptions): Promise<Detection>;
  tune(size?: SizeOption, options?: TuneOptions): Promise<TuningReport>;
  dispose(): void;
}

/** What `train` uses of a `Trainer`. */
export type TrainerLike = Pick<
  Trainer,
  'adapter' | 'software' | 'steps' | 'step' | 'save' | 'saveState' | 'dispose'
>;

/** How pictures are read and written. */
export interface ImageCodec {
  /**
   * Decodes a file to RGB, 8 bits, or to RGBA with straight alpha. The EXIF orientation is applied unless it is to be
   * ignored. Messages of errors do not name the file: the caller does, as the user wrote it.
   *
   * @throws DBNetError `load-failed` (no such file), `invalid-image` (not a picture, or damaged),
   *   `missing-package` (no codec).
   */
  decode(path: string, options?: { ignoreOrientation?: boolean }): Promise<RawImage>;
  /** The size that `decode` gives, from the file's header alone. Throws as it does. */
  size(path: string, options?: { ignoreOrientation?: boolean }): Promise<{ width: number; height: number }>;
  /** A PNG of one 8-bit channel. */
  encodeGrey(data: Uint8Array, width: number, height: number): Promise<Uint8Array>;
  /**
   * Draws an SVG of the image's size over it.
   *
   * @param image Opaque.
   * @param extension Says as what the result is encoded: one of `OVERLAY_EXTENSIONS`; others are PNG.
   * @throws DBNetError `invalid-image` where that format cannot hold it, `missing-package`.
   */
  encodeOverlay(image: RawImage, svg: string, extension: string): Promise<Uint8Array>;
}

/** A stream that may be a terminal. */
export type OutputStream = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** Everything outside. */
export interface Services {
  /** Throws DBNetError `missing-package` that names all packages which are missing. */
  requirePackages(needs: readonly Need[]): void;
  /** Opens the detector on the best adapter there is. */
  createDetector(options: Omit<CreateOptions, 'gpu' | 'device'>): Promise<Detector>;
  /** Opens a trainer on the same adapter. */
  createTrainer(options: Omit<TrainerOptions, 'gpu' | 'device'>): Promise<TrainerLike>;
  codec: ImageCodec;
  /** Standard input. */
  stdin(): Readable;
  stdout: OutputStream;
  stderr: OutputStream;
  /** Where default output goes, and what relative paths are relative to. */
  cwd: string;
  /** Aborted by Ctrl-C or when nobody reads the output any more; its reason is an {@link Interruption}. */
  signal: AbortSignal;
  /** Milliseconds. */
  now(): number;
}

/** The reason of an abort from outside, with the status that the program ends with. */
export class Interruption extends Error {
  readonly exitStatus: number;

  constructor(message: string, exitStatus: number) {
    super(message);
    this.name = 'Interruption';
    this.exitStatus = exitStatus;
  }
}
