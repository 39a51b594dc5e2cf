/**
 * @file The three small shaders around a candidate: fill its inputs with made-up numbers, poison its output, and
 * compare what it wrote with the reference, so that nothing has to go through the CPU. They work on the words of a
 * buffer, whatever its elements are, and need no f16 in WGSL.
 */

import { declare, f32, type Kernel, type Uniforms } from '../kernels/kernel.ts';
import { type Precision, wgsl } from '../kernels/wgsl.ts';

/** Threads of all workgroups together; each takes every so many-th word. */
const threads = 65_536;

/** A NaN in f32 and, twice, in f16: an output that still holds it was never written. */
const poisonWord = '0xffffffffu';

/**
 * The made-up number at an index: a multiple of 1/1024 from -1 to below 1, so that f32 and f16 both hold it exactly.
 * The hash is PCG's output function (O'Neill 2014; as a hash: Jarzynski and Olano, JCGT 2020).
 */
export function madeUpNumber(seed: number, index: number): number {
  const state = (Math.imul(index, 747796405) + seed) >>> 0;
  const word = Math.imul(((state >>> ((state >>> 28) + 4)) ^ state) >>> 0, 277803737) >>> 0;
  const hash = ((word >>> 22) ^ word) >>> 0;
  return ((hash & 2047) - 1024) / 1024;
}

const madeUpNumberCode = wgsl`
fn made_up_number(index: u32) -> f32 {
  let state = index * 747796405u + shape.seed;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  let hash = (word >> 22u) ^ word;
  return f32(i32(hash & 2047u) - 1024) * 0.0009765625;
}
`;

/** Writes {@link madeUpNumber} of `seed` to every element of `words`. */
export function fillKernel(count: number, seed: number, precision: Precision): Kernel {
  const value =
    precision === 'f16'
      ? 'pack2x16float(vec2<f32>(made_up_number(2u * i), made_up_number(2u * i + 1u)))'
      : 'bitcast<u32>(made_up_number(i))';
  return overWords('fill', { count, seed }, ['words'], madeUpNumberCode, `words[i] = ${value};`);
}

/** Writes NaN to every element of `words`. */
export function poisonKernel(count: number): Kernel {
  return overWords('poison', { count }, ['words'], '', `words[i] = ${poisonWord};`);
}

/** What an output may differ by from the reference: absolute + relative |reference|. */
export interface Tolerance {
  absolute: number;
  relative: number;
}

/**
 * Adds to `wrong[0]` the number of words of `actual` that are not finite or not within the tolerance of `expected`.
 * Not finite is told from the bits: compilers may assume that no NaN occurs.
 */
export function compareKernel(count: number, tolerance: Tolerance, precision: Precision): Kernel {
  const code =
    precision === 'f16'
      ? wgsl`
fn differs(found: u32, wanted: u32) -> bool {
  let values = unpack2x16float(wanted);
  let limit = vec2<f32>(shape.absolute) + shape.relative * abs(values);
  return (found & 0x7c00u) == 0x7c00u || (found & 0x7c000000u) == 0x7c000000u
    || any(abs(unpack2x16float(found) - values) > limit);
}`
      : wgsl`
fn differs(found: u32, wanted: u32) -> bool {
  let value = bitcast<f32>(wanted);
  let limit = shape.absolute + shape.relative * abs(value);
  return (found & 0x7f800000u) == 0x7f800000u || abs(bitcast<f32>(found) - value) > limit;
}`;
  return overWords(
    'compare',
    { count, absolute: f32(tolerance.absolute), relative: f32(tolerance.relative) },
    ['actual', 'expected', 'wrong'],
    code,
    'if (differs(actual[i], expected[i])) { atomicAdd(&wrong[0], 1u); }',
  );
}

/** A kernel that does `statement` for every word `i` below `shape.count`. The last buffer is written. */
function overWords(
  label: string,
  shape: Uniforms,
  buffers: readonly string[],
  functions: string,
  statement: string,
): Kernel {
  const { bindings, declarations } = declare(
    buffers.map((name, i) => ({
      name,
      access: i === buffers.length - 1 ? ('read_write' as const) : ('read' as const),
      bytes: 0,
      type: name === 'wrong' ? 'atomic<u32>' : 'u32',
    })),
    shape,
  );
  return {
    label: `tuning: ${label}`,
    code: wgsl`${declarations}
${functions}
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  for (var i = id.x; i < shape.count; i += ${threads}u) {
    ${statement}
  }
}
`,
    bindings,
    shape,
    dispatch: [threads / 64, 1, 1],
    flops: 0,
    bytes: 0,
  };
}
