/**
 * @file The convolution with workgroup tiles: blocks of pixels and of weights go through workgroup memory and are
 * shared by all threads of the workgroup; each thread keeps `pixels` x `channels` sums in registers.
 * Channels that fill no whole block are rounded up to one: what is too much of the weights is zero, what is too much of
 * the outputs is not written.
 *
 * Two latencies are hidden. The next block is loaded from storage into registers while this one is multiplied, and
 * what the next products need is read from workgroup memory before these products. So that each of those reads is a
 * whole vec4, pixels are stored transposed: four pixels of one channel side by side.
 */

import { vectorsOf } from './kernel.ts';
import { tileThreads, type WorkgroupTile, workgroupMemory } from './tile.ts';
import { count, type LoopSource, place, storeCall, type TileLoop } from './tile-loop.ts';
import { type Precision, wgsl } from './wgsl.ts';

export function workgroupCode(loop: TileLoop, tile: WorkgroupTile, precision: Precision): string {
  const { planes, sources, outChannels } = loop;
  const { blockPixels, blockDepth, slices = 1 } = tile;
  const type = `vec4<${precision}>`;
  const threads = tileThreads(tile);
  const vectors = tile.channels / 4;
  const quads = tile.pixels / 4;
  const blockVectors = tile.blockChannels / 4;
  const columns = tile.blockChannels / tile.channels;
  const rows = blockPixels / tile.pixels;
  const depth = blockDepth / 4;
  const memory = workgroupMemory(tile);
  const { pitch } = memory;
  // What the threads load: squares of 4 pixels x 4 channels, and vec4s of weights.
  const squares = (blockPixels / 4) * depth;
  const squareRounds = Math.ceil(squares / threads);
  const weightRounds = Math.ceil(memory.weights / threads);
  // Whether blocks hang over the channels.
  const overDepth = sources.some(({ channels }) => vectorsOf(channels) % depth !== 0);
  const overChannels = vectorsOf(outChannels) % blockVectors !== 0;

  /** The sources' variants of a statement; `source` says which of them the loop has come to. */
  const bySource = (statement: (source: LoopSource, index: number) => string): string =>
    sources.length === 1
      ? statement(sources[0], 0)
      : `switch source {\n${sources.map((source, s) => `${s === 0 ? 'default' : `case ${s}u`}: {\n${statement(source, s)}\n}`).join('\n')}\n}`;

  const findPlaces = bySource((source, index) =>
    findPlace(source, index, planes?.name, { squares, rounds: squareRounds, threads, depth, type }),
  );
  // Each load has a condition of its own: after a branch around several, some compilers wait for all of them.
  const load = wgsl`
    ${sources
      .map(
        (_, index) => wgsl`
    #for l in 0..${squareRounds}
    #for i in 0..4
    if (inside{l}_{i}${sources.length > 1 ? ` & (source == ${index}u)` : ''}) { next{l}_{i} = source${index}[base{l}_{i} + c]; }
    #end
    #end`,
      )
      .join('\n')}
    #for l in 0..${weightRounds}
    #if ${overDepth}
    // Rows that follow are another tap's.
    next_weight{l} = select(${type}(), weights[weight + weight_at{l}], weight_row{l} < (vectors - c) * 4u);
    #else
    next_weight{l} = weights[weight + weight_at{l}];
    #endif
    #end`;

  // Channels that are multiplied in one step. In f16 their products are summed in f16 and the sum is added in f32.
  const step = precision === 'f16' ? 4 : 1;
  const steps = blockDepth / slices / step;
  const read = (k: number): string =>
    Array.from({ length: step }, (_, r) => {
      const channel = k * step + r;
      const line = (channel % 4) * depth + Math.floor(channel / 4);
      return wgsl`
      #for m in 0..${quads}
      let a${k}_${r}_{m} = block_pixels[pixel_at + ${line * pitch}u + {m}u * ${rows}u];
      #end
      #for v in 0..${vectors}
      let b${k}_${r}_{v} = block_weights[weights_at + ${channel * blockVectors}u + {v}u * ${columns}u];
      #end`;
    }).join('');
  const multiply = (k: number): string =>
    [...'xyzw']
      .map((pixel, i) => {
        const terms = Array.from({ length: step }, (_, r) => `a${k}_${r}_{m}.${pixel} * b${k}_${r}_{v}`);
        return wgsl`
      #for m in 0..${quads}
      #for v in 0..${vectors}
      sum{m}_${i}_{v} += ${precision === 'f16' ? `vec4<f32>(${terms.join(' + ')})` : terms[0]};
      #end
      #end`;
      })
      .join('');

  const storePixel = (p: number): string => wgsl`
  let pixel = first + (row + ${p >> 2}u * ${rows}u) * 4u + ${p % 4}u;
  if (pixel < shape.out_height * shape.out_width) {
    #for v in 0..${vectors}
    ${guarded(
      overChannels,
      `channel + column + {v}u * ${columns}u < shape.out_vectors`,
      storeCall(planes, 'pixel', `channel + column + {v}u * ${columns}u`, `sum${p >> 2}_${p % 4}_{v}`),
    )}
    #end
  }`;
  /** One pixel of each thread: slices take turns at adding up what the others have. */
  const finish = (p: number): string => {
    const sum = `sum${p >> 2}_${p % 4}_{v}`;
    if (slices === 1) return `{\n${storePixel(p)}\n}`;
    return wgsl`
  {
    let turn = (slice + ${slices - (p % slices)}u) % ${slices}u;
    if (turn > 0u) {
      #for v in 0..${vectors}
      slice_sums[((turn - 1u) * ${vectors}u + {v}u) * ${rows * columns}u + place] = ${sum};
      #end
    }
    workgroupBarrier();
    if (turn == 0u) {
      #for s in 0..${slices - 1}
      #for v in 0..${vectors}
      ${sum} += slice_sums[{s}u * ${vectors * rows * columns}u + {v}u * ${rows * columns}u + place];
      #end
      #end
      ${storePixel(p)}
    }
    workgroupBarrier();
  }`;
  };

  return wgsl`
// A row for each input channel of the block: its pixels, four in a vec4. The channels 0, 4, 8, ... come first.
var<workgroup> block_pixels: array<${type}, ${memory.pixels}>;
var<workgroup> block_weights: array<${type}, ${memory.weights}>;
#if ${slices > 1}
var<workgroup> slice_sums: array<vec4<f32>, ${memory.sums}>;
#endif

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let first = group.x * ${blockPixels}u;
  let channel = group.y * ${blockVectors}u;
  #if ${planes !== undefined}
  let ${planes?.name ?? ''} = group.z;
  #endif
  // This thread computes the pixels of quads row, row + ${rows}, ... and vectors of channels column, column + ${columns}, ...
  #if ${slices > 1}
  // from a slice of the block's input channels: there are ${slices}.
  let slice = thread / ${rows * columns}u;
  let place = thread % ${rows * columns}u;
  #else
  let slice = 0u;
  let place = thread;
  #endif
  let row = place / ${columns}u;
  let column = place % ${columns}u;
  let pixel_at = slice * ${(depth / slices) * pitch}u + row;
  let weights_at = slice * ${(blockDepth / slices) * blockVectors}u + column;
  #for m in 0..${quads}
  #for i in 0..4
  #for v in 0..${vectors}
  var sum{m}_{i}_{v} = vec4<f32>();
  #end
  #end
  #end

  // What this thread loads: of four pixels the same vector of channels.
  #for l in 0..${squareRounds}
  let square{l} = thread + {l}u * ${threads}u;
  #for i in 0..4
  let pixel{l}_{i} = first + square{l} / ${depth}u * 4u + {i}u;
  let y{l}_{i} = pixel{l}_{i} / shape.out_width;
  let x{l}_{i} = pixel{l}_{i} % shape.out_width;
  var inside{l}_{i}: bool;
  var base{l}_{i}: u32;
  var next{l}_{i}: ${type};
  #end
  #end
  // And of the weights.
  let out_vectors = shape.out_vectors;
  #for l in 0..${weightRounds}
  #if ${overDepth}
  let weight_row{l} = (thread + {l}u * ${threads}u) / ${blockVectors}u;
  #endif
  #if ${overChannels}
  let weight_at{l} = (thread + {l}u * ${threads}u) / ${blockVectors}u * out_vectors + min((thread + {l}u * ${threads}u) % ${blockVectors}u, out_vectors - 1u - channel);
  #else
  let weight_at{l} = (thread + {l}u * ${threads}u) / ${blockVectors}u * out_vectors + (thread + {l}u * ${threads}u) % ${blockVectors}u;
  #endif
  var next_weight{l}: ${type};
  #end

  ${sources.map(({ prologue = '' }) => prologue).join('\n')}
  // One loop through all sources, the taps of their windows and the blocks of their channels; the weights lie in this order.
  let blocks = ${sources.map(({ taps }, s) => `${count(taps)} * (${overDepth ? `(shape.vectors${s} + ${depth - 1}u)` : `shape.vectors${s}`} / ${depth}u)`).join(' + ')};
  #if ${sources.length > 1}
  var source = 0u;
  #endif
  var vectors = shape.vectors0;
  var tap = 0u;
  var c = 0u;
  var weight = ${sources[0].weightStart} + channel;
  ${findPlaces}
  ${load}
  for (var block = 0u; block < blocks; block++) {
    workgroupBarrier();
    #for l in 0..${squareRounds}
    ${guarded(
      squareRounds * threads > squares,
      `square{l} < ${squares}u`,
      [...'xyzw']
        .map(
          (component, i) =>
            `block_pixels[${i * depth * pitch}u + square{l} % ${depth}u * ${pitch}u + square{l} / ${depth}u] = ${type}(next{l}_0.${component}, next{l}_1.${component}, next{l}_2.${component}, next{l}_3.${component});`,
        )
        .join('\n'),
    )}
    #end
    #for l in 0..${weightRounds}
    ${guarded(
      weightRounds * threads > memory.weights,
      `thread + {l}u * ${threads}u < ${memory.weights}u`,
      `block_weights[thread + {l}u * ${threads}u] = next_weight{l};`,
    )}
    #end
    workgroupBarrier();
    // On to the next block. After the last there is none: what is loaded then is not used.
    weight += ${blockDepth}u * out_vectors;
    c += ${depth}u;
    #if ${overDepth}
    if (c >= vectors) {
      weight -= (c - vectors) * 4u * out_vectors;
    #else
    if (c == vectors) {
    #endif
      c = 0u;
      tap++;
      #if ${sources.length > 1}
      ${sources
        .slice(1)
        .map(
          (_, s) =>
            `if (source == ${s}u && tap == ${count(sources[s].taps)}) { source = ${s + 1}u; tap = 0u; vectors = shape.vectors${s + 1}; }`,
        )
        .join(' else ')}
      #endif
      ${findPlaces}
    }
    ${load}
    ${read(0)}
    ${Array.from({ length: steps }, (_, k) => `${k + 1 < steps ? read(k + 1) : ''}\n${multiply(k)}`).join('\n')}
  }
  ${Array.from({ length: tile.pixels }, (_, p) => finish(p)).join('')}
}
`;
}

/** Statements that find where the tap falls in a source; above or left of it the subtraction wraps around. */
function findPlace(
  source: LoopSource,
  index: number,
  plane: string | undefined,
  {
    squares,
    rounds,
    threads,
    depth,
    type,
  }: { squares: number; rounds: number; threads: number; depth: number; type: string },
): string {
  const { stride, fractionalStride = 1, kernelWidth, top, left, planar } = source;
  const row = place(fractionalStride, 'row', `shape.height${index}`);
  const column = place(fractionalStride, 'column', `shape.width${index}`);
  const planeStart = planar ? `${plane} * shape.height${index} * shape.width${index} * vectors + ` : '';
  const loads = rounds * threads > squares ? ` & (square{l} < ${squares}u)` : '';
  return wgsl`
  #for l in 0..${rounds}
  #for i in 0..4
  {
    let row = y{l}_{i} * ${count(stride)} + tap / ${count(kernelWidth)} - ${count(top)};
    let column = x{l}_{i} * ${count(stride)} + tap % ${count(kernelWidth)} - ${count(left)};
    inside{l}_{i} = ${row.inside} & ${column.inside} & (y{l}_{i} < shape.out_height)${loads};
    base{l}_{i} = ${planeStart}(${row.index} * shape.width${index} + ${column.index}) * vectors + square{l} % ${depth}u;
    // Stays where nothing is loaded.
    next{l}_{i} = ${type}();
  }
  #end
  #end`;
}

const guarded = (needed: boolean, condition: string, statements: string): string =>
  needed ? `if (${condition}) {\n${statements}\n}` : statements;
