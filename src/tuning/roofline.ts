/**
 * @file What the device can do at best (Williams, Waterman and Patterson, 2009): kernels that multiply and add, and one
 * that copies. The tuner ends where a candidate comes near it, the benchmark gives every time as a share of it.
 */

import type { Kernel } from '../kernels/kernel.ts';
import { header, type Precision, wgsl } from '../kernels/wgsl.ts';

/** The best that was measured, 1e9 a second; null where it was not. */
export interface Roofline {
  f32GFlops: number | null;
  f16GFlops: number | null;
  copyGBs: number | null;
}

export interface Rates {
  gflops: number;
  gbs: number;
  /** The time that the roofs allow over the time taken: max(flops / peak, bytes / bandwidth) / time. */
  roofline: number | null;
  bound: 'compute' | 'memory' | null;
}

/** Rates of work that took `ms`. */
export function ratesOf(
  { flops, bytes }: { flops: number; bytes: number },
  ms: number,
  precision: Precision,
  { f32GFlops, f16GFlops, copyGBs }: Roofline,
): Rates {
  const peak = precision === 'f16' ? f16GFlops : f32GFlops;
  const gflops = flops / ms / 1e6;
  const gbs = bytes / ms / 1e6;
  if (!peak || !copyGBs) return { gflops, gbs, roofline: null, bound: null };
  const [compute, memory] = [gflops / peak, gbs / copyGBs];
  return {
    gflops,
    gbs,
    roofline: Math.max(compute, memory),
    bound: compute >= memory ? 'compute' : 'memory',
  };
}

/** Bytes of the copy's buffers: more than caches hold. */
export const copyBytes = { gpu: 128 * 2 ** 20, software: 32 * 2 ** 20 } as const;

/** Workgroups of the multiply-adds: enough to fill a GPU several times. */
const multiplyAddWorkgroups = { gpu: 8192, software: 128 } as const;

/** Steps of all chains of a thread together: however many chains there are, the work is the same. */
const totalSteps = 2048;
const threadsPerWorkgroup = 64;
const copyThreads = 256;

/**
 * Chains s = s * a + b of vec4, several per thread so that their latencies hide behind each other. More than one
 * spelling, since compilers differ in what they make of them; the fastest is the roof.
 */
export const multiplyAddKernels = (precision: Precision, { software }: { software: boolean }): Kernel[] =>
  [
    { chains: 4, fused: false },
    { chains: 8, fused: false },
    { chains: 8, fused: true },
  ].map(({ chains, fused }) =>
    multiplyAddKernel(precision, multiplyAddWorkgroups[software ? 'software' : 'gpu'], chains, fused),
  );

function multiplyAddKernel(precision: Precision, workgroups: number, chains: number, fused: boolean): Kernel {
  const type = `vec4<${precision}>`;
  const threads = workgroups * threadsPerWorkgroup;
  const code = wgsl`${header(precision)}
@group(0) @binding(0) var<storage, read> source: array<${type}>;
@group(0) @binding(1) var<storage, read_write> output: array<${type}>;

@compute @workgroup_size(${threadsPerWorkgroup})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  // |a| < 1 keeps the chains bounded.
  let a = source[0] * 0.25 - 0.5;
  let b = source[1];
  let start = ${precision}(id.x % 64u) / 64.0;
  #for c in 0..${chains}
  var s{c} = ${type}(start + {c}.0 / ${chains}.0);
  #end
  for (var i = 0u; i < ${totalSteps / chains}u; i++) {
    #for c in 0..${chains}
    s{c} = ${fused ? 'fma(s{c}, a, b)' : 's{c} * a + b'};
    #end
  }
  output[id.x] = (${Array.from({ length: chains }, (_, c) => `s${c}`).join(' + ')}) / ${chains}.0;
}
`;
  const bytes = precision === 'f16' ? 8 : 16;
  return {
    label: `multiply-add (${chains} chains, ${fused ? 'fma()' : 'a * b + c'})`,
    code,
    bindings: [
      { name: 'source', access: 'read', bytes: 2 * bytes },
      { name: 'output', access: 'read_write', bytes: threads * bytes },
    ],
    shape: {},
    dispatch: [workgroups, 1, 1],
    flops: threads * totalSteps * 4 * 2,
    bytes: threads * bytes,
  };
}

/** One read and one write of each of `bytes` bytes, a multiple of 4096. */
export function copyKernel(bytes: number): Kernel {
  const vectors = bytes / 16;
  const rows = Math.ceil(vectors / copyThreads / 32768);
  const columns = Math.ceil(vectors / copyThreads / rows);
  return {
    label: `copy (${(bytes / 2 ** 20).toFixed(0)} MiB)`,
    code: wgsl`
@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(${copyThreads})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let i = id.y * ${columns * copyThreads}u + id.x;
  if (i < ${vectors}u) { output[i] = source[i]; }
}
`,
    bindings: [
      { name: 'source', access: 'read', bytes },
      { name: 'output', access: 'read_write', bytes },
    ],
    shape: {},
    dispatch: [columns, rows, 1],
    flops: 0,
    bytes: 2 * bytes,
  };
}
