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

/**
 * WGSL: for four input channels adds to `${sum}{p}_{n}` of every pixel p and output channel n.
 * @param weights index of the vec4 with the first four output channels of the thread's input channel, `lane`.
 * @param value the scalar for a pixel's input channel `lane ^ k`.
 */
export function quadProducts(
  { pixels, channels }: { pixels: number; channels: number },
  sum: string,
  weights: string,
  value: (pixel: number, k: number) => string,
  precision: Precision,
): string {
  const ks = [0, 1, 2, 3];
  const sums = Array.from({ length: channels }, (_, n) => {
    const terms = ks.map((k) => `own${n >> 2}_${k}.${'xyzw'[n & 3]} * value{p}_${k}`).join(' + ');
    return `${sum}{p}_${n} = ${precision === 'f16' ? `f32(${terms})` : terms} + ${sum}{p}_${n};`;
  });
  return wgsl`
  ${Array.from({ length: pixels }, (_, p) => ks.map((k) => `let value${p}_${k} = ${value(p, k)};`).join('\n')).join('\n')}
  #for v in 0..${channels / 4}
  let own{v}_0 = weights[${weights} + {v}u];
  ${ks
    .slice(1)
    .map((k) => `let own{v}_${k} = ${swaps[k]}(own{v}_0);`)
    .join('\n')}
  #end
  ${sums.map((line) => `#for p in 0..${pixels}\n${line}\n#end`).join('\n')}`;
}
