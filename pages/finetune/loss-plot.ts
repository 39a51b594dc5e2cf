/** @file The loss and its parts, step by step, with a readout under the pointer or by arrow keys. */

import { type ScaleContinuousNumeric, scaleLinear, scaleLog } from 'd3-scale';
import { line } from 'd3-shape';
import type { StepResult } from 'dbnet-webgpu/train';
import { draw, find } from '../shared/dom.ts';

const [width, height] = [360, 190];
/** Left, top, right, bottom. */
const frame = [38, 10, 350, 166] as const;

type Scale = ScaleContinuousNumeric<number, number>;

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
    const x = stepScale(results.map(({ step }) => step));
    const y = lossScale(results.flatMap((result) => curves.map(({ value }) => value(result))));
    this.#svg.replaceChildren(
      ...axes(x, y),
      ...curves.map((curve) => drawCurve(curve, results, x, y)),
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
    const at = x(this.#results[this.#chosen].step);
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

/** From the first step to the last; a single one stands in the middle. */
function stepScale(steps: readonly number[]): Scale {
  const domain = steps.length === 1 ? [0, 2 * steps[0]] : [steps[0], steps.at(-1)!];
  return scaleLinear(domain, [frame[0], frame[2]]);
}

/** From 0, or logarithmic where losses span much. */
function lossScale(losses: readonly number[]): Scale {
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const range = [frame[3], frame[1]];
  if (low > 0 && high > 8 * low) return scaleLog([low / 1.1, high * 1.1], range);
  return scaleLinear([0, high], range).nice();
}

function drawCurve({ name, value }: Curve, results: readonly StepResult[], x: Scale, y: Scale): SVGElement {
  const path = line<StepResult>(
    ({ step }) => x(step),
    (result) => y(value(result)),
  ).digits(2);
  return draw('path', { d: path(results) ?? '', class: `curve ${name}` });
}

function axes(x: Scale, y: Scale): SVGElement[] {
  const [left, , right, bottom] = frame;
  // Of a logarithmic axis's lines, those with room for it are labelled.
  const label = y.tickFormat(6, '~g');
  const across = y
    .ticks(6)
    .flatMap((tick) => [
      draw('path', { d: `M${left} ${y(tick)}H${right}`, class: 'grid' }),
      draw('text', { x: left - 6, y: y(tick) + 3.5, 'text-anchor': 'end' }, label(tick)),
    ]);
  const down = x
    .ticks(8)
    .filter(Number.isInteger)
    .map((tick) => draw('text', { x: x(tick), y: bottom + 16, 'text-anchor': 'middle' }, String(tick)));
  return [...across, ...down];
}
