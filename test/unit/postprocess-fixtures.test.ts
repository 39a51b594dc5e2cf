/** @file Regions against those of OpenCV and Clipper (pyclipper) on 19 maps of the trained network. */

import { Clipper, FillRule } from 'clipper2-ts';
import { describe, expect, it } from 'vitest';
import { intersectionOverUnion, toShape } from '../../src/eval/overlap.ts';
import { findRegions, type Point, type Region, type RegionOptions } from '../../src/postprocess/index.ts';
import { readFixture, readJsonFixture } from '../helpers/fixtures.ts';

interface Case extends RegionOptions {
  map: string;
  regions: Region[];
}

const maps = readFixture('postprocess.safetensors');
const { cases } = readJsonFixture<{ cases: Case[] }>('postprocess.json');

/**
 * The one region that is not matched, by its place in the reference. A corner of its rectangle is exactly the
 * whole point 178, 118 (on a hull edge of direction 5, -2). In the f32 arithmetic of the reference the corner
 * came out a little less, so that it was cut to 177, 117 and the score is the mean over a slightly different
 * quad: 0.3373, here 0.3266. (OpenCV 5.0 on another machine has 178, 117.99998 and the score 0.3356.) The
 * rectangles are the same.
 */
const KNOWN = ['map5 quad 0.3 #29'];

function regionsOf({ map, regions: _, ...options }: Case) {
  const { data, shape } = maps.get(map)!;
  const [height, width] = shape;
  return findRegions({ data: Float32Array.from(data, (value) => value / 255), width, height }, options);
}

const nameOf = (c: Case) => `${c.map} ${c.shape} ${c.boxThreshold}`;

describe('the regions of OpenCV and Clipper', () => {
  const results = cases.map((reference) => ({ reference, found: regionsOf(reference) }));

  it.each(results)(
    '$reference.map $reference.shape $reference.boxThreshold: as many',
    ({ reference, found }) => {
      expect(found.regions.length).toBe(reference.regions.length);
      expect(found.truncated).toBe(false);
    },
  );

  it('are matched one to one at IoU 0.98 and a score within 0.01, but for what is explained', () => {
    const unmatched: string[] = [];
    let total = 0;
    for (const { reference, found } of results) {
      const partners = matchByIou(reference.regions, found.regions, 0.98);
      reference.regions.forEach((region, i) => {
        total++;
        const partner = partners.get(i);
        const near = partner !== undefined && Math.abs(region.score - partner.score) <= 0.01;
        if (!near) unmatched.push(`${nameOf(reference)} #${i}`);
      });
    }
    expect(total).toBe(565);
    expect(unmatched).toEqual(KNOWN);
  });

  it('are polygons of tens of points, as good as all of their points', () => {
    const points: number[] = [];
    const allPoints: number[] = [];
    for (const { reference, found } of results) {
      if (reference.shape !== 'polygon') continue;
      const full = regionsOf({ ...reference, simplify: 0 }).regions;
      found.regions.forEach((region, i) => {
        const overlap = intersectionOverUnion(toShape(region.points), toShape(full[i].points));
        expect(overlap, `${nameOf(reference)} #${i}`).toBeGreaterThan(0.99);
        points.push(region.points.length);
        allPoints.push(full[i].points.length);
      });
    }
    const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1];
    expect(median(points)).toBeLessThanOrEqual(0.65 * median(allPoints));
    expect(median(points)).toBeLessThan(40);
  });

  it('are matched at IoU 0.999 where they are quads', () => {
    for (const { reference, found } of results) {
      if (reference.shape !== 'quad') continue;
      expect(matchByIou(reference.regions, found.regions, 0.999).size).toBe(reference.regions.length);
    }
  });

  it('have their corners in the same order', () => {
    for (const { reference, found } of results) {
      if (reference.shape !== 'quad') continue;
      for (const [i, partner] of matchByIou(reference.regions, found.regions, 0.98)) {
        reference.regions[i].points.forEach(([x, y], k) => {
          expect(Math.hypot(x - partner.points[k][0], y - partner.points[k][1])).toBeLessThan(0.1);
        });
      }
    }
  });
});

/** For each of `as` the one of `bs` that it shares most with, if that is at least `least`; each of `bs` once. */
function matchByIou(as: Region[], bs: Region[], least: number): Map<number, Region> {
  const pairs: { i: number; j: number; iou: number }[] = [];
  for (const [i, a] of as.entries()) {
    for (const [j, b] of bs.entries()) {
      const iou = iouOf(a.points, b.points);
      if (iou >= least) pairs.push({ i, j, iou });
    }
  }
  pairs.sort((p, q) => q.iou - p.iou);
  const matched = new Map<number, Region>();
  const taken = new Set<number>();
  for (const { i, j } of pairs) {
    if (matched.has(i) || taken.has(j)) continue;
    matched.set(i, bs[j]);
    taken.add(j);
  }
  return matched;
}

function iouOf(a: Point[], b: Point[]): number {
  for (const axis of [0, 1]) {
    const [p, q] = [a, b].map((points) => points.map((point) => point[axis]));
    if (Math.max(...p) < Math.min(...q) || Math.max(...q) < Math.min(...p)) return 0;
  }
  const [pathA, pathB] = [a, b].map((points) => [points.map(([x, y]) => ({ x, y }))]);
  const areaOf = (paths: typeof pathA) => Math.abs(Clipper.areaPathsD(paths));
  const shared = areaOf(Clipper.intersectD(pathA, pathB, FillRule.NonZero, 4));
  return shared / (areaOf(Clipper.unionD(pathA, pathB, FillRule.NonZero, 4)) || 1);
}
