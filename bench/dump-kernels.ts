/**
 * @file `--dump-kernels`: the kernels of the network as JSON, for tools that compile or count them without a device and
 * without this project: with the tiles that a GPU gets where nothing was measured.
 */

import { defaultChoice, winogradSize } from '../src/graph/choose-kernels.ts';
import type { Resource } from '../src/graph/operation.ts';
import { allFusions, fuse } from '../src/graph/passes/index.ts';
import { plan } from '../src/graph/plan.ts';
import { type Binding, uniformWords } from '../src/kernels/kernel.ts';
import type { Size } from '../src/size.ts';
import { fullGraph } from '../test/helpers/networks.ts';
import { sizeName } from './settings.ts';

/** One dispatch of a frame. */
export interface DumpedKernel {
  /** Precision, maps, and `winograd` where 3x3 convolutions of stride 1 are filtered so: `f32 PTB winograd`. */
  set: string;
  /** Of the network's input, `640x640`. */
  size: string;
  /** The layer's. */
  name: string;
  /** The layer's name and the variant of its kernel. */
  label: string;
  /** WGSL with the entry point `main`. */
  code: string;
  /** In the order of `@binding`, the uniform last; `bytes` is 0 where the image decides. */
  bindings: readonly Binding[];
  /** What each binding but the uniform holds. */
  resources: readonly Resource[];
  /** The uniform's words of 32 bits, in order. */
  shape: number[];
  /** Workgroups in x, y, z. */
  dispatch: readonly number[];
  /** Executed, a multiply-add counting as two. */
  flops: number;
  /** Each input read once, each output written once. */
  bytes: number;
}

/** The largest of the classes, so that all tiles occur. */
const gpu = { software: false, adapter: { vendor: 'amd' } };

const input = {
  source: 'texture',
  channelOrder: 'rgb',
  mean: [122, 116, 104],
  std: [255, 255, 255],
} as const;

/** All kernels of the network at sizes, in both precisions, with P alone and with P, T and B, and with Winograd's filtering. */
export function dumpKernels(sizes: readonly Size[]): DumpedKernel[] {
  return sizes.flatMap((size) =>
    (['f32', 'f16'] as const).flatMap((precision) =>
      (['PTB', 'P'] as const).flatMap((outputs) =>
        // Rounding errors of Winograd's filtering grow too much in f16.
        (precision === 'f32' ? [false, true] : [false]).flatMap((winograd) => {
          const graph = fuse(fullGraph(outputs === 'PTB'), allFusions, winograd ? winogradSize : undefined);
          const { steps } = plan(graph, size, input, defaultChoice(gpu, precision));
          return steps.map(
            ({ kernel: { label, code, bindings, shape, dispatch, flops, bytes }, resources }) => ({
              set: `${precision} ${outputs}${winograd ? ' winograd' : ''}`,
              size: sizeName(size),
              name: label.replace(/ \([^()]*\)$/, ''),
              label,
              code,
              bindings,
              resources,
              shape: [...uniformWords(shape)],
              dispatch,
              flops,
              bytes,
            }),
          );
        }),
      ),
    ),
  );
}
