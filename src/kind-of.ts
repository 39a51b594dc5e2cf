/**
 * @file What a value is, told by its tag: objects of another realm (an iframe, a `vm` context, a test runner) have other
 * classes, so that `instanceof` does not know them.
 */

/** What a value is, for "found ...": its class or its type. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return typeof value;
  return Object.prototype.toString.call(value).slice(8, -1);
}

export interface TypedArrays {
  Uint8Array: Uint8Array;
  Uint8ClampedArray: Uint8ClampedArray;
  Uint16Array: Uint16Array;
  Uint32Array: Uint32Array;
  Int32Array: Int32Array;
  Float32Array: Float32Array;
  Float64Array: Float64Array;
}

/** True for a typed array of one of these kinds, subclasses such as Node's `Buffer` included. */
export function isTypedArray<Kind extends keyof TypedArrays>(
  value: unknown,
  ...kinds: readonly Kind[]
): value is TypedArrays[Kind] {
  return ArrayBuffer.isView(value) && (kinds as readonly string[]).includes(kindOf(value));
}

/** True unless other threads can write to the memory while it is read, or it can shrink: not every API takes such memory. */
export function hasPlainBuffer({ buffer }: ArrayBufferView): boolean {
  return kindOf(buffer) === 'ArrayBuffer' && !(buffer as { resizable?: boolean }).resizable;
}
