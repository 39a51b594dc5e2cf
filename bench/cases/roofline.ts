/** @file What the device can do at best, measured in the same run: multiply-adds, and bytes copied. */

import type { Kernel } from '../../src/kernels/kernel.ts';
import { header, type Precision, wgsl } from '../../src/kernels/wgsl.ts';
import type { Case, Expected, Variant } from './case.ts';
import { randomTensor, type Stored, seededRandom, stored } from './numbers.ts';

/** Steps of all chains of a thread together: however many chains there are, the work is the same. */
const totalSteps = 2048;
const threadsPerWorkgroup = 64;
/** Vectors of a copy's workgroup. */
const copyThreads = 256;

/**
 * Chains s = s * a + b of vec4, several per thread so that their latencies hide behind each other. Both spellings
 * are tried, since compilers differ in what they make of them; the fastest is the roof.
 */
export function multiplyAddCase(precision: Precision, workgroups: number): Case {
  const spellings = [
    { chains: 4, fused: false },
    { chains: 8, fused: false },
    { chains: 8, fused: true },
  ];
  return {
    name: 'multiply-add',
    group: 'roofline',
    size: null,
    precision,
    layers: [],
    showAll: true,
    prepare() {
      const random = seededRandom(7);
      const values = randomTensor(8, random, precision);
      // |a| < 1 keeps the chains bounded, and errors too.
      for (let i = 0; i < 4; i++) values[i] = -0.5 - 0.25 * Math.abs(values[i]);
      const source = stored(values, precision);
      const count = workgroups * threadsPerWorkgroup * 4;
      return {
        variants: spellings.map(({ chains, fused }, i) => ({
          name: `${chains} chains, ${fused ? 'fma()' : 'a * b + c'}`,
          isDefault: i === 0,
          kernel: multiplyAddKernel(precision, workgroups, chains, fused),
          data: { source },
        })),
        reference: {
          outputs: { output: { count, precision, at: (index) => chainEnd(values, index % 4) } },
          tolerance: precision === 'f16' ? 2e-2 : 1e-5,
        },
      };
    },
  };
}

/** Where a chain ends: after so many steps it has forgotten where it began. */
function chainEnd(values: Float32Array, lane: number): Expected {
  let s = 0;
  for (let i = 0; i < totalSteps / 8; i++) s = s * values[lane] + values[4 + lane];
  return { value: s, scale: 1 };
}

function multiplyAddKernel(precision: Precision, workgroups: number, chains: number, fused: boolean): Kernel {
  const type = `vec4<${precision}>`;
  const threads = workgroups * threadsPerWorkgroup;
  const code = wgsl`${header(precision)}
@group(0) @binding(0) var<storage, read> source: array<${type}>;
@group(0) @binding(1) var<storage, read_write> output: array<${type}>;

@compute @workgroup_size(${threadsPerWorkgroup})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let a = source[0];
  let b = source[1];
  let start = ${precision}(id.x % 64u) / 64.0;
  #for c in 0..${chains}
  var s{c} = ${type}(start + {c}.0 / ${chains}.0);
  #end
  for (var i = 0u; i < ${totalSteps / chains}u; i++) {
    #for c in 0..${chains}
    #if ${fused}
    s{c} = fma(s{c}, a, b);
    #else
    s{c} = s{c} * a + b;
    #endif
    #end
  }
  output[id.x] = (${Array.from({ length: chains }, (_, c) => `s${c}`).join(' + ')}) / ${chains}.0;
}
`;
  const bytes = precision === 'f16' ? 8 : 16;
  return {
    label: `${chains} chains`,
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

/** One read and one write of every byte of buffers that no cache holds. */
export function copyCase(bytes: number): Case {
  return {
    name: 'copy',
    group: 'roofline',
    size: null,
    precision: 'f32',
    layers: [],
    prepare() {
      const random = seededRandom(8);
      const source: Stored = new Float32Array(bytes / 4);
      for (let i = 0; i < source.length; i++) source[i] = i % 4096 === 0 ? random() : source[i - 1] + 1;
      const vectors = bytes / 16;
      const rows = Math.ceil(vectors / copyThreads / 32768);
      const columns = Math.ceil(vectors / copyThreads / rows);
      const variant: Variant = {
        name: `${bytes / 2 ** 20} MiB`,
        isDefault: true,
        data: { source },
        kernel: {
          label: 'copy',
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
        },
      };
      const at = (index: number): Expected => ({ value: source[index], scale: Math.abs(source[index]) });
      return {
        variants: [variant],
        reference: { outputs: { output: { count: bytes / 4, precision: 'f32', at } }, tolerance: 0 },
      };
    },
  };
}
