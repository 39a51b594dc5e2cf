/** @file Figure 1: a step, and the curves that take its place. */

import { differentiable, slope, standard } from './binarization.ts';
import { chart, sample } from './chart.ts';
import { fill, short, slider } from './slider.ts';

const domain = [-1, 1] as const;
/** Curves beside the chosen one. */
const others = [5, 10, 20];

export function binarizationFigure(): void {
  const steepness = slider('binarization-k', String, redraw);
  const difference = slider('binarization-x', (x) => short(x), redraw);
  const moveTo = (x: number) => difference.set(x);
  const values = chart(
    'binarization-values',
    () => {
      const [k, x] = [steepness.value, difference.value];
      const step: [number, number][] = [
        [-1, 0],
        [0, 0],
        [0, 1],
        [1, 1],
      ];
      return {
        x: domain,
        y: [0, 1],
        xLabel: 'P − T',
        curves: [
          ...others.map((other) => ({
            name: 'other',
            points: sample((at) => differentiable(at, other), domain),
          })),
          { name: 'standard', points: step },
          { name: 'binary', points: sample((at) => differentiable(at, k), domain) },
        ],
        at: x,
        dots: [
          { name: 'standard', y: standard(x) },
          { name: 'binary', y: differentiable(x, k) },
        ],
        label: `Standard binarization, a step at 0, and differentiable binarization with k = ${k}`,
      };
    },
    moveTo,
  );
  const slopes = chart(
    'binarization-slopes',
    () => {
      const [k, x] = [steepness.value, difference.value];
      return {
        x: domain,
        y: [0, Math.max(5, k / 4)],
        xLabel: 'P − T',
        curves: [
          ...others.map((other) => ({ name: 'other', points: sample((at) => slope(at, other), domain) })),
          { name: 'binary', points: sample((at) => slope(at, k), domain) },
        ],
        at: x,
        dots: [{ name: 'binary', y: slope(x, k) }],
        label: `Derivative of differentiable binarization with k = ${k}, at most ${short(k / 4)}`,
      };
    },
    moveTo,
  );
  redraw();

  function redraw(): void {
    const [k, x] = [steepness.value, difference.value];
    values();
    slopes();
    fill({
      'binarization-standard': standard(x),
      'binarization-differentiable': differentiable(x, k),
      'binarization-slope': slope(x, k),
    });
  }
}
