/** @file What kernels share that do one thing per vec4, whatever the tensor's shape: the index and the grid. */

import {
  declare,
  type Kernel,
  type TypedBinding,
  traffic,
  type UniformValues,
  workgroupGrid,
} from '../kernel.ts';
import { wgsl } from '../wgsl.ts';

/** Threads of a workgroup. */
const threads = 64;

/**
 * A kernel with one thread per item. `body` sees `item`, below `shape.items`, and what `declarations` add.
 * @param functions WGSL that stands before the entry point.
 */
export function perItem(options: {
  label: string;
  items: number;
  typed: readonly TypedBinding[];
  shape?: UniformValues;
  functions?: string;
  body: string;
  /** Operations per item. */
  flops: number;
}): Kernel {
  const { label, items, typed, functions = '', body, flops } = options;
  const shape = { items, ...options.shape };
  const { bindings, declarations } = declare(typed, shape);
  return {
    label,
    code: wgsl`${declarations}
${functions}
@compute @workgroup_size(${threads})
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * ${threads}u + id.x;
  if (item >= shape.items) { return; }
  ${body}
}
`,
    bindings,
    shape,
    dispatch: [...workgroupGrid(Math.ceil(items / threads)), 1],
    flops: flops * items,
    bytes: traffic(typed),
  };
}

/** A binding of `count` f32 in vectors of four. */
export const vectors = (
  name: string,
  count: number,
  access: 'read' | 'read_write' = 'read',
): TypedBinding => ({
  name,
  access,
  bytes: count * 4,
  type: 'vec4<f32>',
});

/** A binding of `count` f32. */
export const floats = (
  name: string,
  count: number,
  access: 'read' | 'read_write' = 'read',
): TypedBinding => ({
  name,
  access,
  bytes: count * 4,
  type: 'f32',
});
