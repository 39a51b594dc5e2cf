/** @file The probability map over a photo: what is text glows, the rest is dimmed. */

import type { Photo, ProbabilityMap } from './model.ts';

/** RGBA at P = 0, and at P = 1. */
const night = [8, 11, 28, 150];
const glow = [255, 190, 40, 150];

/** What was painted last, by canvas. */
const painted = new WeakMap<HTMLCanvasElement, ProbabilityMap>();

/** Paints the map of a photo at its own size; the page scales it smoothly. Nothing where there is none. */
export function paintMap(canvas: HTMLCanvasElement, { map }: Photo): void {
  canvas.hidden = !map;
  if (!map || painted.get(canvas) === map) return;
  painted.set(canvas, map);
  const { P, width, height } = map;
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(width, height);
  for (let i = 0; i < P.length; i++) {
    for (let c = 0; c < 4; c++) pixels.data[4 * i + c] = night[c] + (glow[c] - night[c]) * P[i];
  }
  canvas.getContext('2d')?.putImageData(pixels, 0, 0);
}

/** The part of a square crop that shows a photo fitted to it, as `augment: false` fits it. */
export function shownPart(
  crop: Float32Array,
  side: number,
  { width, height }: { width: number; height: number },
): Omit<ProbabilityMap, 'step'> {
  const factor = side / Math.max(width, height);
  const columns = Math.max(1, Math.round(factor * width));
  const rows = Math.max(1, Math.round(factor * height));
  const P = new Float32Array(columns * rows);
  for (let y = 0; y < rows; y++) P.set(crop.subarray(y * side, y * side + columns), y * columns);
  return { P, width: columns, height: rows };
}
