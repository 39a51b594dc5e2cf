/** @file Figure 4: polygons under the hand, and the maps that the network is trained on. */

import { type LabelMaps, labelMaps, type Point } from 'dbnet-webgpu/labels';
import { draw, find, plural, reconcile } from '../shared/dom.ts';
import { add, inside, moved, withCorner } from '../shared/edit.ts';
import { measures } from './measures.ts';
import { short, slider } from './slider.ts';

const size = { width: 240, height: 150 };

const names = ['probability', 'probabilityMask', 'threshold', 'thresholdMask'] as const;

const first: readonly Point[][] = [
  [
    [24, 36],
    [150, 22],
    [156, 66],
    [28, 78],
  ],
  [
    [60, 88],
    [214, 84],
    [212, 124],
    [62, 130],
  ],
];

/** What an arrow key adds. */
const arrows: Readonly<Record<string, Point>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function labelsFigure(): void {
  let polygons = structuredClone(first) as Point[][];
  /** The polygon that was touched last: its numbers are shown. */
  let current = 0;
  const overlay = find<SVGSVGElement>('labels-overlay');
  overlay.setAttribute('viewBox', `0 0 ${size.width} ${size.height}`);
  const outlines = overlay.appendChild(draw('g'));
  const handles = overlay.appendChild(draw('g'));
  const ratio = slider('labels-ratio', short, redraw);
  const ignore = find<HTMLInputElement>('labels-ignore');
  const authors = find<HTMLInputElement>('labels-authors');
  ignore.addEventListener('change', redraw);
  authors.addEventListener('change', redraw);
  find('labels-reset').addEventListener('click', () => {
    polygons = structuredClone(first) as Point[][];
    redraw();
  });
  redraw();

  function redraw(): void {
    const maps = labelMaps(
      polygons.map((points, i) => ({ points, ignore: ignore.checked && i === current })),
      size,
      { shrinkRatio: ratio.value, distance: authors.checked ? 'authors' : 'segment' },
    );
    for (const name of names) paint(find<HTMLCanvasElement>(`labels-${name}`), maps, name);
    reconcile(outlines, polygons, createOutline, (outline, points) =>
      outline.setAttribute('points', points.join(' ')),
    );
    const corners = polygons.flatMap((points, polygon) =>
      points.map((at, corner) => ({ polygon, corner, at })),
    );
    reconcile(handles, corners, createHandle, (handle, { polygon, corner, at }) => {
      handle.setAttribute('cx', String(at[0]));
      handle.setAttribute('cy', String(at[1]));
      handle.setAttribute('aria-label', `Polygon ${polygon + 1}, corner ${corner + 1}, at ${at.join(', ')}`);
    });
    const { A, L, D } = measures(polygons[current], ratio.value);
    find('labels-name').textContent = `Polygon ${current + 1}`;
    find('labels-area').textContent = `${Math.round(A)} px²`;
    find('labels-length').textContent = `${L.toFixed(1)} px`;
    find('labels-distance').textContent = `${D.toFixed(1)} px`;
    find('labels-text').textContent = plural(count(maps.probability), 'pixel');
    find('labels-note').textContent = note(maps);
  }

  function change(polygon: number, points: Point[]): void {
    current = polygon;
    polygons = polygons.map((other, i) => (i === polygon ? points : other));
    redraw();
  }

  function createOutline(index: number): SVGElement {
    const outline = draw('polygon', { class: 'outline' });
    onDrag(outline, (by, points) => change(index, moved(points[index], by, size)));
    return outline;
  }

  function createHandle(index: number): SVGElement {
    const [polygon, corner] = [Math.floor(index / 4), index % 4];
    const handle = draw('circle', { r: 4, class: 'handle', tabindex: 0, role: 'button' });
    const moveBy = (by: Point, points: readonly Point[]) =>
      change(polygon, withCorner(points, corner, inside(add(points[corner], by), last)));
    onDrag(handle, (by, points) => moveBy(by, points[polygon]));
    handle.addEventListener('keydown', (event) => {
      const by = arrows[event.key];
      if (!by) return;
      event.preventDefault();
      const step = event.shiftKey ? 10 : 1;
      moveBy([by[0] * step, by[1] * step], polygons[polygon]);
    });
    handle.addEventListener('focus', () => {
      current = polygon;
      redraw();
    });
    return handle;
  }

  /** Calls with how far the pointer has come since it was pressed, pixels of the maps, and the polygons then. */
  function onDrag(element: SVGElement, move: (by: Point, points: readonly Point[][]) => void): void {
    element.addEventListener('pointerdown', (event) => {
      const { clientX, clientY, pointerId } = event;
      const [scale, before] = [size.width / overlay.clientWidth, polygons];
      const follow = (now: PointerEvent) =>
        move(
          [Math.round((now.clientX - clientX) * scale), Math.round((now.clientY - clientY) * scale)],
          before,
        );
      element.setPointerCapture(pointerId);
      element.addEventListener('pointermove', follow);
      element.addEventListener(
        'lostpointercapture',
        () => element.removeEventListener('pointermove', follow),
        {
          once: true,
        },
      );
    });
  }
}

/** The last pixel of the maps. */
const last = { width: size.width - 1, height: size.height - 1 };

const count = (map: Float32Array): number => map.reduce((sum, value) => sum + value, 0);

const reasons: Readonly<Record<LabelMaps['ignored'][number]['reason'], string>> = {
  ignore: 'it is marked as don’t care',
  outside: 'it is outside of the picture',
  area: 'it has no area',
  size: 'it is narrower than 8 pixels',
  shrink: 'nothing is left of it when it is shrunk',
};

function note({ ignored }: LabelMaps): string {
  return ignored
    .map(({ index, reason }) => `Polygon ${index + 1} is left out of the loss of P: ${reasons[reason]}.`)
    .join(' ');
}

/** Grey, from 0 as black to 1 as white. */
function paint(canvas: HTMLCanvasElement, maps: LabelMaps, name: (typeof names)[number]): void {
  Object.assign(canvas, size);
  const pixels = new ImageData(size.width, size.height);
  maps[name].forEach((value, i) => {
    pixels.data.fill(Math.round(255 * value), 4 * i, 4 * i + 3);
    pixels.data[4 * i + 3] = 255;
  });
  canvas.getContext('2d')?.putImageData(pixels, 0, 0);
}
