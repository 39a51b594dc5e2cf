/** @file The loss and its parts, step by step, with a readout under the pointer or by arrow keys. */

import type { StepResult } from 'dbnet-webgpu/train';
import { niceTicks, type Scale, scaleFor } from '../../cli/plot-scale.ts';
import { draw, find } from './dom.ts';

const [width, height] = [360, 190];
/** Left, top, right, bottom. */
const frame = [38, 10, 350, 166] as const;

type Curve = { name: string; value: (result: StepResult) => number };

/** Parts first: the whole loss lies on top. */
const curves: readonly Curve[] = [
  { name: 'threshold', value: ({ parts }) => parts.threshold },
  { name: 'binary', value: ({ parts }) => parts.binary },
  { name: 'probability', value: ({ parts }) => parts.probability },
  { name: 'total', value: ({ loss }) => loss },
];

export class LossPlot {
  readonly #svg = find<SVGSVGElement>('loss-plot');
  #results: readonly StepResult[] = [];
  /** Index of the step that is read out; the last one where there is none. */
  #chosen: number | undefined;

  constructor() {
    this.#svg.tabIndex = 0;
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.#svg.addEventListener('pointermove', ({ clientX }) => {
      const { left, width: shown } = this.#svg.getBoundingClientRect();
      const share = (((clientX - left) / shown) * width - frame[0]) / (frame[2] - frame[0]);
      this.#choose(Math.round(share * (this.#results.length - 1)));
    });
    this.#svg.addEventListener('pointerleave', () => this.#choose(undefined));
    this.#svg.addEventListener('blur', () => this.#choose(undefined));
    this.#svg.addEventListener('keydown', (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by === undefined) return;
      event.preventDefault();
      this.#choose((this.#chosen ?? this.#results.length - 1) + by);
    });
  }

  render(results: readonly StepResult[]): void {
    this.#results = results;
    find('loss-empty').hidden = results.length > 0;
    find('loss-figure').hidden = results.length === 0;
    if (results.length === 0) return;
    const values = results.flatMap((result) => curves.map(({ value }) => value(result)));
    const positive = values.filter((value) => value > 0);
    const [left, top, right, bottom] = frame;
    const logarithmic =
      positive.length === values.length && Math.max(...positive) > 8 * Math.min(...positive);
    const y = scaleFor(values, [bottom, top], { kind: logarithmic ? 'logarithmic' : 'linear' });
    const steps = results.map(({ step }) => step);
    const x: Scale =
      steps.length === 1
        ? { kind: 'linear', domain: [0, 2 * steps[0]], range: [left, right] }
        : scaleFor(steps, [left, right], { kind: 'linear', tight: true });
    this.#svg.replaceChildren(
      ...axes(x, y),
      ...curves.map((curve) => line(curve, results, x, y)),
      ...this.#rule(x),
    );
    this.#svg.setAttribute('aria-label', summary(results));
    this.#readOut();
  }

  #choose(index: number | undefined): void {
    this.#chosen = index === undefined ? undefined : Math.max(0, Math.min(this.#results.length - 1, index));
    this.render(this.#results);
  }

  #rule(x: Scale): SVGElement[] {
    if (this.#chosen === undefined) return [];
    const at = place(x, this.#results[this.#chosen].step);
    return [draw('path', { d: `M${at} ${frame[1]}V${frame[3]}`, class: 'rule' })];
  }

  #readOut(): void {
    const result = this.#results.at(this.#chosen ?? -1)!;
    for (const { name, value } of curves) find(`loss-${name}`).textContent = short(value(result));
    find('loss-step').textContent = `step ${result.step}`;
  }
}

/** A number at three digits. */
export const short = (value: number): string =>
  value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1) : String(Number(value.toPrecision(3)));

function summary(results: readonly StepResult[]): string {
  const [first, last] = [results[0], results.at(-1)!];
  return `Loss by step: ${short(first.loss)} at step ${first.step}, ${short(last.loss)} at step ${last.step}`;
}

function line({ name, value }: Curve, results: readonly StepResult[], x: Scale, y: Scale): SVGElement {
  const points = results.map((result) => `${place(x, result.step)} ${place(y, value(result))}`);
  // A line of no length is drawn as a dot.
  return draw('path', { d: `M${points.join('L')}h0`, class: `curve ${name}` });
}

function axes(x: Scale, y: Scale): SVGElement[] {
  const [left, , right, bottom] = frame;
  const across = niceTicks(y).flatMap((tick) => [
    draw('path', { d: `M${left} ${place(y, tick)}H${right}`, class: 'grid' }),
    draw('text', { x: left - 6, y: place(y, tick) + 3.5, 'text-anchor': 'end' }, String(tick)),
  ]);
  const down = niceTicks(x)
    .filter(Number.isInteger)
    .map((tick) =>
      draw('text', { x: place(x, tick), y: bottom + 16, 'text-anchor': 'middle' }, String(tick)),
    );
  return [...across, ...down];
}

function place({ kind, domain, range }: Scale, value: number): number {
  const measure = kind === 'logarithmic' ? Math.log : (v: number) => v;
  const share = (measure(value) - measure(domain[0])) / (measure(domain[1]) - measure(domain[0]));
  return Math.round((range[0] + share * (range[1] - range[0])) * 100) / 100;
}
