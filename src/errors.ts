/**
 * @file The one error class of the package. Every failure that a caller can cause or can act on is a
 * `DBNetError` with a `code`; its message names what was expected, what was found and what to do.
 * An aborted call rejects with the signal's reason instead, as `fetch` does.
 */

/** What went wrong, for programs. The message says the same for people. */
export type DBNetErrorCode =
  /** An option is unknown, of the wrong type, or out of range. */
  | 'invalid-argument'
  /** The image cannot be decoded, is empty, or its data does not fit its size and channels. */
  | 'invalid-image'
  /** The bytes are not a valid safetensors file. */
  | 'invalid-safetensors'
  /** The bytes are not a valid ONNX file, or one whose weights stand in other files. */
  | 'invalid-onnx'
  /** The bytes are not a valid PyTorch checkpoint. */
  | 'invalid-checkpoint'
  /** The file is valid, but a tensor's dtype cannot be converted to numbers here. */
  | 'unsupported-dtype'
  /**
   * The tensors are not those of a network that is known (missing, superfluous, misshapen), or the state of a training
   * run is none, or not as it was saved.
   */
  | 'incompatible-weights'
  /** T or B was asked for, but the weights hold no threshold head. */
  | 'missing-threshold-head'
  /** A file or an address could not be read. */
  | 'load-failed'
  /** The weights are others than `sha256` says. */
  | 'checksum-mismatch'
  /** There is no WebGPU here, no adapter, or it gives no device. */
  | 'no-webgpu'
  /** `precision: 'f16'` was asked for where f16 shaders do not compile. */
  | 'unsupported-precision'
  /** The size asked for does not fit the device's limits. */
  | 'limit-exceeded'
  /** A shader or a command was refused, or the device ran out of memory. */
  | 'gpu-error'
  /** The GPU computes wrong numbers, and there is no way around it: the self test of `create()` found it. */
  | 'wrong-results'
  /** The device was lost while it was in use. */
  | 'device-lost'
  /** More images wait for their turn than are kept: await earlier calls first. */
  | 'busy'
  /** The detector was used after `dispose()`. */
  | 'disposed'
  /** There are no workers here, or the detector's worker ended by an error. */
  | 'worker-failed'
  /** An optional package is needed for this and is not installed. */
  | 'missing-package'
  /** Labels cannot be read, or cannot be those of the image. */
  | 'invalid-labels'
  /** No pixel of a training batch, or of a data set's crops, is text. */
  | 'nothing-to-learn'
  /** A loss or a gradient was not finite. */
  | 'training-diverged';

/** What marks an error as one of this package, whichever of its bundles it comes from. */
const brand = Symbol.for('dbnet-webgpu.DBNetError');

/**
 * The error class of the package. A page may load several of its bundles, each with a class of its own: `instanceof`
 * knows the errors of all.
 *
 * @example
 * import { DBNetError, TextDetector } from 'dbnet-webgpu';
 *
 * try {
 *   await TextDetector.create({ weights: '/weights/db-resnet18.safetensors' });
 * } catch (error) {
 *   if (error instanceof DBNetError && error.code === 'no-webgpu') console.log('Try another browser.');
 *   else throw error;
 * }
 */
export class DBNetError extends Error {
  readonly code: DBNetErrorCode;
  readonly [brand] = true;

  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }

  constructor(code: DBNetErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'DBNetError';
    this.code = code;
  }
}
