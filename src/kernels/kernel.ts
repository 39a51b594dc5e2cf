/** @file What a kernel is: plain data that a runtime can compile and dispatch. No device in sight. */

/** One `@group(0) @binding(i)` of a kernel; the index is the position in {@link Kernel.bindings}. */
export interface Binding {
  /** The variable's name in the WGSL. */
  name: string;
  access: 'read' | 'read_write' | 'texture';
  /** Bytes of the buffer that the kernel may touch; 0 for textures and where the size is not known. */
  bytes: number;
}

/**
 * A compute shader with everything needed to run it: a pure function of shape and options.
 * Two kernels with the same `code` share a pipeline.
 */
export interface Kernel {
  label: string;
  /** WGSL with the entry point `main`. */
  code: string;
  bindings: readonly Binding[];
  /** Workgroups in x, y, z. */
  dispatch: readonly [number, number, number];
  /** Floating-point operations that are executed, a multiply-add counting as two. */
  flops: number;
  /** Bytes that must move: each input read once, each output written once. */
  bytes: number;
}

/** Sum of what the bindings hold, for {@link Kernel.bytes}. */
export function traffic(bindings: readonly Binding[]): number {
  return bindings.reduce((sum, binding) => sum + binding.bytes, 0);
}

/** Declarations `@group(0) @binding(i) var<storage, ...> name: array<type>;` for the bindings of a kernel. */
export function declare(bindings: readonly (Binding & { type: string })[]): string {
  return bindings
    .map(({ name, access, type }, index) =>
      access === 'texture'
        ? `@group(0) @binding(${index}) var ${name}: ${type};`
        : `@group(0) @binding(${index}) var<storage, ${access}> ${name}: array<${type}>;`,
    )
    .join('\n');
}
