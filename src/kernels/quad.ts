/**
 * @file Products for adapters that run the four threads of a quad in the lanes of vector registers and load each lane of
 * each scalar by itself, behind a test of its bounds (SwiftShader): a load costs as much as ten products. The threads of
 * a quad want the same weights, so each reads a quarter of them. Instead of handing them to all, which takes a masked sum,
 * threads swap them: in turn k a thread has the weights of input channel `lane ^ k`, and multiplies them with that
 * channel of its pixels. All is written in scalars, in the order in which products are added up, since the compiler
 * keeps few values in registers.
 */

import { type Precision, wgsl } from './wgsl.ts';

/** What a kernel of quads begins with. */
export const quadHeader = 'enable subgroups;\n';

/** How the weights of input channel `lane ^ k` come to a thread. */
const swaps = ['', 'quadSwapX', 'quadSwapY', 'quadSwapDiagonal'];

/** WGSL: the statements for each lane of a vec4, that is for each of four output channels. */
export const eachOfFour = (statement: (lane: string) => string): string =>
  [...'xyzw'].map(statement).join('\n');

/** WGSL: the four sums of pixel p and vector v as one vector. */
export const quadSum = 'vec4<f32>(sum{p}_{v}_x, sum{p}_{v}_y, sum{p}_{v}_z, sum{p}_{v}_w)';

/**
 * WGSL: for four input channels adds to `sum{p}_{v}_x` to `_w` of every pixel p and vector v of output channels.
 * @param weights index of the vec4 with the first four output channels of the thread's input channel, `lane`.
 * @param value the scalar for input channel `lane ^ k` of pixel `{p}`.
 */
export function quadProducts(
  { pixels, vectors }: { pixels: number; vectors: number },
  weights: string,
  value: (k: number) => string,
  precision: Precision,
): string {
  const ks = [0, 1, 2, 3];
  const terms = (lane: string) => ks.map((k) => `own{v}_${k}.${lane} * value{p}_${k}`).join(' + ');
  const sum = (lane: string) => (precision === 'f16' ? `f32(${terms(lane)})` : terms(lane));
  return wgsl`
  #for p in 0..${pixels}
  ${ks.map((k) => `let value{p}_${k} = ${value(k)};`).join('\n')}
  #end
  #for v in 0..${vectors}
  let own{v}_0 = weights[${weights} + {v}u];
  ${ks
    .slice(1)
    .map((k) => `let own{v}_${k} = ${swaps[k]}(own{v}_0);`)
    .join('\n')}
  #end
  #for v in 0..${vectors}
  ${eachOfFour(
    (lane) => `#for p in 0..${pixels}\nsum{p}_{v}_${lane} = ${sum(lane)} + sum{p}_{v}_${lane};\n#end`,
  )}
  #end`;
}
