/** @file Grounds for words: a gradient, noise, and shapes of which some look a little like text. */

import type { Random } from '../../src/train/augmentation/random.ts';

export type Colour = [red: number, green: number, blue: number];

/** RGB pixels that can be drawn on. */
export interface Canvas {
  data: Uint8Array;
  width: number;
  height: number;
}

export const randomColour = (random: Random): Colour => [
  random.uniform(0, 255),
  random.uniform(0, 255),
  random.uniform(0, 255),
];

/** Lays a colour over a pixel; nothing outside the canvas. */
export function blend(
  { data, width, height }: Canvas,
  x: number,
  y: number,
  colour: Colour,
  alpha: number,
): void {
  if (x < 0 || y < 0 || x >= width || y >= height) return;
  const p = 3 * (y * width + x);
  for (let c = 0; c < 3; c++) data[p + c] += Math.round(alpha * (colour[c] - data[p + c]));
}

/** A new canvas with a ground of its own. */
export function drawBackground(width: number, height: number, random: Random): Canvas {
  const canvas: Canvas = { data: new Uint8Array(width * height * 3), width, height };
  drawGradient(canvas, random);
  const shapes = 3 + random.integer(8);
  for (let i = 0; i < shapes; i++) random.pick(SHAPES)(canvas, random);
  return canvas;
}

/** Grain, over everything that is drawn already. */
export function addNoise({ data }: Canvas, random: Random): void {
  const strength = random.uniform(2, 16);
  for (let i = 0; i < data.length; i++) {
    const value = data[i] + strength * (random.uniform(-1, 1) + random.uniform(-1, 1));
    data[i] = Math.max(0, Math.min(255, Math.round(value)));
  }
}

function drawGradient({ data, width, height }: Canvas, random: Random): void {
  const corners = [0, 1, 2, 3].map(() => randomColour(random));
  // Corners near one colour, so that a word on them has contrast everywhere.
  const base = randomColour(random);
  const mix = random.uniform(0, 0.35);
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [u, v] = [x / width, y / height];
      for (let c = 0; c < 3; c++, p++) {
        const top = corners[0][c] * (1 - u) + corners[1][c] * u;
        const bottom = corners[2][c] * (1 - u) + corners[3][c] * u;
        data[p] = base[c] + mix * (top * (1 - v) + bottom * v - base[c]);
      }
    }
  }
}

type Shape = (canvas: Canvas, random: Random) => void;

/** Fills where a place, in pixels from a random centre, is inside. */
function fill(
  canvas: Canvas,
  random: Random,
  reach: number,
  inside: (x: number, y: number) => boolean,
): void {
  const [cx, cy] = [random.uniform(0, canvas.width), random.uniform(0, canvas.height)];
  const angle = random.uniform(-Math.PI, Math.PI);
  const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
  const colour = randomColour(random);
  const alpha = random.uniform(0.2, 0.7);
  for (let y = Math.floor(cy - reach); y <= cy + reach; y++) {
    for (let x = Math.floor(cx - reach); x <= cx + reach; x++) {
      const [dx, dy] = [x + 0.5 - cx, y + 0.5 - cy];
      if (inside(dx * cosine + dy * sine, dy * cosine - dx * sine)) blend(canvas, x, y, colour, alpha);
    }
  }
}

const SHAPES: readonly Shape[] = [
  function box(canvas, random) {
    const [a, b] = [random.uniform(10, 70), random.uniform(10, 70)];
    fill(canvas, random, 1.5 * Math.max(a, b), (x, y) => Math.abs(x) < a && Math.abs(y) < b);
  },
  function frame(canvas, random) {
    const [a, b, line] = [random.uniform(10, 60), random.uniform(10, 60), random.uniform(2, 6)];
    const within = (x: number, y: number, by: number) => Math.abs(x) < a + by && Math.abs(y) < b + by;
    fill(canvas, random, 1.5 * Math.max(a, b) + line, (x, y) => within(x, y, 0) && !within(x, y, -line));
  },
  function ring(canvas, random) {
    const [radius, line] = [random.uniform(6, 40), random.uniform(2, 40)];
    fill(canvas, random, radius, (x, y) => Math.hypot(x, y) < radius && Math.hypot(x, y) > radius - line);
  },
  function bars(canvas, random) {
    // A fence of strokes about as wide as those of letters.
    const [length, half, pitch] = [random.uniform(20, 60), random.uniform(6, 14), random.uniform(6, 12)];
    fill(
      canvas,
      random,
      1.5 * length,
      (x, y) => Math.abs(x) < length && Math.abs(y) < half && (x + length) % pitch < pitch / 3,
    );
  },
  function dots(canvas, random) {
    // A full grid of dots: no letters, though the dots are like those of dotted words.
    const [a, b, pitch] = [random.uniform(15, 60), random.uniform(8, 30), random.uniform(4, 9)];
    const radius = random.uniform(0.25, 0.4) * pitch;
    const offset = (value: number) => value - pitch * Math.round(value / pitch);
    fill(
      canvas,
      random,
      1.5 * Math.max(a, b),
      (x, y) => Math.abs(x) < a && Math.abs(y) < b && Math.hypot(offset(x), offset(y)) < radius,
    );
  },
];
