/** @file The picture of a training: losses against steps, smoothed over the raw points, and F of evaluations. */

import { type ScaleContinuousNumeric, scaleLinear, scaleLog } from 'd3-scale';
import { line, symbol, symbolDiamond } from 'd3-shape';
import { describe } from '../src/describe.ts';
import { DBNetError } from '../src/errors.ts';

/** One curve. */
export interface LossCurve {
  /** Stands in the key. */
  name: string;
  /** `[step, loss]`, steps rising. */
  points: Points;
}

/** What is drawn. */
export interface LossPlot {
  /** The first is drawn boldest: the total, then its parts. */
  curves: readonly LossCurve[];
  /** `[step, F]`, F from 0 to 1, drawn as marks on an axis of their own at the right. */
  evaluations?: Points;
}

type Points = readonly (readonly [step: number, value: number])[];

type Scale = ScaleContinuousNumeric<number, number>;

const WIDTH = 960;
const HEIGHT = 600;
/** The inner rectangle: left, top, right, bottom. */
const FRAME = [84, 56, 886, 540] as const;

const INK = '#222222';
const GRID = '#e2e2e2';
/** Colours that stay apart for most kinds of colour vision (M. Okabe, K. Ito 2008). */
const COLOURS = [INK, '#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const F_COLOUR = '#7b3fb5';
/** Area of an evaluation's mark, square pixels. */
const MARK_AREA = 60;

/** Raw points per curve; more could not be told apart. */
const MAX_RAW = 1500;
/** Points of a smoothed curve. */
const SMOOTH_POINTS = 400;

/**
 * Draws the plot as an SVG of 960 x 600. Raw points are faint (at most 1500 per curve, evenly chosen), the line through
 * them is a mean over about 3 % of the points, or over a few where there are few. The loss axis holds all but the
 * outermost points, which lie on its edge; it is logarithmic where the losses are above 0 and span more than a factor
 * of 8.
 *
 * @throws DBNetError `invalid-argument` if there is nothing to draw, for values that are not finite and steps that do
 *   not rise
 */
export function drawLossPlot({ curves, evaluations = [] }: LossPlot): string {
  checkPoints(curves, evaluations);
  const smooth = curves.map(({ points }) => smoothed(points));
  const losses = [
    ...smooth.flatMap((points) => points.map(([, loss]) => loss)),
    ...curves.flatMap(({ points }) => bulk(points)),
  ];
  const x = stepScale([...smooth.flat(), ...evaluations].map(([step]) => step));
  const y = lossScale(Math.min(...losses), Math.max(...losses));
  const drawn = curves.map((curve, i) => drawCurve(curve, smooth[i], x, y, COLOURS[i % COLOURS.length], i));
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" ` +
    `font-family="sans-serif" font-size="15" fill="${INK}">` +
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>` +
    drawAxes(x, y) +
    // The first curve on top of its parts.
    drawn.reverse().join('') +
    drawEvaluations(evaluations, x) +
    drawKey(curves, evaluations.length > 0) +
    '</svg>\n'
  );
}

/** From the first step to the last; a single one gets some room. */
function stepScale(steps: readonly number[]): Scale {
  const [low, high] = [Math.min(...steps), Math.max(...steps)];
  const room = low === high ? 0.5 : 0;
  return scaleLinear([low - room, high + room], [FRAME[0], FRAME[2]]);
}

/** From 0 where that is near, and to round numbers where it is linear. */
function lossScale(low: number, high: number): Scale {
  const [, top, , bottom] = FRAME;
  if (low > 0 && high > 8 * low) {
    const margin = (high / low) ** 0.05;
    return scaleLog([low / margin, high * margin], [bottom, top]).clamp(true);
  }
  const room = low === high ? 0.5 : 0;
  const from = low > 0 && low < 0.5 * high ? 0 : low - room;
  return scaleLinear([from, high + room], [bottom, top])
    .nice()
    .clamp(true);
}

/** Means over windows of neighbouring points, at evenly chosen points. */
function smoothed(points: Points): Points {
  const reach = Math.round(Math.min(points.length / 10, 3 + 0.015 * points.length));
  const sums = new Float64Array(points.length + 1);
  for (const [i, [, value]] of points.entries()) sums[i + 1] = sums[i] + value;
  return thin(
    points.map(([step], i) => {
      // Near the ends as far to either side as both sides reach, so that the ends are not pulled inwards; but not down to
      // single points.
      const window = Math.max(Math.ceil(reach / 4), Math.min(reach, i, points.length - 1 - i));
      const [from, to] = [Math.max(0, i - window), Math.min(points.length, i + window + 1)];
      return [step, (sums[to] - sums[from]) / (to - from)] as const;
    }),
    SMOOTH_POINTS,
  );
}

/** At most `count` of the points, evenly chosen, with the first and the last. */
function thin(points: Points, count: number): Points {
  if (points.length <= count) return points;
  return Array.from({ length: count }, (_, i) => points[Math.round((i * (points.length - 1)) / (count - 1))]);
}

/** The values that all but 4 % of the points lie between. */
function bulk(points: Points): number[] {
  const sorted = points.map(([, value]) => value).sort((a, b) => a - b);
  const skipped = Math.floor(0.02 * sorted.length);
  return sorted.length === 0 ? [] : [sorted[skipped], sorted[sorted.length - 1 - skipped]];
}

const path = (points: Points, x: Scale, y: Scale): string =>
  line<Points[number]>(
    ([step]) => x(step),
    ([, value]) => y(value),
  ).digits(2)(points) ?? '';

function drawCurve(
  { points }: LossCurve,
  smooth: Points,
  x: Scale,
  y: Scale,
  colour: string,
  index: number,
): string {
  const raw = thin(points, MAX_RAW);
  // Few points would hardly be seen, many would hide the line.
  const opacity = Math.min(0.6, Math.max(0.16, 20 / raw.length)).toFixed(2);
  const dots = raw.map((point) => path([point], x, y)).join('');
  return (
    `<g fill="none" stroke="${colour}" stroke-linecap="round" stroke-linejoin="round">` +
    `<path d="${dots}" stroke-width="3" stroke-opacity="${opacity}"/>` +
    `<path d="${path(smooth, x, y)}" stroke-width="${index === 0 ? 2.6 : 1.8}"/></g>`
  );
}

function drawEvaluations(evaluations: Points, x: Scale): string {
  if (evaluations.length === 0) return '';
  const [, top, right, bottom] = FRAME;
  const f = scaleLinear([0, 1], [bottom, top]);
  const mark = symbol(symbolDiamond, MARK_AREA).digits(2)();
  const marks = evaluations.map(
    ([step, value]) => `<path transform="translate(${round(x(step))} ${round(f(value))})" d="${mark}"/>`,
  );
  const labels = f.ticks(5).map((tick) => text(f.tickFormat(5)(tick), right + 10, f(tick), 'start'));
  return (
    `<g fill="${F_COLOUR}"><path d="M${right} ${top}V${bottom}" stroke="${F_COLOUR}"/>` +
    `<path d="${path(evaluations, x, f)}" fill="none" stroke="${F_COLOUR}" stroke-dasharray="3 4"/>` +
    `<g stroke="#ffffff">${marks.join('')}</g>${labels.join('')}${text('F', right, top - 22, 'middle')}</g>`
  );
}

function drawAxes(x: Scale, y: Scale): string {
  const [left, top, right, bottom] = FRAME;
  // Of a logarithmic axis's lines, those with room for it are labelled.
  const lossLabel = y.tickFormat(8, '~g');
  const across = y
    .ticks(8)
    .map(
      (tick) =>
        `<path d="M${left} ${round(y(tick))}H${right}" stroke="${GRID}"/>` +
        text(lossLabel(tick), left - 10, y(tick), 'end'),
    );
  const down = x
    .ticks(8)
    .filter(Number.isInteger)
    .map(
      (tick) =>
        `<path d="M${round(x(tick))} ${bottom}v6" stroke="${INK}"/>` +
        text(String(tick), x(tick), bottom + 20, 'middle'),
    );
  return (
    `${across.join('')}${down.join('')}<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="${INK}"/>` +
    text('loss', left, top - 22, 'middle') +
    text('step', (left + right) / 2, bottom + 44, 'middle')
  );
}

/** The names of the curves, side by side above the frame. */
function drawKey(curves: readonly LossCurve[], hasEvaluations: boolean): string {
  const entries = curves.map(({ name }, i) => ({
    sign: '\u2014',
    name,
    colour: COLOURS[i % COLOURS.length],
  }));
  if (hasEvaluations) entries.push({ sign: '\u25c6', name: 'F', colour: F_COLOUR });
  const spans = entries.map(
    ({ sign, name, colour }) => `<tspan dx="26" fill="${colour}">${sign} ${escapeText(name)}</tspan>`,
  );
  return `<text x="${FRAME[0] + 20}" y="27" font-weight="bold">${spans.join('')}</text>`;
}

/** Text whose middle is at height y. */
const text = (content: string, x: number, y: number, anchor: 'start' | 'middle' | 'end'): string =>
  `<text x="${round(x)}" y="${round(y)}" dy=".35em" text-anchor="${anchor}">${content}</text>`;

const escapeText = (content: string): string => content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

const round = (value: number): number => Math.round(value * 100) / 100;

function checkPoints(curves: readonly LossCurve[], evaluations: Points): void {
  if (!curves.some(({ points }) => points.length > 0)) {
    throw new DBNetError('invalid-argument', 'expected at least one loss to draw, found none');
  }
  for (const { name, points } of [...curves, { name: 'evaluations', points: evaluations }]) {
    for (const [i, [step, value]] of points.entries()) {
      if (!Number.isFinite(step) || !Number.isFinite(value)) {
        throw new DBNetError(
          'invalid-argument',
          `curve ${name}: expected finite numbers, found step ${describe(step)} with ${describe(value)} at index ${i}`,
        );
      }
      if (i > 0 && step <= points[i - 1][0]) {
        throw new DBNetError(
          'invalid-argument',
          `curve ${name}: expected rising steps, found ${step} after ${points[i - 1][0]}`,
        );
      }
    }
  }
}
