/** @file The picture of a training: losses against steps, smoothed over the raw points, and F of evaluations. */

import { describe } from '../src/describe.ts';
import { DBNetError } from '../src/errors.ts';
import { GLYPH_HEIGHT, GLYPH_WIDTH, textPath } from './bitmap-font.ts';
import { createImageCodec } from './image-codec.ts';
import { niceTicks, type Scale, scaleFor } from './plot-scale.ts';

/** One curve. */
export interface LossCurve {
  /** Stands in the key; letters, digits, `.`, `-`, `+`, `/`, `%`. */
  name: string;
  /** `[step, loss]`, steps rising. */
  points: readonly (readonly [step: number, loss: number])[];
}

/** What is drawn. */
export interface LossPlot {
  /** The first is drawn boldest: the total, then its parts. */
  curves: readonly LossCurve[];
  /** `[step, F]`, F from 0 to 1, drawn as marks on an axis of their own at the right. */
  evaluations?: readonly (readonly [step: number, f: number])[];
}

const WIDTH = 960;
const HEIGHT = 600;
/** The inner rectangle: left, top, right, bottom. */
const FRAME = [84, 56, 886, 540] as const;

const INK = '#222222';
const GRID = '#e2e2e2';
/** Colours that stay apart for most kinds of colour vision (M. Okabe, K. Ito 2008). */
const COLOURS = [INK, '#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
const F_COLOUR = '#7b3fb5';

/** Raw points per curve; more could not be told apart. */
const MAX_RAW = 1500;
/** Points of a smoothed curve. */
const SMOOTH_POINTS = 400;

/**
 * Draws the plot as SVG of 960 x 600 without fonts. Raw points are faint (at most 1500 per curve, evenly chosen), the
 * line through them is a mean over about 3 % of the points, or over a few where there are few. The loss axis holds all
 * but the outermost points, which lie on its edge; it is logarithmic where the losses are above 0 and span more than a
 * factor of 8.
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
  const steps = [...smooth.flat(), ...evaluations].map(([step]) => step);
  const [left, top, right, bottom] = FRAME;
  const x = scaleFor(steps, [left, right], { kind: 'linear', tight: true });
  const spread = Math.max(...losses) / Math.min(...losses);
  const y = scaleFor(losses, [bottom, top], {
    kind: Math.min(...losses) > 0 && spread > 8 ? 'logarithmic' : 'linear',
  });
  const f: Scale = { kind: 'linear', domain: [0, 1], range: [bottom, top] };
  const drawn = curves.map((curve, i) => drawCurve(curve, smooth[i], x, y, COLOURS[i % COLOURS.length], i));
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}">` +
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>` +
    drawAxes(x, y) +
    // The first curve on top of its parts.
    drawn.reverse().join('') +
    drawEvaluations(evaluations, x, f) +
    drawKey(curves, evaluations.length > 0) +
    '</svg>'
  );
}

/**
 * The plot as a picture.
 *
 * @param extension PNG unless it says otherwise, as for overlays.
 * @throws DBNetError as `drawLossPlot`, and `missing-package` without the package `sharp`
 */
export async function encodeLossPlot(plot: LossPlot, extension: string): Promise<Uint8Array> {
  const svg = drawLossPlot(plot);
  const paper = new Uint8Array(WIDTH * HEIGHT * 3).fill(255);
  const image = { data: paper, width: WIDTH, height: HEIGHT, channels: 3 as const };
  return createImageCodec().encodeOverlay(image, svg, extension);
}

type Points = readonly (readonly [step: number, value: number])[];

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

function drawCurve(
  { points }: LossCurve,
  smooth: Points,
  x: Scale,
  y: Scale,
  colour: string,
  index: number,
): string {
  const raw = thin(points, MAX_RAW).map(([step, loss]) => `M${at(x, step)} ${at(y, loss)}h0`);
  const line = smooth.map(([step, loss]) => `${at(x, step)} ${at(y, loss)}`).join('L');
  // Few points would hardly be seen, many would hide the line.
  const opacity = Math.min(0.6, Math.max(0.16, 20 / raw.length)).toFixed(2);
  return (
    `<g fill="none" stroke="${colour}" stroke-linecap="round" stroke-linejoin="round">` +
    `<path d="${raw.join('')}" stroke-width="3" stroke-opacity="${opacity}"/>` +
    `<path d="M${line}h0" stroke-width="${index === 0 ? 2.6 : 1.8}"/></g>`
  );
}

function drawEvaluations(evaluations: Points, x: Scale, f: Scale): string {
  if (evaluations.length === 0) return '';
  const [, top, right, bottom] = FRAME;
  const marks = evaluations.map(([step, value]) => diamond(at(x, step), at(f, value))).join('');
  const line = evaluations.map(([step, value]) => `${at(x, step)} ${at(f, value)}`).join('L');
  const labels = niceTicks(f).map((tick) =>
    text(tickLabel(tick), right + 8, at(f, tick), { anchor: 'start', colour: F_COLOUR }),
  );
  return (
    `<path d="M${right} ${top}V${bottom}" fill="none" stroke="${F_COLOUR}"/>` +
    `<path d="M${line}h0" fill="none" stroke="${F_COLOUR}" stroke-dasharray="3 4" stroke-width="1.2"/>` +
    `<path d="${marks}" fill="${F_COLOUR}" stroke="#ffffff"/>${labels.join('')}` +
    text('F', right, top - 14, { anchor: 'middle', colour: F_COLOUR })
  );
}

const diamond = (x: number, y: number): string => `M${x - 6} ${y}l6-6 6 6-6 6z`;

function drawAxes(x: Scale, y: Scale): string {
  const [left, top, right, bottom] = FRAME;
  const across = niceTicks(y).map(
    (tick) =>
      `<path d="M${left} ${at(y, tick)}H${right}" stroke="${GRID}"/>` +
      text(tickLabel(tick), left - 8, at(y, tick), { anchor: 'end' }),
  );
  const down = niceTicks(x).map(
    (tick) =>
      `<path d="M${at(x, tick)} ${bottom}v6" stroke="${INK}"/>` +
      text(tickLabel(tick), at(x, tick), bottom + 20, { anchor: 'middle' }),
  );
  return (
    `${across.join('')}${down.join('')}<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="${INK}"/>` +
    text('loss', left, top - 14, { anchor: 'middle' }) +
    text('step', (left + right) / 2, bottom + 44, { anchor: 'middle' })
  );
}

/** The names of the curves, side by side above the frame. */
function drawKey(curves: readonly LossCurve[], hasEvaluations: boolean): string {
  const entries = curves.map(({ name }, i) => ({ name, colour: COLOURS[i % COLOURS.length] }));
  let x = FRAME[0] + 48;
  const y = 22;
  const parts: string[] = [];
  for (const { name, colour } of entries) {
    parts.push(`<path d="M${x} ${y}h22" stroke="${colour}" stroke-width="3"/>`);
    parts.push(text(name, x + 30, y, { anchor: 'start', colour }));
    x += 30 + textWidth(name) + 26;
  }
  if (hasEvaluations) {
    parts.push(`<path d="${diamond(x + 11, y)}" fill="${F_COLOUR}"/>`);
    parts.push(text('F', x + 30, y, { anchor: 'start', colour: F_COLOUR }));
  }
  return parts.join('');
}

/** Pixels per dot of the font. */
const DOT = 1.75;

const textWidth = (content: string): number => DOT * ((GLYPH_WIDTH + 1) * content.length - 1);

/** Text whose middle is at height y. */
function text(
  content: string,
  x: number,
  y: number,
  { anchor, colour = INK }: { anchor: 'start' | 'middle' | 'end'; colour?: string },
): string {
  const shift = { start: 0, middle: 0.5, end: 1 }[anchor] * textWidth(content);
  const place = `translate(${round(x - shift)} ${round(y - (DOT * GLYPH_HEIGHT) / 2)}) scale(${DOT})`;
  return `<path transform="${place}" fill="${colour}" d="${textPath(content)}"/>`;
}

const tickLabel = (value: number): string => String(Number(value.toPrecision(6)));

/** Where a value is drawn, kept on the axis. */
function at({ kind, domain, range }: Scale, value: number): number {
  const measure = kind === 'logarithmic' ? Math.log : (v: number) => v;
  const kept = Math.min(domain[1], Math.max(domain[0], value));
  const share = (measure(kept) - measure(domain[0])) / (measure(domain[1]) - measure(domain[0]));
  return round(range[0] + share * (range[1] - range[0]));
}

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
