/** @file What the page's figures draw, against the formulas, the library and the reference of the loss. */

import { describe, expect, it } from 'vitest';
import {
  differentiable,
  negativeGradient,
  negativeLoss,
  positiveGradient,
  positiveLoss,
  slope,
  standard,
} from '../../pages/how-db-works/binarization.ts';
import { measures } from '../../pages/how-db-works/measures.ts';
import { mapsAt, places, probabilityAt, reach, thresholdAt } from '../../pages/how-db-works/section.ts';
import { short } from '../../pages/how-db-works/slider.ts';
import { labelMaps } from '../../src/labels/label-maps.ts';
import { dbLoss } from '../gpu/references/db-loss.ts';

const ks = [1, 5, 10, 50, 100];
const xs = [-1, -0.3, -0.1, -0.01, 0, 0.02, 0.25, 1];
const grid = ks.flatMap((k) => xs.map((x): [number, number] => [x, k]));

/** Central difference. */
const derivative = (f: (x: number) => number, x: number) => (f(x + 1e-6) - f(x - 1e-6)) / 2e-6;
const logit = (p: number) => Math.log(p / (1 - p));

describe('binarization', () => {
  it('is a step at 0, and a sigmoid of steepness k', () => {
    expect(xs.map(standard)).toEqual([0, 0, 0, 0, 1, 1, 1, 1]);
    for (const [x, k] of grid) expect(differentiable(x, k)).toBeCloseTo(1 / (1 + Math.exp(-k * x)), 14);
  });

  it('rises at most k / 4, and as its values do', () => {
    for (const k of ks) expect(slope(0, k)).toBe(k / 4);
    for (const [x, k] of grid)
      expect(slope(x, k)).toBeCloseTo(
        derivative((at) => differentiable(at, k), x),
        5,
      );
  });
});

describe('the losses', () => {
  it('are those of equation 3, also where 1 - B is too small to take a logarithm of', () => {
    for (const [x, k] of grid.filter(([at, by]) => Math.abs(at * by) < 12)) {
      const B = differentiable(x, k);
      expect(positiveLoss(x, k)).toBeCloseTo(-Math.log(B), 8);
      expect(negativeLoss(x, k)).toBeCloseTo(-Math.log(1 - B), 8);
    }
    expect(negativeLoss(1, 100)).toBe(100);
    expect(positiveLoss(-1, 100)).toBe(100);
  });

  it('are those of the training reference, pixel by pixel', () => {
    const [P, T, k] = [0.4, 0.55, 50];
    const settings = {
      weights: { probability: 0, binary: 1, threshold: 0 },
      binary: 'bce',
      negativeRatio: 3,
      k,
    } as const;
    // A positive alone; a positive that loses next to nothing, with a negative.
    const targets = (probability: number[]) => ({
      probability,
      probabilityMask: probability.map(() => 1),
      threshold: probability.map(() => 0),
      thresholdMask: probability.map(() => 0),
    });
    const alone = dbLoss([logit(P)], [logit(T)], targets([1]), settings);
    expect(alone.binary).toBeCloseTo(positiveLoss(P - T, k), 4);
    const beside = dbLoss([logit(0.999), logit(P)], [logit(0.001), logit(T)], targets([1, 0]), settings);
    expect(2 * beside.binary).toBeCloseTo(negativeLoss(P - T, k), 4);
  });

  it('have the gradients of equations 4 and 5, which k amplifies', () => {
    for (const [x, k] of grid) {
      const f = differentiable(x, k);
      expect(positiveGradient(x, k)).toBeCloseTo(-k * f * Math.exp(-k * x), 6);
      expect(negativeGradient(x, k)).toBeCloseTo(k * f, 10);
      expect(positiveGradient(x, k)).toBeCloseTo(
        derivative((at) => positiveLoss(at, k), x),
        4,
      );
      expect(negativeGradient(x, k)).toBeCloseTo(
        derivative((at) => negativeLoss(at, k), x),
        4,
      );
    }
    for (const k of ks) expect(positiveGradient(0, k) / positiveGradient(0, 1)).toBeCloseTo(k, 12);
  });
});

describe('across a word', () => {
  it('T is 0.3 in the centre and outside, 0.7 on the edge, and falls by 0.4 over D', () => {
    const float = 6;
    expect(reach).toBeCloseTo((160 * 40 * 0.84) / 400, 12);
    expect(thresholdAt(places.centre)).toBeCloseTo(0.3, float);
    expect(thresholdAt(places.outside)).toBeCloseTo(0.3, float);
    for (const side of [-1, 1]) {
      expect(thresholdAt(side * places.edge)).toBeCloseTo(0.7, float);
      expect(thresholdAt(side * (places.edge - 5))).toBeCloseTo(0.7 - (0.4 * 5) / reach, float);
      expect(thresholdAt(side * (places.edge + 5))).toBeCloseTo(0.7 - (0.4 * 5) / reach, float);
    }
  });

  it('B follows from P and T by equation 2', () => {
    for (const at of [-130, -75, 0, 60, 66, 80, 110]) {
      for (const blur of [0, 6, 16]) {
        const { P, T, B } = mapsAt(at, blur, 50);
        expect(P).toBe(probabilityAt(at, blur));
        expect(B).toBeCloseTo(1 / (1 + Math.exp(-50 * (P - T))), 14);
      }
    }
    const centre = mapsAt(places.centre, 6, 50);
    expect([centre.P, centre.T, centre.B].map((value) => value.toFixed(3))).toEqual([
      '1.000',
      '0.300',
      '1.000',
    ]);
    const edge = mapsAt(places.edge, 6, 50);
    expect(edge.B).toBeLessThan(1e-6);
    expect(probabilityAt(places.shrunk, 6)).toBe(0.5);
    expect(probabilityAt(places.shrunk + 3, 6)).toBeCloseTo(1 / (1 + Math.exp(1)), 12);
    expect(probabilityAt(places.shrunk + 0.1, 0)).toBe(0);
  });
});

describe('the shrink distance', () => {
  it('is A (1 - r^2) / L, as far as the band of T reaches', () => {
    const points: [number, number][] = [
      [40, 30],
      [140, 30],
      [140, 70],
      [40, 70],
    ];
    const { A, L, D } = measures(points, 0.4);
    expect([A, L, D]).toEqual([4000, 280, 12]);
    const { threshold } = labelMaps([{ points }], { width: 200, height: 100 });
    const column = Array.from({ length: 31 }, (_, y) => threshold[y * 200 + 90]);
    expect(column.filter((value) => value > 0.3 + 1e-6)).toHaveLength(12);
    expect(measures([...points].reverse(), 0.4)).toEqual({ A, L, D });
    expect(measures([points[0], points[0], points[0]], 0.4).D).toBe(0);
  });
});

it('numbers are written with three digits and a true minus sign', () => {
  expect([0, -0.1, 49.6654, -1.1e-15, 0.00672].map(short)).toEqual([
    '0',
    '−0.1',
    '49.7',
    '−1.1e−15',
    '0.00672',
  ]);
});
