/**
 * @file PyTorch checkpoints (.pth, .pt), of both containers that `torch.save` writes. Nothing in them is run and nothing
 * is trusted: a file is read as plain data, or refused.
 * - Names are given as they are stored, `module.` of DataParallel and the like included.
 * - Storages that the state dict does not refer to (an optimizer's) are not read.
 * - The checksums of the ZIP container are not verified.
 */

import { describe, quote } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import { type Dtype, isFloatDtype } from '../safetensors/dtypes.ts';
import type { TensorFile } from '../tensor-file.ts';
import { readArchive } from './archive.ts';
import { failInvalid } from './fail.ts';
import { readLegacy } from './legacy.ts';
import { isTorch, isZip } from './sniff.ts';
import { findStateDict } from './state-dict.ts';
import { checkPlace, readFloats } from './tensor.ts';

export { isTorch };

/** What a checkpoint says of one tensor. */
export interface TorchTensorInfo {
  /** As safetensors calls it; undefined for types that it does not know. */
  readonly dtype: Dtype | undefined;
  /** Sides, outermost first; `[]` for a scalar. */
  readonly shape: readonly number[];
}

/** A checkpoint that has been checked. It keeps a view of the bytes it was made of; do not change them. */
export interface TorchFile extends TensorFile {
  /** By name, in the order of the state dict. */
  readonly tensors: ReadonlyMap<string, TorchTensorInfo>;
}

/**
 * Reads the state dict of a checkpoint: its `state_dict`, `model` or `model_state_dict`, the object itself, or its one
 * member that holds tensors.
 * @param bytes The whole file.
 * @throws DBNetError `invalid-checkpoint`, naming the byte, the entry or the tensor, what was expected and found.
 */
export function readTorch(bytes: Uint8Array): TorchFile {
  if (!isTorch(bytes)) {
    failInvalid(
      'expected a ZIP archive or a Python pickle at byte 0, as torch.save writes them, found neither.',
    );
  }
  const container = isZip(bytes) ? readArchive(bytes) : readLegacy(bytes);
  const found = findStateDict(container.object);
  const tensors = new Map(
    [...found].map(([name, tensor]) => {
      const size = checkPlace(`tensor ${quote(name)}`, tensor);
      const { dtype } = tensor.storage.type;
      return [
        name,
        { dtype, shape: tensor.shape, size, tensor, bytes: container.bytesOf(tensor.storage) },
      ] as const;
    }),
  );
  return {
    tensors,
    metadata: {},
    float32(name) {
      const info = tensors.get(name);
      if (!info) {
        throw new DBNetError(
          'invalid-argument',
          `There is no tensor ${typeof name === 'string' ? quote(name) : describe(name)} in the file.`,
        );
      }
      const { dtype, bytes, tensor, size } = info;
      if (dtype === undefined || !isFloatDtype(dtype)) {
        throw new DBNetError(
          'unsupported-dtype',
          `Tensor ${quote(name)} is ${dtype ?? tensor.storage.type.name}; only F64, F32, F16 and BF16 are converted to ` +
            'numbers. Save it as one of these.',
        );
      }
      return readFloats(bytes, tensor, dtype, size);
    },
  };
}
