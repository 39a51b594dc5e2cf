/**
 * @file The convolution with tiles of quads (`quad.ts`): the threads of a quad have the same channels and neighbouring pixels.
 * One loop walks over taps and channels, since each loop copies all sums.
 */

import { vectorsOf } from './kernel.ts';
import { quadProducts } from './quad.ts';
import type { QuadTile } from './tile.ts';
import { type LoopSource, place, storeCall, type TileLoop } from './tile-loop.ts';
import { type Precision, wgsl } from './wgsl.ts';

export function quadCode(loop: TileLoop, { pixels, channels }: QuadTile, precision: Precision): string {
  const { planes, sources, outChannels } = loop;
  const vectors = channels / 4;
  const partial = vectorsOf(outChannels) % vectors !== 0;
  return wgsl`
@compute @workgroup_size(4)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_invocation_id) invocation: u32,
) {
  let lane = invocation & 3u;
  let item = id.y * groups.x + id.x;
  let pixels = shape.out_height * shape.out_width;
  let quads = (pixels + ${4 * pixels - 1}u) / ${4 * pixels}u;
  let first = (item % quads * 4u + thread) * ${pixels}u;
  let channel = (item / quads) * ${vectors}u;
  #if ${planes !== undefined}
  let ${planes?.name ?? ''} = id.z;
  #endif
  if (channel >= shape.out_vectors) { return; }
  #for p in 0..${pixels}
  let pixel{p} = min(first + {p}u, pixels - 1u);
  let y{p} = pixel{p} / shape.out_width;
  let x{p} = pixel{p} % shape.out_width;
  #for n in 0..${channels}
  var sum{p}_{n} = 0.0;
  #end
  #end
  ${sources.map((source, s) => sourceLoop(source, s, loop, { pixels, channels }, precision)).join('')}
  // A loop, since the epilogue would be compiled as often as there are sums.
  var sums = array<vec4<f32>, ${pixels * vectors}>(
    ${Array.from({ length: pixels * vectors }, (_, i) => {
      const p = Math.floor(i / vectors);
      const n = 4 * (i % vectors);
      return `vec4<f32>(sum${p}_${n}, sum${p}_${n + 1}, sum${p}_${n + 2}, sum${p}_${n + 3}),`;
    }).join('\n')}
  );
  for (var i = 0u; i < ${pixels * vectors}u; i++) {
    let pixel = first + i / ${vectors}u;
    let vector = channel + i % ${vectors}u;
    if (pixel < pixels${partial ? ' && vector < shape.out_vectors' : ''}) { ${storeCall(planes, 'pixel', 'vector', 'sums[i]')} }
  }
}
`;
}

/** Adds what one source contributes to the sums. */
function sourceLoop(
  source: LoopSource,
  index: number,
  { planes, outHeight, outWidth }: TileLoop,
  { pixels, channels }: Pick<QuadTile, 'pixels' | 'channels'>,
  precision: Precision,
): string {
  const { stride, fractionalStride = 1, prologue = '', planar } = source;
  const { kernelHeight, kernelWidth, top, left, weightStart } = source;
  const planeStart = planar ? `${planes?.name} * height * width * vectors + ` : '';
  const row = place(fractionalStride, 'row{p}', 'height');
  const column = place(fractionalStride, 'column{p}', 'width');
  const single = [kernelHeight, kernelWidth].every((side) => side === '1u');
  // No tap of such a window falls outside.
  const whole =
    single &&
    fractionalStride === 1 &&
    [top, left].every((side) => side === '0u') &&
    (outHeight - 1) * stride < source.height &&
    (outWidth - 1) * stride < source.width;
  const value = (p: number, k: number) => {
    const loaded = `source${index}[base${p} + (lane ^ ${k}u)]`;
    return whole ? loaded : `select(${precision}(), ${loaded}, inside${p})`;
  };
  return wgsl`
  {
    ${prologue}
    // Uniforms are read once: some compilers load them again wherever they stand.
    let height = shape.height${index};
    let width = shape.width${index};
    let vectors = shape.vectors${index};
    let row_1 = shape.out_vectors;
    // The weights of one tap follow those of the one before.
    var weight = ${weightStart} + lane * row_1 + channel;
    var c = 0u;
    #if ${single}
    let tap_y = 0u;
    let tap_x = 0u;
    #else
    var tap_y = 0u;
    var tap_x = 0u;
    #endif
    let steps = ${kernelHeight} * ${kernelWidth} * vectors;
    for (var step = 0u; step < steps; step++) {
      // Above or left of the image the subtraction wraps around, so that one comparison tests both sides.
      #for p in 0..${pixels}
      let row{p} = y{p} * ${stride}u + tap_y - ${top};
      let column{p} = x{p} * ${stride}u + tap_x - ${left};
      #if ${whole}
      let base{p} = (${planeStart}(row{p} * width + column{p}) * vectors + c) * 4u;
      #else
      let inside{p} = ${row.inside} & ${column.inside};
      let base{p} = (select(0u, ${planeStart}(${row.index} * width + ${column.index}) * vectors, inside{p}) + c) * 4u;
      #endif
      #end
      ${quadProducts({ pixels, channels }, 'sum', 'weight', value, precision)}
      weight += 4u * row_1;
      c += 1u;
      #if ${!single}
      // Without branches: a loop that divides would be slower.
      let tap_ends = c == vectors;
      c = select(c, 0u, tap_ends);
      tap_x += select(0u, 1u, tap_ends);
      let row_ends = tap_x == ${kernelWidth};
      tap_x = select(tap_x, 0u, row_ends);
      tap_y += select(0u, 1u, row_ends);
      #endif
    }
  }`;
}
