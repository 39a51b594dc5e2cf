/** @file Max-pooling in training. */

import type { MaxPoolOperation } from '../../graph/operations/max-pool.ts';
import { isPadded } from '../../graph/passes/rewrite.ts';
import { maxPool as maxPoolKernel } from '../../kernels/max-pool.ts';
import { maxPoolBackward } from '../../kernels/train/max-pool-backward.ts';
import type { TrainedOperation } from './operation.ts';

export const maxPool: TrainedOperation<MaxPoolOperation> = {
  obstacle({ kernel, stride, padding }) {
    const { top, left, bottom, right } = padding;
    return kernel === 3 && stride === 2 && isPadded(padding, 1)
      ? undefined
      : `max-pooling ${kernel}x${kernel} of stride ${stride}, padded by ${top}, ${left}, ${bottom}, ${right}`;
  },
  record(recorder, { output, input, kernel, stride, padding }, { batch, shapeOf }) {
    const { height, width, channels } = shapeOf(input);
    const { height: outHeight, width: outWidth } = shapeOf(output);
    const shape = { label: output, batch, height, width, channels };
    recorder.tensor(output, recorder.count(input) / 4);
    recorder.step(
      maxPoolKernel({ ...shape, outHeight, outWidth, kernel, stride, padding }, { precision: 'f32' }),
      [input, output],
    );
    recorder.onBackward(() =>
      recorder.addGradient(input, (into) =>
        recorder.step(maxPoolBackward({ ...shape, label: into }), [input, recorder.gradient(output), into]),
      ),
    );
  },
};
