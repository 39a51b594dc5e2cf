/** @file Regions in the order in which they are read. */

import { array, check, object } from '../check.ts';
import { checkCorners, type Point } from '../geometry/points.ts';

/** How far a region reaches, in a frame that is turned as the text is. */
interface Extent<Item> {
  item: Item;
  left: number;
  top: number;
  bottom: number;
}

/**
 * Regions in reading order: lines from top to bottom, in a line from left to right. The lines may run askew by up to 45
 * degrees; the direction is the one that most of the outlines' length follows. Two neighbours are of one line if they
 * share half the height of the lower one, so that a line may bend.
 *
 * Lines run across the whole picture: columns are not told apart. Order the regions of each column on their own.
 *
 * @param regions - what `detect()` finds, or anything else with an outline `points`
 * @returns a new array of the same regions
 * @throws DBNetError `invalid-argument`
 */
export function readingOrder<Item extends { points: readonly Point[] }>(regions: readonly Item[]): Item[] {
  for (const [i, region] of Array.from(check('regions', regions, array)).entries())
    checkCorners(`regions[${i}].points`, check(`regions[${i}]`, region, object).points);
  const angle = commonDirection(regions);
  const extents = regions.map((item) => extentOf(item, Math.cos(angle), Math.sin(angle)));
  const lines: Extent<Item>[][] = [];
  for (const extent of extents.sort((a, b) => a.left - b.left)) {
    const shared = lines.map((line) => sharedHeight(line.at(-1)!, extent));
    const most = Math.max(...shared);
    if (most >= 0.5) lines[shared.indexOf(most)].push(extent);
    else lines.push([extent]);
  }
  const heights = new Map(lines.map((line) => [line, middle(line)]));
  return lines
    .sort((a, b) => heights.get(a)! - heights.get(b)!)
    .flatMap((line) => line.map(({ item }) => item));
}

/** The direction of the outlines' edges, quarter turns apart taken as one: radians, from -pi / 4 to pi / 4. */
function commonDirection(regions: readonly { points: readonly Point[] }[]): number {
  let x = 0;
  let y = 0;
  for (const { points } of regions) {
    points.forEach(([x1, y1], i) => {
      const [x0, y0] = points.at(i - 1)!;
      const angle = 4 * Math.atan2(y1 - y0, x1 - x0);
      const length = Math.hypot(x1 - x0, y1 - y0);
      x += length * Math.cos(angle);
      y += length * Math.sin(angle);
    });
  }
  // Of upright outlines exactly 0.
  return Math.abs(y) <= 1e-9 * Math.abs(x) && x >= 0 ? 0 : Math.atan2(y, x) / 4;
}

function extentOf<Item extends { points: readonly Point[] }>(
  item: Item,
  cos: number,
  sin: number,
): Extent<Item> {
  const across = item.points.map(([x, y]) => y * cos - x * sin);
  return {
    item,
    left: Math.min(...item.points.map(([x, y]) => x * cos + y * sin)),
    top: Math.min(...across),
    bottom: Math.max(...across),
  };
}

/** The height that two have in common, as a part of the lower one's. */
function sharedHeight(a: Extent<unknown>, b: Extent<unknown>): number {
  const shared = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return shared / Math.max(Math.min(a.bottom - a.top, b.bottom - b.top), Number.MIN_VALUE);
}

const middle = (line: readonly Extent<unknown>[]): number =>
  line.reduce((sum, { top, bottom }) => sum + top + bottom, 0) / (2 * line.length);
