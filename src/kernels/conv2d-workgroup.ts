/**
 * @file The convolution with workgroup tiles: blocks of pixels and of weights go through workgroup memory and are
 * shared by all threads of the workgroup; each thread keeps `pixels` x `channels` sums in registers.
 * Needs input channels that are a multiple of `blockDepth` and output channels that are one of `blockChannels`.
 */

import { type Conv2d, multiplyAdd, place, walk } from './conv2d-shape.ts';
import { tileThreads, type WorkgroupTile } from './tile.ts';
import { type Precision, unroll, wgsl } from './wgsl.ts';

/** True where the tile fits the convolution's channels. */
export function fitsWorkgroupTile(conv: Conv2d, tile: WorkgroupTile): boolean {
  return (
    conv.outChannels % tile.blockChannels === 0 &&
    conv.sources.every(({ channels }) => channels % tile.blockDepth === 0)
  );
}

export function workgroupCode(conv: Conv2d, tile: WorkgroupTile, precision: Precision): string {
  const threads = tileThreads(tile);
  const vectors = tile.channels / 4;
  const columns = tile.blockChannels / tile.channels;
  const rows = tile.blockPixels / tile.pixels;
  const depth = tile.blockDepth / 4;
  return wgsl`
var<workgroup> block_pixels: array<vec4<${precision}>, ${depth * (tile.blockPixels + 1)}>;
var<workgroup> block_weights: array<vec4<${precision}>, ${(tile.blockDepth * tile.blockChannels) / 4}>;

@compute @workgroup_size(${threads})
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
  let first = group.x * ${tile.blockPixels}u;
  let channel = group.y * ${tile.blockChannels / 4}u;
  let plane = group.z;
  // This thread computes pixels row, row + ${rows}, ... and vectors of channels column, column + ${columns}, ...
  let row = thread / ${columns}u;
  let column = thread % ${columns}u;
  ${unroll(tile.pixels, (p) => unroll(vectors, (v) => `var sum${p}_${v} = vec4<f32>();`))}
  ${unroll(conv.sources.length, (s) => sourceLoop(conv, s, tile, precision))}
  ${unroll(
    tile.pixels,
    (p) => `{
    let pixel = first + row + ${p * rows}u;
    if (pixel < shape.out_height * shape.out_width) {
      ${unroll(vectors, (v) => `store(pixel, channel + column + ${v * columns}u, plane, sum${p}_${v});`)}
    }
  }`,
  )}
}
`;
}

function sourceLoop(conv: Conv2d, index: number, tile: WorkgroupTile, precision: Precision): string {
  const source = conv.sources[index];
  const { stride } = source;
  const { prologue, taps, kernelWidth, paddingY, paddingX, weightStart, sourceStart } = walk(conv, index);
  const threads = tileThreads(tile);
  const vectors = tile.channels / 4;
  const blockVectors = tile.blockChannels / 4;
  const columns = tile.blockChannels / tile.channels;
  const rows = tile.blockPixels / tile.pixels;
  const depth = tile.blockDepth / 4;
  const pixelLoads = Math.ceil((tile.blockPixels * depth) / threads);
  const weightLoads = Math.ceil((tile.blockDepth * blockVectors) / threads);
  const pitch = tile.blockPixels + 1;
  const unrolled = tile.unroll ?? 1;
  /** The products of one slice of 4 input channels. */
  const slice = (k: string) => `${unroll(vectors, (v) =>
    [0, 1, 2, 3]
      .map(
        (r) =>
          `let w${v}_${r} = block_weights[(${k} * 4u + ${r}u) * ${blockVectors}u + column + ${v * columns}u];`,
      )
      .join(' '),
  )}
        ${unroll(
          tile.pixels,
          (p) => `{ let value = block_pixels[${k} * ${pitch}u + row + ${p * rows}u];
        ${unroll(vectors, (v) =>
          multiplyAdd(
            `sum${p}_${v}`,
            'value',
            [0, 1, 2, 3].map((r) => `w${v}_${r}`),
            4,
            precision,
          ),
        )} }`,
        )}`;
  const guard = (load: number, total: number, text: string) =>
    (load + 1) * threads <= total ? text : `if (thread + ${load * threads}u < ${total}u) { ${text} }`;
  return wgsl`
  {
  ${prologue}
  // Uniforms are read once: some compilers load them again wherever they stand.
  let height = shape.height${index};
  let width = shape.width${index};
  let vectors = shape.vectors${index};
  let out_vectors = shape.out_vectors;
  // Which pixel and which slice of the depth this thread loads: fixed for the whole loop.
  ${unroll(
    pixelLoads,
    (l) => `let slot${l} = thread + ${l * threads}u;
  let pixel${l} = first + slot${l} / ${depth}u;
  let y${l} = pixel${l} / shape.out_width;
  let x${l} = pixel${l} % shape.out_width;`,
  )}
  for (var tap = 0u; tap < ${taps}; tap++) {
    ${unroll(pixelLoads, (l) => {
      const row = place(source, `row${l}`, 'height');
      const column = place(source, `column${l}`, 'width');
      return `let row${l} = y${l} * ${stride}u + tap / ${kernelWidth} - ${paddingY};
    let column${l} = x${l} * ${stride}u + tap % ${kernelWidth} - ${paddingX};
    let inside${l} = ${row.inside} & ${column.inside} & (y${l} < shape.out_height);
    let base${l} = select(0u, ${sourceStart}(${row.index} * width + ${column.index}) * vectors + slot${l} % ${depth}u, inside${l});`;
    })}
    let weight = ${weightStart} + tap * 4u * vectors * out_vectors + channel;
    for (var c = 0u; c < vectors; c += ${depth}u) {
      workgroupBarrier();
      ${unroll(pixelLoads, (l) =>
        guard(
          l,
          tile.blockPixels * depth,
          `block_pixels[(slot${l} % ${depth}u) * ${pitch}u + slot${l} / ${depth}u] = select(vec4<${precision}>(), source${index}[base${l} + c], inside${l});`,
        ),
      )}
      ${unroll(weightLoads, (l) =>
        guard(
          l,
          tile.blockDepth * blockVectors,
          `block_weights[thread + ${l * threads}u] = weights[weight + (c * 4u + (thread + ${l * threads}u) / ${blockVectors}u) * out_vectors + (thread + ${l * threads}u) % ${blockVectors}u];`,
        ),
      )}
      workgroupBarrier();
      for (var k = 0u; k < ${depth}u; k${unrolled === 1 ? '++' : ` += ${unrolled}u`}) {
        ${unrolled === 1 ? slice('k') : unroll(unrolled, (u) => `{ let slice = k + ${u}u; ${slice('slice')} }`)}
      }
    }
  }
  }`;
}
