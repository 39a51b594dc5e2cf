/** @file A published kind of file against what PyTorch makes of it in f64: P, T and B of two images. */

import type { GpuContext } from '../../src/gpu/device.ts';
import { chooseFusions, chooseWinograd, defaultChoice } from '../../src/graph/choose-kernels.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { fuse } from '../../src/graph/passes/index.ts';
import { maskUniforms } from '../../src/kernels/db-head.ts';
import { readCheckpoint } from '../../src/models/checkpoint.ts';
import { parseSafetensors } from '../../src/safetensors/parse.ts';
import type { TensorFile } from '../../src/tensor-file.ts';
import { decodePng } from '../helpers/png.ts';
import { maxDifference } from './assert.ts';
import { PlanRun } from './plan-run.ts';

/** A file and the folder's others: `image0.png`, `image1.png` and `expected.safetensors`. */
export interface PublishedCase {
  weights: TensorFile;
  read: (name: string) => Promise<Uint8Array<ArrayBuffer>>;
}

/** The largest |difference| of each map over both images, by name. */
export async function differences(
  context: GpuContext,
  { weights, read }: PublishedCase,
): Promise<Map<string, number>> {
  const { graph, metadata } = readCheckpoint(weights);
  const fused = fuse(foldBatchNorm(graph), chooseFusions(context), (operation) =>
    chooseWinograd(operation, context, 'f32'),
  );
  const expected = parseSafetensors(await read('expected.safetensors'));
  const largest = new Map<string, number>();
  for (const i of [0, 1]) {
    const image = await decodePng(await read(`image${i}.png`));
    const network = await PlanRun.ofGraph(context, fused, {
      image,
      size: image,
      input: JSON.parse(metadata.input),
      choice: defaultChoice(context, 'f32'),
    });
    network.program.setShape(maskUniforms({ of: 'P', threshold: 0.3 }));
    await network.run();
    for (const map of graph.outputs) {
      const { difference } = maxDifference(await network.read(map), expected.float32(`${i}.${map}`));
      largest.set(map, Math.max(largest.get(map) ?? 0, difference));
    }
    network.destroy();
  }
  return largest;
}
