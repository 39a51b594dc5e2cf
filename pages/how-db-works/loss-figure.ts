/** @file Figure 3: what pixels lose, and how hard they are pushed. */

import { negativeGradient, negativeLoss, positiveGradient, positiveLoss } from './binarization.ts';
import { chart, sample } from './chart.ts';
import { fill, short, slider } from './slider.ts';

const domain = [-1, 1] as const;

export function lossFigure(): void {
  const steepness = slider('loss-k', String, redraw);
  const difference = slider('loss-x', (x) => short(x), redraw);
  const moveTo = (x: number) => difference.set(x);
  const losses = chart(
    'loss-values',
    () => both('Loss', positiveLoss, negativeLoss, [0, Math.max(1, steepness.value)]),
    moveTo,
  );
  const gradients = chart(
    'loss-gradients',
    () =>
      both('Gradient', positiveGradient, negativeGradient, [
        -Math.max(1, steepness.value),
        Math.max(1, steepness.value),
      ]),
    moveTo,
  );
  redraw();

  type Curve = (x: number, k: number) => number;

  function both(what: string, positive: Curve, negative: Curve, y: readonly [number, number]) {
    const [k, x] = [steepness.value, difference.value];
    return {
      x: domain,
      y,
      xLabel: 'P − T',
      curves: [
        { name: 'other', points: sample((at) => positive(at, 1), domain) },
        { name: 'other', points: sample((at) => negative(at, 1), domain) },
        { name: 'positive', points: sample((at) => positive(at, k), domain) },
        { name: 'negative', points: sample((at) => negative(at, k), domain) },
      ],
      at: x,
      dots: [
        { name: 'positive', y: positive(x, k) },
        { name: 'negative', y: negative(x, k) },
      ],
      label: `${what} of a pixel of text and of one of background with k = ${k}, and with k = 1`,
    };
  }

  function redraw(): void {
    const [k, x] = [steepness.value, difference.value];
    losses();
    gradients();
    fill({
      'loss-positive': positiveLoss(x, k),
      'loss-positive-gradient': positiveGradient(x, k),
      'loss-positive-plain': positiveGradient(x, 1),
      'loss-negative': negativeLoss(x, k),
      'loss-negative-gradient': negativeGradient(x, k),
      'loss-negative-plain': negativeGradient(x, 1),
    });
  }
}
