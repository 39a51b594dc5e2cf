/** @file How often an outline crosses itself. */

import { MAX_CORNERS, MAX_CROSSINGS } from './limits.ts';
import type { Point } from './polygon.ts';

/** An edge of the outline, from its left to its right end. */
interface Edge {
  left: Point;
  right: Point;
  top: number;
  bottom: number;
}

/**
 * The crossings of a closed outline's edges: pairs of which each parts the ends of the other. Edges that touch or lie
 * on each other do not cross.
 *
 * @param most - counting ends there
 */
export function countCrossings(points: readonly Point[], most: number): number {
  const span = (axis: 0 | 1) =>
    points.reduce((sum, point, i) => sum + Math.abs(point[axis] - points[(i + 1) % points.length][axis]), 0);
  // The sweep goes along the axis on which fewer edges lie side by side.
  const corners = span(0) <= span(1) ? points : points.map(([x, y]): Point => [y, x]);
  const edges = corners.map((point, index): Edge => {
    const next = corners[(index + 1) % corners.length];
    const [left, right] = point[0] <= next[0] ? [point, next] : [next, point];
    return { left, right, top: Math.min(point[1], next[1]), bottom: Math.max(point[1], next[1]) };
  });
  edges.sort((a, b) => a.left[0] - b.left[0]);
  let count = 0;
  // Edges that reach as far to the right as the sweep has come.
  let active: Edge[] = [];
  for (const edge of edges) {
    active = active.filter(({ right }) => right[0] >= edge.left[0]);
    for (const other of active) {
      if (other.bottom <= edge.top || other.top >= edge.bottom) continue;
      if (cross(edge, other) && ++count >= most) return count;
    }
    active.push(edge);
  }
  return count;
}

/** Why no outline of a text is such a one, as a sentence's end; undefined if nothing is wrong. */
export function tooIntricate(points: readonly Point[]): string | undefined {
  const { length } = points;
  if (length > MAX_CORNERS) return `expected at most ${MAX_CORNERS} points, found ${length}`;
  // Each edge may cross all others but its neighbours.
  if ((length * (length - 3)) / 2 <= MAX_CROSSINGS) return undefined;
  if (countCrossings(points, MAX_CROSSINGS + 1) <= MAX_CROSSINGS) return undefined;
  return `expected an outline that crosses itself at most ${MAX_CROSSINGS} times, found more`;
}

function cross(a: Edge, b: Edge): boolean {
  return parts(a, b.left, b.right) && parts(b, a.left, a.right);
}

/** Whether two points lie on different sides of an edge's line, and none on it. */
function parts({ left, right }: Edge, p: Point, q: Point): boolean {
  const side = ([x, y]: Point) => (right[0] - left[0]) * (y - left[1]) - (right[1] - left[1]) * (x - left[0]);
  return side(p) * side(q) < 0;
}
