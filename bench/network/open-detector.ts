/** @file The detector as a user opens it, but without what was tuned earlier, so that runs can be compared. */

import { TextDetector } from '../../src/detector/detector.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import type { Host } from '../host/host.ts';

export const openDetector = ({ weights, gpu }: Host, precision: Precision): Promise<TextDetector> =>
  TextDetector.create({ weights, gpu, precision, tune: 'off' });
