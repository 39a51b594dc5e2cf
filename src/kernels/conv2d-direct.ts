/**
 * @file The convolution with direct register tiles: no workgroup memory, no barriers.
 * A thread reads `pixels` input vectors and the weights of `channels` outputs from storage and keeps all its sums
 * in registers. Neighbouring threads take neighbouring pixels, so that they read the same weights, or on GPUs first the
 * channels of `lanes` threads, so that what they read stands side by side; threads are numbered over pixels and channels
 * together, so that small maps leave none idle.
 */

import { vectorsOf } from './kernel.ts';
import type { DirectTile } from './tile.ts';
import { type LoopSource, multiplyAdd, place, storeCall, type TileLoop } from './tile-loop.ts';
import { type Precision, wgsl } from './wgsl.ts';

export function directCode(loop: TileLoop, tile: DirectTile, precision: Precision): string {
  const { planes, sources, outChannels, bias, scaled = false, residuals, affine } = loop;
  const vectors = tile.channels / 4;
  const { lanes = 1, quad = false, row = false } = tile;
  const sums = tile.pixels * vectors;
  const partial = vectorsOf(outChannels) % vectors !== 0;
  const exists = (pixel: string, vector: string) =>
    [
      row ? `first < pixels && x + ${pixel} - first < shape.out_width` : `${pixel} < pixels`,
      ...(partial ? [`${vector} < shape.out_vectors`] : []),
    ].join(' && ');
  return wgsl`
#if ${quad}
@compute @workgroup_size(4)
fn main(
  @builtin(workgroup_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) thread: u32,
  @builtin(subgroup_invocation_id) lane: u32,
) {
  let item = id.y * groups.x + id.x;
  #else
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  #endif
  let pixels = shape.out_height * shape.out_width;
  #if ${row}
  let row_tiles = (shape.out_width + ${tile.pixels - 1}u) / ${tile.pixels}u;
  let quads = (shape.out_height * row_tiles + 3u) / 4u;
  let y = (item % quads * 4u + thread) / row_tiles;
  let x = (item % quads * 4u + thread) % row_tiles * ${tile.pixels}u;
  let first = y * shape.out_width + x;
  let channel = (item / quads) * ${vectors}u;
  #elif ${quad}
  let quads = (pixels + ${4 * tile.pixels - 1}u) / ${4 * tile.pixels}u;
  let first = (item % quads * 4u + thread) * ${tile.pixels}u;
  let channel = (item / quads) * ${vectors}u;
  #elif ${lanes === 1}
  let tiles = (pixels + ${tile.pixels - 1}u) / ${tile.pixels}u;
  let first = (item % tiles) * ${tile.pixels}u;
  let channel = (item / tiles) * ${vectors}u;
  #else
  let tiles = (pixels + ${tile.pixels - 1}u) / ${tile.pixels}u;
  let first = (item / ${lanes}u % tiles) * ${tile.pixels}u;
  let channel = (item / ${lanes}u / tiles * ${lanes}u + item % ${lanes}u) * ${vectors}u;
  #endif
  #if ${planes !== undefined}
  let ${planes?.name ?? ''} = id.z;
  #endif
  if (channel >= shape.out_vectors) { return; }
  #for p in 0..${tile.pixels}
  #if ${row}
  let pixel{p} = first + {p}u;
  let y{p} = y;
  let x{p} = x + {p}u;
  #else
  let pixel{p} = min(first + {p}u, pixels - 1u);
  let y{p} = pixel{p} / shape.out_width;
  let x{p} = pixel{p} % shape.out_width;
  #endif
  #for v in 0..${vectors}
  var sum{p}_{v} = vec4<f32>();
  #end
  #end

  ${sources.map((source, s) => sourceLoop(source, s, loop, tile, precision)).join('')}

  #if ${bias || scaled || residuals.length > 0 || affine !== undefined}
  // A loop, since the epilogue is long and would be compiled as often as there are sums.
  var sums = array<vec4<f32>, ${sums}>(
    #for p in 0..${tile.pixels}
    #for v in 0..${vectors}
    sum{p}_{v},
    #end
    #end
  );
  for (var i = 0u; i < ${sums}u; i++) {
    let pixel = first + i / ${vectors}u;
    let vector = channel + i % ${vectors}u;
    if (${exists('pixel', 'vector')}) { ${storeCall(planes, 'pixel', 'vector', 'sums[i]')} }
  }
  #else
  #for p in 0..${tile.pixels}
  #for v in 0..${vectors}
  if (${exists('first + {p}u', 'channel + {v}u')}) { ${storeCall(planes, 'pixel{p}', 'channel + {v}u', 'sum{p}_{v}')} }
  #end
  #end
  #endif
}
`;
}

/** Adds what one source contributes to the sums. */
function sourceLoop(
  source: LoopSource,
  index: number,
  { planes }: TileLoop,
  tile: DirectTile,
  precision: Precision,
): string {
  const { channels, stride, fractionalStride = 1, prologue = '' } = source;
  const { kernelHeight, kernelWidth, top, left, weightStart, planar } = source;
  const planeStart = planar ? `${planes?.name} * height * width * vectors + ` : '';
  const vectors = tile.channels / 4;
  const used = Math.min(channels, 4);
  // Of a row's neighbours the windows are read together, and their taps stand one after the other.
  const held = tile.row && fractionalStride === 1 ? source.side : undefined;
  const taps = held ?? 1;
  const values = held === undefined ? tile.pixels : (tile.pixels - 1) * stride + taps;
  const row = place(fractionalStride, held === undefined ? 'row{p}' : 'row0', 'height');
  const column = place(fractionalStride, 'column{p}', 'width');
  const firstColumn = held === undefined ? `x{p} * ${stride}u + tap_x` : `x * ${stride}u + {p}u`;
  // The image is one vector deep: known, the innermost loop is gone.
  const depth = channels <= 4 ? '1u' : 'vectors';
  /** The products of a tap of four input channels. */
  const products = (tap: number) => {
    const at = tap === 0 ? 'weight' : `weight + ${4 * tap}u * vectors * row_1`;
    return wgsl`
          #for v in 0..${vectors}
          #if ${tile.quad === true}
          let own{v} = weights[${at} + (lane & 3u) * row_1 + {v}u];
          #for k in 0..${used}
          let w{v}_{k} = quadBroadcast(own{v}, {k}u);
          #end
          #else
          let w{v}_0 = weights[${at} + {v}u];
          #for k in 1..${used}
          let w{v}_{k} = weights[${at} + row_{k} + {v}u];
          #end
          #endif
          #end
          ${Array.from(
            { length: tile.pixels },
            (_, p) => wgsl`
          #for v in 0..${vectors}
          ${multiplyAdd(`sum${p}_{v}`, `value${held === undefined ? p : p * stride + tap}`, 'w{v}', precision, used)}
          #end`,
          ).join('\n')}`;
  };
  return wgsl`
  {
    ${prologue}
    // Uniforms are read once: some compilers load them again wherever they stand.
    let height = shape.height${index};
    let width = shape.width${index};
    let vectors = shape.vectors${index};
    let row_1 = shape.out_vectors;
    let row_2 = 2u * row_1;
    let row_3 = 3u * row_1;
    // The weights of one tap follow those of the one before.
    var weight = ${weightStart} + channel;
    for (var tap_y = 0u; tap_y < ${kernelHeight}; tap_y++) {
      // Above or left of the image the subtraction wraps around, so that one comparison tests both sides.
      #for p in 0..${held === undefined ? tile.pixels : 1}
      let row{p} = y{p} * ${stride}u + tap_y - ${top};
      #end
      for (var tap_x = 0u; tap_x < ${held === undefined ? kernelWidth : '1u'}; tap_x++) {
        #for p in 0..${values}
        let column{p} = ${firstColumn} - ${left};
        let inside{p} = ${row.inside} & ${column.inside};
        let base{p} = select(0u, ${planeStart}(${row.index} * width + ${column.index}) * vectors, inside{p});
        #end
        for (var c = 0u; c < ${depth}; c++) {
          #for p in 0..${values}
          let value{p} = select(vec4<${precision}>(), source${index}[base{p} + c], inside{p});
          #end
          ${held === undefined ? products(0) : Array.from({ length: taps }, (_, tap) => `{\n${products(tap)}\n}`).join('\n')}
          weight += 4u * row_1;
        }
        #if ${taps > 1}
        weight += ${4 * (taps - 1)}u * vectors * row_1;
        #endif
      }
    }
  }`;
}
