/** @file What a weights file gives, whatever its container. */

/** Tensors by name. */
export interface TensorFile {
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>;
  /** What the file says of itself, as safetensors' `__metadata__` has it. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * A tensor as 32-bit floats, row-major, in a new array.
   * @throws DBNetError `unsupported-dtype`, `invalid-argument` for an unknown name.
   */
  float32(name: string): Float32Array;
}
