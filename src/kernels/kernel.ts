/** @file What a kernel is: plain data that a runtime can compile and dispatch. No device in sight. */

/** One `@group(0) @binding(i)` of a kernel; the index is the position in {@link Kernel.bindings}. */
export interface Binding {
  /** The variable's name in the WGSL. */
  name: string;
  access: 'read' | 'read_write' | 'texture' | 'external' | 'uniform';
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
  /** What the uniform `shape`, the last binding, holds. */
  shape: UniformValues;
  /** Workgroups in x, y, z. */
  dispatch: readonly [number, number, number];
  /** Floating-point operations that are executed, a multiply-add counting as two. */
  flops: number;
  /** Bytes that must move: each input read once, each output written once. */
  bytes: number;
}

/** Members of a uniform by name, in order, a word each: u32, or f32 where {@link f32} says so. */
export type UniformValues = Readonly<Record<string, number | F32>>;

export interface F32 {
  readonly f32: number;
}

/** A member that is an f32 in WGSL. */
export const f32 = (value: number): F32 => ({ f32: value });

/** The words of a uniform, in order. */
export function uniformWords(uniforms: UniformValues): Uint32Array<ArrayBuffer> {
  const members = Object.values(uniforms);
  const words = new Uint32Array(members.length);
  const floats = new Float32Array(words.buffer);
  for (const [index, member] of members.entries()) {
    if (typeof member === 'number') words[index] = member;
    else floats[index] = member.f32;
  }
  return words;
}

/** Vectors of four that hold so many channels; the lanes that are left over are zero. */
export const vectorsOf = (channels: number): number => Math.ceil(channels / 4);

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
  access: 'read' | 'read_write' | 'texture' | 'external';
  type: string;
}

/**
 * The bindings of a kernel with `shape` behind them, and their declarations in WGSL:
 * `@group(0) @binding(i) var<storage, ...> name: array<type>;`.
 */
export function declare(
  typed: readonly TypedBinding[],
  shape: UniformValues,
): { bindings: Binding[]; declarations: string } {
  const members = Object.entries(shape).map(
    ([name, value]) => `${name}: ${typeof value === 'number' ? 'u32' : 'f32'}`,
  );
  const declarations = typed.map(({ name, access, type }, index) =>
    access === 'texture' || access === 'external'
      ? `@group(0) @binding(${index}) var ${name}: ${type};`
      : `@group(0) @binding(${index}) var<storage, ${access}> ${name}: array<${type}>;`,
  );
  return {
    bindings: [
      ...typed.map(({ name, access, bytes }) => ({ name, access, bytes })),
      { name: 'shape', access: 'uniform', bytes: members.length * 4 },
    ],
    declarations: [
      ...declarations,
      `struct Shape { ${members.join(', ')} }`,
      `@group(0) @binding(${typed.length}) var<uniform> shape: Shape;`,
    ].join('\n'),
  };
}
