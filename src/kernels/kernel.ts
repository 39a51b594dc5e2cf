/** @file What a kernel is: plain data that a runtime can compile and dispatch. No device in sight. */

/** One `@group(0) @binding(i)` of a kernel; the index is the position in {@link Kernel.bindings}. */
export interface Binding {
  /** The variable's name in the WGSL. */
  name: string;
  access: 'read' | 'read_write' | 'texture' | 'uniform';
  /** Bytes of the buffer that the kernel may touch; 0 for textures and where the size is not known. */
  bytes: number;
}

/**
 * A compute shader with everything needed to run it: a pure function of shape and options.
 * Two kernels with the same `code` share a pipeline: sizes of images stand in `shape`, not in the code, so that
 * an image of another size needs no new pipeline.
 */
export interface Kernel {
  label: string;
  /** WGSL with the entry point `main`. */
  code: string;
  bindings: readonly Binding[];
  /** What the uniform `shape`, the last binding, holds: u32 values by name, in order. */
  shape: Readonly<Record<string, number>>;
  /** Workgroups in x, y, z. */
  dispatch: readonly [number, number, number];
  /** Floating-point operations that are executed, a multiply-add counting as two. */
  flops: number;
  /** Bytes that must move: each input read once, each output written once. */
  bytes: number;
}

/** An f32 as the bits that a shape, which holds u32, carries. */
export const f32Bits = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0];

/** So many workgroups in x and y: one dimension takes 65,535, what is more goes into rows. */
export function workgroupGrid(workgroups: number): [x: number, y: number] {
  const rows = Math.ceil(workgroups / 65535);
  return [Math.ceil(workgroups / rows), rows];
}

/** Sum of what the bindings hold, for {@link Kernel.bytes}. */
export function traffic(bindings: readonly Binding[]): number {
  return bindings.reduce((sum, binding) => sum + binding.bytes, 0);
}

/** A buffer of `type` elements, or a texture. */
export interface TypedBinding extends Binding {
  access: 'read' | 'read_write' | 'texture';
  type: string;
}

/**
 * The bindings of a kernel with `shape` behind them, and their declarations in WGSL:
 * `@group(0) @binding(i) var<storage, ...> name: array<type>;`.
 */
export function declare(
  typed: readonly TypedBinding[],
  shape: Kernel['shape'],
): { bindings: Binding[]; declarations: string } {
  const names = Object.keys(shape);
  const declarations = typed.map(({ name, access, type }, index) =>
    access === 'texture'
      ? `@group(0) @binding(${index}) var ${name}: ${type};`
      : `@group(0) @binding(${index}) var<storage, ${access}> ${name}: array<${type}>;`,
  );
  return {
    bindings: [
      ...typed.map(({ name, access, bytes }) => ({ name, access, bytes })),
      { name: 'shape', access: 'uniform', bytes: names.length * 4 },
    ],
    declarations: [
      ...declarations,
      `struct Shape { ${names.map((name) => `${name}: u32`).join(', ')} }`,
      `@group(0) @binding(${typed.length}) var<uniform> shape: Shape;`,
    ].join('\n'),
  };
}
