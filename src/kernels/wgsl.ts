/** @file The template tag in which every shader is written, and what all of them begin with. */

/// <reference path="./wgsl-preprocessor.d.ts" />
import { wgsl as preprocess } from 'wgsl-preprocessor/wgsl-preprocessor.js';

/** Storage and arithmetic type of activations and weights. Sums are always f32. */
export type Precision = 'f32' | 'f16';

/** How a kernel without a tile is written. */
export interface KernelOptions {
  precision: Precision;
  /**
   * For adapters with quads (`quad.ts`): they take long to compile, and a thread with one channel has a quarter of the
   * code of one with four. Default: false.
   */
  quads?: boolean;
}

/** What a thread of such a kernel takes: the channels, their type in WGSL as they are stored, and that of sums. */
export const elementOf = ({
  precision,
  quads,
}: KernelOptions): { size: 1 | 4; type: string; sumType: string } =>
  quads
    ? { size: 1, type: precision, sumType: 'f32' }
    : { size: 4, type: `vec4<${precision}>`, sumType: 'vec4<f32>' };

/** Bytes of one element. */
export const elementBytes = (precision: Precision): number => (precision === 'f16' ? 2 : 4);

/**
 * WGSL with two directives, each on a line of its own:
 * - `#if ${condition} ... #elif ${condition} ... #else ... #endif`;
 * - `#for p in 0..${count} ... #end`: the lines between with each number below `count` for `{p}`. A loop unrolled in
 *   the source, so that variables with a number in their name become registers.
 *
 * Lines left blank by a condition are removed and the others are indented, whatever was put in, so that a snapshot or
 * a compiler's message shows a shader that reads like one.
 */
export function wgsl(strings: TemplateStringsArray, ...values: (string | number | boolean)[]): string {
  return indented(unrolled(preprocess(strings, ...values)));
}

/** A loop that holds no other. */
const innerLoop = /^ *#for (\w+) in (\d+)\.\.(\d+)\n((?:(?! *#for ).*\n)*?) *#end$/m;

function unrolled(text: string): string {
  const expanded = text.replace(innerLoop, (_, name: string, from: string, to: string, body: string) => {
    let lines = '';
    for (let i = Number(from); i < Number(to); i++) lines += body.replaceAll(`{${name}}`, String(i));
    return lines;
  });
  return expanded === text ? text : unrolled(expanded);
}

/** The lines that are not blank, indented by the brackets that are open before them; a blank one after each function. */
function indented(text: string): string {
  let depth = 0;
  let result = '';
  for (const line of text.split('\n').map((line) => line.trim())) {
    if (line === '') continue;
    let at = 0;
    for (; line[at] === '}' || line[at] === ')'; at++) depth--;
    result += `${'  '.repeat(depth)}${line}\n`;
    const closes = at > 0;
    for (; at < line.length && !line.startsWith('//', at); at++) {
      if (line[at] === '{' || line[at] === '(') depth++;
      else if (line[at] === '}' || line[at] === ')') depth--;
    }
    // What stands at the top level is set apart.
    if (depth === 0 && closes) result += '\n';
  }
  return result.replace(/\n+$/, '\n');
}

/** What a shader that computes in `precision` begins with. */
export function header(precision: Precision): string {
  return precision === 'f16' ? 'enable f16;\n' : '';
}
