/** @file The template tag in which every shader is written, and the two helpers that shaders share. */

/// <reference path="./wgsl-preprocessor.d.ts" />
import { wgsl as preprocess } from 'wgsl-preprocessor/wgsl-preprocessor.js';

/** Storage and arithmetic type of activations and weights. Sums are always f32. */
export type Precision = 'f32' | 'f16';

/** Bytes of one element. */
export const elementBytes = (precision: Precision): number => (precision === 'f16' ? 2 : 4);

/**
 * WGSL with `#if ${condition} ... #elif ${condition} ... #else ... #endif`.
 * Lines left blank by a condition are removed and the others are indented, whatever was put in, so that a snapshot or
 * a compiler's message shows a shader that reads like one.
 */
export function wgsl(strings: TemplateStringsArray, ...values: (string | number | boolean)[]): string {
  return indented(preprocess(strings, ...values));
}

/** The lines that are not blank, indented by the brackets that are open before them. */
function indented(text: string): string {
  let depth = 0;
  let result = '';
  for (const line of text.split('\n').map((line) => line.trim())) {
    if (line === '') continue;
    const opened = (part: string) => part.split(/[{(]/).length - part.split(/[})]/).length;
    const closing = opened(/^[})]*/.exec(line)![0]);
    result += `${'  '.repeat(depth + closing)}${line}\n`;
    depth += opened(line.replace(/\/\/.*/, ''));
  }
  return result;
}

/** `text(0)`, `text(1)`, ... one per line: a loop unrolled in the text, so that its arrays become registers. */
export function unroll(count: number, text: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => text(index)).join('\n');
}

/** What a shader that computes in `precision` begins with. */
export function header(precision: Precision): string {
  return precision === 'f16' ? 'enable f16;\n' : '';
}
