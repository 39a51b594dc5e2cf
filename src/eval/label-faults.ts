/** @file Labels that cannot be those of a text in their picture. */

import { checkSize } from '../check.ts';
import { countCrossings } from '../geometry/crossings.ts';
import { MIN_AREA } from '../geometry/limits.ts';
import { checkLabels } from '../geometry/points.ts';
import { isOutside } from '../geometry/polygon.ts';
import type { Label } from './icdar.ts';
import { toShape } from './overlap.ts';

/** What is wrong with a label. */
export interface LabelFault {
  /** Its place in the list of labels. */
  index: number;
  /** `outside` of the picture; `area`: below 1 square pixel; `crossing`: its outline crosses itself. */
  reason: 'outside' | 'area' | 'crossing';
}

/**
 * The labels that no region can match, or hardly one: their corners are in the wrong order, or at the wrong scale.
 *
 * @example
 * const faults = findFaults([{ points: [[10, 10], [110, 10], [110, 40], [10, 40]], ignore: false }], { width: 640, height: 480 });
 *
 * @param picture Its size, pixels.
 * @throws DBNetError `invalid-argument`
 */
export function findFaults(
  labels: readonly Label[],
  picture: { width: number; height: number },
): LabelFault[] {
  checkLabels('labels', labels);
  checkSize('picture', picture);
  return labels.flatMap(({ points }, index): LabelFault[] => {
    if (isOutside(points, picture)) return [{ index, reason: 'outside' }];
    if (toShape(points).area < MIN_AREA) return [{ index, reason: 'area' }];
    return countCrossings(points, 1) > 0 ? [{ index, reason: 'crossing' }] : [];
  });
}
