/** @file A picture with text that needs no file and no decoder: rows of digits, as on a seven-segment display. */

import type { RawImage } from '../../src/input/types.ts';
import { random as seededRandom } from '../../test/gpu/assert.ts';

/** Which of the segments top, upper right, lower right, bottom, lower left, upper left, middle a digit lights. */
const segments = [
  '1111110',
  '0110000',
  '1101101',
  '1111001',
  '0110011',
  '1011011',
  '1011111',
  '1110000',
  '1111111',
  '1111011',
];

/** Digits per word. */
const wordLength = 4;

/** An opaque RGBA picture with dark words of digits on a light ground; the same for the same size. */
export function drawPicture(width: number, height: number): RawImage & { data: Uint8Array<ArrayBuffer> } {
  const data = new Uint8Array(width * height * 4);
  const random = seededRandom(width * 65536 + height);
  for (let i = 0; i < data.length; i += 4) data.fill(190 + 50 * random(), i, i + 4);
  const digitHeight = Math.max(12, Math.floor(Math.min(width, height) / 16));
  const digitWidth = Math.ceil(digitHeight / 2);
  const advance = Math.ceil(digitWidth * 1.4);
  const wordAdvance = advance * (wordLength + 1);
  for (let top = digitHeight; top + digitHeight <= height; top += 3 * digitHeight) {
    for (let left = digitHeight; left + wordAdvance <= width; left += wordAdvance) {
      for (let i = 0; i < wordLength; i++) {
        const digit = Math.floor(10 * random());
        drawDigit(data, width, left + i * advance, top, digitWidth, digitHeight, digit);
      }
    }
  }
  for (let i = 3; i < data.length; i += 4) data[i] = 255;
  return { data, width, height, channels: 4 };
}

function drawDigit(
  data: Uint8Array,
  stride: number,
  left: number,
  top: number,
  width: number,
  height: number,
  digit: number,
): void {
  const stroke = Math.max(2, Math.floor(height / 7));
  const half = Math.floor(height / 2);
  const right = left + width - stroke;
  const boxes: [number, number, number, number][] = [
    [left, top, width, stroke],
    [right, top, stroke, half],
    [right, top + half, stroke, height - half],
    [left, top + height - stroke, width, stroke],
    [left, top + half, stroke, height - half],
    [left, top, stroke, half],
    [left, top + half - (stroke >> 1), width, stroke],
  ];
  boxes.forEach(([x, y, w, h], i) => {
    if (segments[digit][i] === '0') return;
    for (let row = y; row < y + h; row++) {
      const start = (row * stride + x) * 4;
      data.fill(25, start, start + w * 4);
    }
  });
}
