/**
 * @file The convolution with direct register tiles: no workgroup memory, no barriers.
 * A thread reads `pixels` input vectors and the weights of `channels` outputs from storage and keeps all its sums
 * in registers. Neighbouring threads take neighbouring pixels, so that they read the same weights, or on GPUs first the
 * channels of `lanes` threads, so that what they read stands side by side; threads are numbered over pixels and channels
 * together, so that small maps leave none idle.
 */

import { vectorsOf } from './kernel.ts';
import type { DirectTile } from './tile.ts';
import {
  count,
  type LoopSource,
  multiplyAdd,
  place,
  sourceShape,
  storeCall,
  type TileLoop,
} from './tile-loop.ts';
import { type Precision, wgsl } from './wgsl.ts';

export function directCode(loop: TileLoop, tile: DirectTile, precision: Precision): string {
  const { planes, sources, outChannels, bias, scaled = false, residuals, affine } = loop;
  const vectors = tile.channels / 4;
  const { lanes = 1 } = tile;
  const sums = tile.pixels * vectors;
  const partial = vectorsOf(outChannels) % vectors !== 0;
  const exists = (pixel: string, vector: string) =>
    partial ? `${pixel} < pixels && ${vector} < shape.out_vectors` : `${pixel} < pixels`;
  return wgsl`
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
  let item = id.y * groups.x * 64u + id.x;
  let pixels = shape.out_height * shape.out_width;
  let tiles = (pixels + ${tile.pixels - 1}u) / ${tile.pixels}u;
  #if ${lanes === 1}
  let first = (item % tiles) * ${tile.pixels}u;
  let channel = (item / tiles) * ${vectors}u;
  #else
  let first = (item / ${lanes}u % tiles) * ${tile.pixels}u;
  let channel = (item / ${lanes}u / tiles * ${lanes}u + item % ${lanes}u) * ${vectors}u;
  #endif
  #if ${planes !== undefined}
  let ${planes?.name ?? ''} = id.z;
  #endif
  if (channel >= shape.out_vectors) { return; }
  #for p in 0..${tile.pixels}
  let pixel{p} = min(first + {p}u, pixels - 1u);
  let y{p} = pixel{p} / shape.out_width;
  let x{p} = pixel{p} % shape.out_width;
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
  const row = place(fractionalStride, 'row{p}', 'height');
  const column = place(fractionalStride, 'column{p}', 'width');
  // The image is one vector deep: known, the innermost loop is gone.
  const depth = channels <= 4 ? '1u' : 'vectors';
  return wgsl`
  {
    ${prologue}
    ${sourceShape(index)}
    let row_2 = 2u * row_1;
    let row_3 = 3u * row_1;
    // The weights of one tap follow those of the one before.
    var weight = ${weightStart} + channel;
    for (var tap_y = 0u; tap_y < ${count(kernelHeight)}; tap_y++) {
      // Above or left of the image the subtraction wraps around, so that one comparison tests both sides.
      #for p in 0..${tile.pixels}
      let row{p} = y{p} * ${count(stride)} + tap_y - ${count(top)};
      #end
      for (var tap_x = 0u; tap_x < ${count(kernelWidth)}; tap_x++) {
        #for p in 0..${tile.pixels}
        let column{p} = x{p} * ${count(stride)} + tap_x - ${count(left)};
        let inside{p} = ${row.inside} & ${column.inside};
        let base{p} = select(0u, ${planeStart}(${row.index} * width + ${column.index}) * vectors, inside{p});
        #end
        for (var c = 0u; c < ${depth}; c++) {
          #for p in 0..${tile.pixels}
          let value{p} = select(vec4<${precision}>(), source${index}[base{p} + c], inside{p});
          #end
          #for v in 0..${vectors}
          let w{v}_0 = weights[weight + {v}u];
          #for k in 1..${used}
          let w{v}_{k} = weights[weight + row_{k} + {v}u];
          #end
          #end
          #for p in 0..${tile.pixels}
          #for v in 0..${vectors}
          ${multiplyAdd('sum{p}_{v}', 'value{p}', 'w{v}', precision, used)}
          #end
          #end
          weight += 4u * row_1;
        }
      }
    }
  }`;
}
