/** @file The template tag in which every shader is written, and the two helpers that shaders share. */

/// <reference path="./wgsl-preprocessor.d.ts" />
import { wgsl as preprocess } from 'wgsl-preprocessor/wgsl-preprocessor.js';

/** Storage and arithmetic type of activations and weights. Sums are always f32. */
export type Precision = 'f32' | 'f16';

/** Bytes of one element. */
export const elementBytes = (precision: Precision): number => (precision === 'f16' ? 2 : 4);

/**
 * WGSL with `#if ${condition} ... #elif ${condition} ... #else ... #endif`.
 * Lines left blank by a condition are removed, so that a snapshot shows what is compiled.
 */
export function wgsl(strings: TemplateStringsArray, ...values: (string | number | boolean)[]): string {
  return `${preprocess(strings, ...values)
    .replace(/[ \t]+$/gm, '')
    .replace(/\n(\s*\n)+/g, '\n')
    .trim()}\n`;
}

/** `text(0)`, `text(1)`, ... one per line: a loop unrolled in the text, so that its arrays become registers. */
export function unroll(count: number, text: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => text(index)).join('\n');
}

/** What a shader that computes in `precision` begins with. */
export function header(precision: Precision): string {
  return precision === 'f16' ? 'enable f16;\n' : '';
}
