/** @file A network with its parameters as a safetensors file of its own, which needs no reader of another format. */

import { DBNetError } from '../errors.ts';
import { isStatistic } from '../graph/batch-norm.ts';
import { parameterShapes } from '../graph/graph.ts';
import { writeNetwork } from '../graph/network-json.ts';
import { largestHalf, toHalf } from '../kernels/half.ts';
import { type TensorData, writeSafetensors } from '../safetensors/write.ts';
import type { Checkpoint } from './checkpoint.ts';

/** Metadata of a saved state: they hold for that state alone. */
const ofTraining = /^training(\.|$)/;

/**
 * What a weights file says of itself: what it came with, and its network, so that no tensor has to be recognised.
 * Input recipe, size rule and thresholds are among the former; where a training run stood is not.
 */
export const metadataOf = ({
  metadata,
  architecture,
  graph,
}: Pick<Checkpoint, 'metadata' | 'architecture' | 'graph'>): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(metadata).filter(([key]) => !ofTraining.test(key))),
  architecture,
  network: writeNetwork(graph),
});

/**
 * The bytes of a safetensors file with the tensors that the network reads, under their names.
 * @param half in IEEE 754 binary16, half as large: each number is rounded to 11 bits. Statistics of batch norms, which
 *   are few and know no bounds, stay f32.
 * @throws DBNetError `incompatible-weights` for numbers that are not finite, or too large for halves.
 */
export function convertCheckpoint(
  checkpoint: Checkpoint,
  { half = false }: { half?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const { graph } = checkpoint;
  const tensors = [...parameterShapes(graph)].map(([name, shape]): [string, TensorData] => {
    const values = graph.parameters(name);
    const data = values instanceof Float32Array ? values : Float32Array.from(values);
    return [
      name,
      half && !isStatistic(name)
        ? { dtype: 'F16', shape, data: halves(name, data) }
        : { dtype: 'F32', shape, data },
    ];
  });
  return writeSafetensors(tensors, metadataOf(checkpoint));
}

function halves(name: string, values: Float32Array): Uint16Array {
  const index = values.findIndex((value) => Math.abs(value) > largestHalf);
  if (index === -1) return toHalf(values);
  throw new DBNetError(
    'incompatible-weights',
    `tensor '${name}': expected numbers up to ${largestHalf} for halves, found ${values[index]}: convert to f32`,
  );
}
