/** @file What the shrink distance of a polygon is made of. Pure. */

import type { Point } from 'dbnet-webgpu/labels';
import { distance } from '../shared/edit.ts';

/** Area (shoelace), perimeter, and D = A (1 - r^2) / L (paper, eq. 10), pixels. */
export function measures(points: readonly Point[], shrinkRatio: number): { A: number; L: number; D: number } {
  const edges = points.map((point, i): [Point, Point] => [point, points[(i + 1) % points.length]]);
  const A = Math.abs(edges.reduce((sum, [p, q]) => sum + p[0] * q[1] - q[0] * p[1], 0)) / 2;
  const L = edges.reduce((sum, [p, q]) => sum + distance(p, q), 0);
  return { A, L, D: L === 0 ? 0 : (A * (1 - shrinkRatio ** 2)) / L };
}
