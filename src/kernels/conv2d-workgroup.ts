/**
 * @file The convolution with workgroup tiles: blocks of pixels and of weights go through workgroup memory and are
 * shared by all threads of the workgroup; each thread keeps `pixels` x `channels` sums in registers.
 * Needs input channels that are a multiple of `blockDepth` and output channels that are one of `blockChannels`.
 */

import { tileThreads, type WorkgroupTile } from './tile.ts';
import { type Gemm, type LoopSource, multiplyAdd, place, storeCall, type TileLoop } from './tile-loop.ts';
import { type Precision, wgsl } from './wgsl.ts';

/** True where the tile fits the channels. */
export const fitsWorkgroupTile = ({ outChannels, channels }: Gemm, tile: WorkgroupTile): boolean =>
  outChannels % tile.blockChannels === 0 && channels.every((count) => count % tile.blockDepth === 0);

export function workgroupCode(loop: TileLoop, tile: WorkgroupTile, precision: Precision): string {
  const { planes, sources } = loop;
  const vectors = tile.channels / 4;
  const columns = tile.blockChannels / tile.channels;
  const rows = tile.blockPixels / tile.pixels;
  return wgsl`
// Blocks of 4 input channels one after the other, each padded by one against bank conflicts; and their weights.
var<workgroup> block_pixels: array<vec4<${precision}>, ${(tile.blockDepth / 4) * (tile.blockPixels + 1)}>;
var<workgroup> block_weights: array<vec4<${precision}>, ${(tile.blockDepth * tile.blockChannels) / 4}>;

@compute @workgroup_size(${tileThreads(tile)})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let first = group.x * ${tile.blockPixels}u;
  let channel = group.y * ${tile.blockChannels / 4}u;
  #if ${planes !== undefined}
  let ${planes?.name ?? ''} = group.z;
  #endif
  // This thread computes pixels row, row + ${rows}, ... and vectors of channels column, column + ${columns}, ...
  let row = thread / ${columns}u;
  let column = thread % ${columns}u;
  #for p in 0..${tile.pixels}
  #for v in 0..${vectors}
  var sum{p}_{v} = vec4<f32>();
  #end
  #end

  ${sources.map((source, s) => sourceLoop(source, s, loop, tile, precision)).join('')}

  #for p in 0..${tile.pixels}
  {
    let pixel = first + row + {p}u * ${rows}u;
    if (pixel < shape.out_height * shape.out_width) {
      #for v in 0..${vectors}
      ${storeCall(planes, 'pixel', `channel + column + {v}u * ${columns}u`, 'sum{p}_{v}')}
      #end
    }
  }
  #end
}
`;
}

/** Adds what one source contributes to the sums. */
function sourceLoop(
  source: LoopSource,
  index: number,
  { planes }: TileLoop,
  tile: WorkgroupTile,
  precision: Precision,
): string {
  const { stride, fractionalStride = 1, prologue = '' } = source;
  const { taps, kernelWidth, top, left, weightStart, planar } = source;
  const planeStart = planar ? `${planes?.name} * height * width * vectors + ` : '';
  const threads = tileThreads(tile);
  const vectors = tile.channels / 4;
  const blockVectors = tile.blockChannels / 4;
  const columns = tile.blockChannels / tile.channels;
  const rows = tile.blockPixels / tile.pixels;
  const depth = tile.blockDepth / 4;
  const pixelVectors = tile.blockPixels * depth;
  const pitch = tile.blockPixels + 1;
  const unroll = tile.unroll ?? 1;
  const sourceRow = place(fractionalStride, 'row{l}', 'height');
  const sourceColumn = place(fractionalStride, 'column{l}', 'width');
  const loadPixels = `block_pixels[(slot{l} % ${depth}u) * ${pitch}u + slot{l} / ${depth}u] = select(vec4<${precision}>(), source${index}[base{l} + c], inside{l});`;
  const slot = `(thread + {l}u * ${threads}u)`;
  const loadWeights = `block_weights[thread + {l}u * ${threads}u] = weights[weight + (c * 4u + ${slot} / ${blockVectors}u) * out_vectors + ${slot} % ${blockVectors}u];`;
  return wgsl`
  {
    ${prologue}
    // Uniforms are read once: some compilers load them again wherever they stand.
    let height = shape.height${index};
    let width = shape.width${index};
    let vectors = shape.vectors${index};
    let out_vectors = shape.out_vectors;
    // Which pixel and which slice of the depth this thread loads: fixed for the whole loop.
    #for l in 0..${Math.ceil(pixelVectors / threads)}
    let slot{l} = thread + {l}u * ${threads}u;
    let pixel{l} = first + slot{l} / ${depth}u;
    let y{l} = pixel{l} / shape.out_width;
    let x{l} = pixel{l} % shape.out_width;
    #end
    for (var tap = 0u; tap < ${taps}; tap++) {
      // Where the tap falls in the source; above or left of it the subtraction wraps around.
      #for l in 0..${Math.ceil(pixelVectors / threads)}
      let row{l} = y{l} * ${stride}u + tap / ${kernelWidth} - ${top};
      let column{l} = x{l} * ${stride}u + tap % ${kernelWidth} - ${left};
      let inside{l} = ${sourceRow.inside} & ${sourceColumn.inside} & (y{l} < shape.out_height);
      let base{l} = select(0u, ${planeStart}(${sourceRow.index} * width + ${sourceColumn.index}) * vectors + slot{l} % ${depth}u, inside{l});
      #end
      let weight = ${weightStart} + tap * 4u * vectors * out_vectors + channel;
      for (var c = 0u; c < vectors; c += ${depth}u) {
        workgroupBarrier();
        ${shared(pixelVectors, threads, loadPixels)}
        ${shared(tile.blockDepth * blockVectors, threads, loadWeights)}
        workgroupBarrier();
        for (var k = 0u; k < ${depth}u; k += ${unroll}u) {
          #for u in 0..${unroll}
          {
            let slice = k + {u}u;
            #for v in 0..${vectors}
            #for r in 0..4
            let w{v}_{r} = block_weights[(slice * 4u + {r}u) * ${blockVectors}u + column + {v}u * ${columns}u];
            #end
            #end
            #for p in 0..${tile.pixels}
            {
              let value = block_pixels[slice * ${pitch}u + row + {p}u * ${rows}u];
              #for v in 0..${vectors}
              ${multiplyAdd('sum{p}_{v}', 'value', 'w{v}', precision)}
              #end
            }
            #end
          }
          #end
        }
      }
    }
  }`;
}

/** `statement` for each of `count` items `l`, of which a thread takes every `threads`-th. */
function shared(count: number, threads: number, statement: string): string {
  const rounds = Math.floor(count / threads);
  return wgsl`
  #for l in 0..${rounds}
  ${statement}
  #end
  #if ${count % threads > 0}
  if (thread + ${rounds * threads}u < ${count}u) {
    ${statement.replaceAll('{l}', String(rounds))}
  }
  #endif`;
}
