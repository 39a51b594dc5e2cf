/**
 * @file The convolution with tiles of quads (`quad.ts`): the threads of a quad have the same channels and neighbouring pixels.
 * One loop walks over taps and channels, since each loop copies all sums.
 */

import { type F32, vectorsOf } from './kernel.ts';
import { eachOfFour, quadProducts, quadSum } from './quad.ts';
import type { QuadTile } from './tile.ts';
import {
  type Count,
  count,
  type LoopSource,
  place,
  plane,
  sourceShape,
  storeCall,
  type TileLoop,
} from './tile-loop.ts';
import { type Precision, wgsl } from './wgsl.ts';

/**
 * The loop as quads have it: the numbers of windows stand in the uniform, and what has no planes has one, as products
 * have, so that layers share pipelines: an adapter that is fast with quads takes long to compile.
 */
export function quadLoop(loop: TileLoop): TileLoop {
  const { planes, sources } = loop;
  const uniforms: Record<string, number | F32> = { ...loop.uniforms };
  const quadSource = (source: LoopSource, index: number): LoopSource => {
    const inUniform = (name: string, value: Count): Count => {
      if (typeof value === 'number') uniforms[`${name}${index}`] = value;
      return typeof value === 'number' ? `shape.${name}${index}` : value;
    };
    const { kernelHeight, kernelWidth, stride, top, left } = source;
    const own = planes ? source : { ...source, planar: true };
    if (isWhole(source, loop)) {
      const weightStart = planes || sources.length > 1 ? source.weightStart : plane.weightStart;
      return { ...own, weightStart, stride: inUniform('stride', stride) };
    }
    return {
      ...own,
      kernelHeight: inUniform('kernel_height', kernelHeight),
      kernelWidth: inUniform('kernel_width', kernelWidth),
      stride: inUniform('stride', stride),
      top: inUniform('top', top),
      left: inUniform('left', left),
    };
  };
  return {
    ...loop,
    planes: planes ?? { name: plane.name, count: 1 },
    sources: sources.map(quadSource),
    uniforms,
  };
}

/** True where the window is a single pixel that never falls outside. */
const isWhole = (source: LoopSource, { outHeight, outWidth }: TileLoop): boolean => {
  const { kernelHeight, kernelWidth, top, left, stride, fractionalStride, height, width } = source;
  return (
    [kernelHeight, kernelWidth].every((side) => side === 1) &&
    [top, left].every((padding) => padding === 0) &&
    fractionalStride !== 2 &&
    (outHeight - 1) * Number(stride) < height &&
    (outWidth - 1) * Number(stride) < width
  );
};

/** @param loop of {@link quadLoop}. */
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
  let ${planes?.name ?? ''} = id.z;
  if (channel >= shape.out_vectors) { return; }
  #for p in 0..${pixels}
  let pixel{p} = min(first + {p}u, pixels - 1u);
  let y{p} = pixel{p} / shape.out_width;
  let x{p} = pixel{p} % shape.out_width;
  #for v in 0..${vectors}
  ${eachOfFour((lane) => `var sum{p}_{v}_${lane} = 0.0;`)}
  #end
  #end
  ${sources.map((source, s) => sourceLoop(source, s, loop, { pixels, vectors }, precision)).join('')}
  // A loop, since the epilogue would be compiled as often as there are sums.
  var sums = array<vec4<f32>, ${pixels * vectors}>(
    #for p in 0..${pixels}
    #for v in 0..${vectors}
    ${quadSum},
    #end
    #end
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
  { planes }: TileLoop,
  { pixels, vectors }: { pixels: number; vectors: number },
  precision: Precision,
): string {
  const { stride, fractionalStride = 1, prologue = '', planar, weightStart } = source;
  const { kernelHeight, kernelWidth, top, left } = source;
  const planeStart = planar ? `${planes?.name} * height * width * vectors + ` : '';
  // The numbers of such a window are no expressions.
  const whole = typeof kernelHeight === 'number';
  const row = place(fractionalStride, 'row{p}', 'height');
  const column = place(fractionalStride, 'column{p}', 'width');
  const value = (k: number) => {
    const loaded = `source${index}[base{p} + (lane ^ ${k}u)]`;
    return whole ? loaded : `select(${precision}(), ${loaded}, inside{p})`;
  };
  return wgsl`
  {
    ${prologue}
    ${sourceShape(index)}
    let stride = ${count(stride)};
    // The weights of one tap follow those of the one before.
    var weight = ${weightStart} + lane * row_1 + channel;
    #if ${whole}
    for (var c = 0u; c < vectors; c++) {
      #for p in 0..${pixels}
      let base{p} = (${planeStart}(y{p} * stride * width + x{p} * stride) * vectors + c) * 4u;
      #end
    #else
    let taps_in_row = ${count(kernelWidth)};
    let steps = ${count(kernelHeight)} * taps_in_row * vectors;
    let padding_top = ${count(top)};
    let padding_left = ${count(left)};
    var c = 0u;
    var tap_y = 0u;
    var tap_x = 0u;
    for (var step = 0u; step < steps; step++) {
      // Above or left of the image the subtraction wraps around, so that one comparison tests both sides.
      #for p in 0..${pixels}
      let row{p} = y{p} * stride + tap_y - padding_top;
      let column{p} = x{p} * stride + tap_x - padding_left;
      let inside{p} = ${row.inside} & ${column.inside};
      let base{p} = (select(0u, ${planeStart}(${row.index} * width + ${column.index}) * vectors, inside{p}) + c) * 4u;
      #end
    #endif
      ${quadProducts({ pixels, vectors }, 'weight', value, precision)}
      weight += 4u * row_1;
      #if ${!whole}
      // Without branches and divisions, which are slow.
      c += 1u;
      let tap_ends = c == vectors;
      c = select(c, 0u, tap_ends);
      tap_x += select(0u, 1u, tap_ends);
      let row_ends = tap_x == taps_in_row;
      tap_x = select(tap_x, 0u, row_ends);
      tap_y += select(0u, 1u, row_ends);
      #endif
    }
  }`;
}
