/** @file A weights file of any kind, told by its first bytes. Readers of other formats than ours are loaded when one is met. */

import type { Network } from '../graph/graph.ts';
import { loadModule } from '../load-module.ts';
import { isOnnx } from '../onnx/sniff.ts';
import { parseSafetensors, type Safetensors } from '../safetensors/parse.ts';
import type { TensorFile } from '../tensor-file.ts';
import { isTorch } from '../torch/sniff.ts';

/** For errors of calls without weights. */
export const whereShippedWeightsAre = "the shipped weights: import weights from 'dbnet-webgpu/weights'";

/** What a file holds. ONNX files bring their network, and say what of them takes no part. */
export interface WeightsFile extends TensorFile {
  /** `float32()` without a copy where the file's bytes are such numbers: to be read only. */
  view?: (name: string) => ArrayLike<number>;
  network?: Network;
  dropped?: readonly string[];
}

/**
 * Reads a safetensors file, an ONNX file or a PyTorch checkpoint.
 * @param bytes the whole file
 * @throws DBNetError `invalid-safetensors` for what is none of them, `invalid-onnx`, `invalid-checkpoint`;
 *   `incompatible-weights` for an ONNX graph that is no DBNet; `load-failed`.
 */
export async function openWeights(bytes: Uint8Array): Promise<WeightsFile> {
  // The reader of safetensors says what other files may be.
  if (!isTorch(bytes) && !isOnnx(bytes)) {
    const file = parseSafetensors(bytes);
    return { ...file, view: (name) => viewNumbers(file, name) };
  }
  const { readOnnx, networkOfOnnx, readTorch } = await loadModule(import('./foreign.ts'));
  return isTorch(bytes) ? readTorch(bytes) : networkOfOnnx(readOnnx(bytes));
}

function viewNumbers(file: Safetensors, name: string): ArrayLike<number> {
  const { buffer, byteOffset, length } = file.bytes(name);
  const isPlain = file.tensors.get(name)!.dtype === 'F32' && byteOffset % 4 === 0;
  return isPlain ? new Float32Array(buffer, byteOffset, length / 4) : file.float32(name);
}
