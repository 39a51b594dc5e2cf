/** @file Curves in a frame, as wide as the page lets them be. A pointer on them names a value of x. */

import { scaleLinear } from 'd3-scale';
import { line } from 'd3-shape';
import { draw, find } from '../shared/dom.ts';

export interface Curve {
  /** Class of the line, which gives it its colour. */
  name: string;
  points: readonly (readonly [x: number, y: number])[];
}

export interface Plot {
  x: readonly [number, number];
  y: readonly [number, number];
  xLabel: string;
  /** Drawn in this order. */
  curves: readonly Curve[];
  /** Vertical lines with a word beside them. */
  places?: readonly { x: number; text: string }[];
  /** Where the reader looks, and a dot on each curve there. */
  at: number;
  dots: readonly { name: string; y: number }[];
  /** What is drawn, in a sentence. */
  label: string;
}

const height = 230;
/** Around the frame, pixels. */
const margin = { left: 40, top: 16, right: 12, bottom: 40 };

/** `count` + 1 points of a function. */
export function sample(
  f: (x: number) => number,
  [from, to]: readonly [number, number],
  count = 400,
): [number, number][] {
  return Array.from({ length: count + 1 }, (_, i) => {
    const x = from + ((to - from) * i) / count;
    return [x, f(x)];
  });
}

/**
 * Draws what `plot` says, now and whenever the page's width changes.
 * @param id of an empty SVG element
 * @param onPoint called with x, inside of the plot's, where the pointer is or is dragged to
 * @returns draws again
 */
export function chart(id: string, plot: () => Plot, onPoint: (x: number) => void): () => void {
  const svg = find<SVGSVGElement>(id);
  const across = ({ x: [from, to] }: Plot) =>
    scaleLinear([from, to], [margin.left, svg.clientWidth - margin.right]).clamp(true);
  const redraw = () => {
    const shown = plot();
    svg.setAttribute('viewBox', `0 0 ${svg.clientWidth} ${height}`);
    svg.setAttribute('aria-label', shown.label);
    svg.replaceChildren(...content(shown, across(shown), svg.clientWidth));
  };
  svg.setAttribute('height', String(height));
  const point = ({ clientX }: PointerEvent) =>
    onPoint(across(plot()).invert(clientX - svg.getBoundingClientRect().left));
  svg.addEventListener('pointerdown', (event) => {
    svg.setPointerCapture(event.pointerId);
    point(event);
  });
  svg.addEventListener('pointermove', (event) => {
    if (event.buttons !== 0) point(event);
  });
  new ResizeObserver(redraw).observe(svg);
  return redraw;
}

type Across = ReturnType<typeof scaleLinear<number, number>>;

function content(plot: Plot, x: Across, width: number): SVGElement[] {
  const y = scaleLinear([...plot.y], [height - margin.bottom, margin.top]);
  const [bottom, right] = [height - margin.bottom, width - margin.right];
  const path = line<readonly [number, number]>(
    (point) => x(point[0]),
    (point) => y(point[1]),
  ).digits(2);
  const label = y.tickFormat(5);
  return [
    ...y
      .ticks(5)
      .flatMap((tick) => [
        draw('path', { d: `M${margin.left} ${y(tick)}H${right}`, class: tick === 0 ? 'grid zero' : 'grid' }),
        draw('text', { x: margin.left - 6, y: y(tick) + 4, 'text-anchor': 'end' }, label(tick)),
      ]),
    ...x
      .ticks(width < 420 ? 5 : 9)
      .map((tick) =>
        draw('text', { x: x(tick), y: bottom + 16, 'text-anchor': 'middle' }, x.tickFormat()(tick)),
      ),
    draw('text', { x: (margin.left + right) / 2, y: height - 6, 'text-anchor': 'middle' }, plot.xLabel),
    ...(plot.places ?? []).flatMap((place) => [
      draw('path', { d: `M${x(place.x)} ${margin.top}V${bottom}`, class: 'place' }),
      draw('text', { x: x(place.x), y: margin.top - 5, 'text-anchor': 'middle' }, place.text),
    ]),
    ...plot.curves.map(({ name, points }) => draw('path', { d: path(points) ?? '', class: `curve ${name}` })),
    draw('path', { d: `M${x(plot.at)} ${margin.top}V${bottom}`, class: 'rule' }),
    ...plot.dots.map((dot) =>
      draw('circle', { cx: x(plot.at), cy: y(dot.y), r: 4.5, class: `dot ${dot.name}` }),
    ),
  ];
}
