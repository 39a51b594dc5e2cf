/** @file Max-pooling in training. */

import type { MaxPoolOperation } from '../../graph/operations/max-pool.ts';
import { maxPool as maxPoolKernel } from '../../kernels/max-pool.ts';
import { maxPoolBackward } from '../../kernels/train/max-pool-backward.ts';
import type { TrainedOperation } from './operation.ts';

export const maxPool: TrainedOperation<MaxPoolOperation> = {
  record(recorder, { output, input }, { batch, shapeOf }) {
    const { height, width, channels } = shapeOf(input);
    const shape = { label: output, batch, height, width, channels };
    recorder.tensor(output, recorder.count(input) / 4);
    recorder.step(maxPoolKernel(shape, { precision: 'f32' }), [input, output]);
    recorder.onBackward(() =>
      recorder.addGradient(input, (into) =>
        recorder.step(maxPoolBackward({ ...shape, label: into }), [input, recorder.gradient(output), into]),
      ),
    );
  },
};
