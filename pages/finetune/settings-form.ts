/** @file The settings of a run as the form states them. What they may be, the library says. */

import { TextDetector } from 'dbnet-webgpu';
import type { TrainerOptions } from 'dbnet-webgpu/train';
import { showAdapter } from '../shared/adapter.ts';
import { find } from '../shared/dom.ts';

/** Relative to the page. */
const shippedWeights = '../../weights/db-resnet18.safetensors';

export interface RunSettings {
  trainer: TrainerOptions;
  steps: number;
  /** Most photos per step. */
  batch: number;
}

const field = (name: string) => find<HTMLInputElement | HTMLSelectElement>(name);
const number = (name: string): number =>
  field(name).value.trim() === '' ? Number.NaN : Number(field(name).value);

/** Counts that the library does not see. @throws Error that names the field. */
function count(name: string, title: string): number {
  const value = number(name);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`${title}: expected a whole number from 1, found '${field(name).value}'.`);
}

/** @throws Error for what cannot be a count. */
export function readSettings(): RunSettings {
  const file = find<HTMLInputElement>('weights-file').files?.[0];
  return {
    steps: count('steps', 'Steps'),
    batch: count('batch', 'Photos per step'),
    trainer: {
      weights: file ?? new URL(shippedWeights, document.baseURI).href,
      cropSize: number('crop-size'),
      optimizer: { kind: 'adamw', learningRate: number('learning-rate') },
      loss: field('loss').value as 'authors' | 'paper',
      batchNorm: field('batch-norm').value as 'frozen' | 'batch',
      augment: find<HTMLInputElement>('augment').checked ? {} : false,
    },
  };
}

/** Settings of a trainer stay as they are for as long as it lives; the number of steps may change. */
export function lockSettings(locked: boolean): void {
  find<HTMLFieldSetElement>('fixed-settings').disabled = locked;
}

/** Says what the page computes on, and asks less of a CPU. */
export async function describeAdapter(): Promise<void> {
  const support = await TextDetector.isSupported();
  const chip = find('adapter');
  if (!support.supported) {
    chip.textContent = support.reason === 'no-adapter' ? 'no WebGPU adapter' : 'no WebGPU in this browser';
    chip.title = support.message;
    chip.className = 'chip warn';
    return;
  }
  showAdapter(chip, support.runsOn, support.software);
  if (!support.software) return;
  for (const [name, value] of [
    ['crop-size', '160'],
    ['steps', '20'],
    ['batch', '1'],
  ]) {
    // What the reader has typed already stays.
    const input = find<HTMLInputElement>(name);
    if (input.value === input.defaultValue) input.value = value;
  }
}
