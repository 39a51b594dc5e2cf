/** @file Maps as colours: matplotlib's inferno (CC0), dark at 0 and bright at 1. */

type Colour = readonly [red: number, green: number, blue: number];

/** At equal steps from 0 to 1. */
const inferno: readonly Colour[] = [
  [0, 0, 4],
  [27, 12, 65],
  [74, 12, 107],
  [120, 28, 109],
  [165, 44, 96],
  [207, 68, 70],
  [237, 105, 37],
  [251, 155, 6],
  [247, 209, 61],
  [252, 255, 164],
];

/** The colour of a value; one outside of 0 to 1 has that of the nearer end. */
export function colourOf(value: number): Colour {
  const place = Math.min(1, Math.max(0, value)) * (inferno.length - 1);
  const below = Math.min(inferno.length - 2, Math.floor(place));
  const part = place - below;
  const [from, to] = [inferno[below], inferno[below + 1]];
  const mixed = from.map((channel, i) => Math.round(channel + (to[i] - channel) * part));
  return [mixed[0], mixed[1], mixed[2]];
}

/** RGBA by value, 256 of them. */
const table = Array.from({ length: 256 }, (_, i) => colourOf(i / 255));

/** RGBA of the part of a map, at its top left, that the picture fills. */
export function coloured(
  map: Float32Array,
  stride: number,
  { width, height }: { width: number; height: number },
): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const index = Math.min(255, Math.max(0, Math.round(255 * map[y * stride + x])));
      const at = 4 * (y * width + x);
      pixels.set(table[index], at);
      pixels[at + 3] = 255;
    }
  }
  return pixels;
}

/** For a legend, in CSS. */
export const gradient = `linear-gradient(to right, ${inferno.map((colour) => `rgb(${colour.join(' ')})`).join(', ')})`;
