/** @file SVG as text: elements, escaped, and scales for axes. */

export type Attributes = Readonly<Record<string, string | number>>;

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

export const escapeText = (text: string): string => text.replace(/[&<>"]/g, (char) => escapes[char]);

/** An element; children are markup. */
export function element(name: string, attributes: Attributes, ...children: readonly string[]): string {
  const list = Object.entries(attributes).map(
    ([key, value]) =>
      ` ${key}="${escapeText(typeof value === 'number' ? String(Math.round(value * 100) / 100) : value)}"`,
  );
  return `<${name}${list.join('')}>${children.join('')}</${name}>`;
}

/** A text at a point. */
export const label = (x: number, y: number, text: string, attributes: Attributes = {}): string =>
  element('text', { x, y, ...attributes }, escapeText(text));

/** What a browser shows when the pointer rests on the element around it. */
export const tooltip = (text: string): string => element('title', {}, escapeText(text));

/** A logarithmic scale from `[low, high]`, widened to powers of ten, to `[from, to]`. */
export function logScale(
  [low, high]: readonly [number, number],
  [from, to]: readonly [number, number],
): { at: (value: number) => number; ticks: number[] } {
  const first = Math.floor(Math.log10(low));
  const last = Math.max(Math.ceil(Math.log10(high)), first + 1);
  return {
    at: (value) => from + ((Math.log10(value) - first) / (last - first)) * (to - from),
    ticks: Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i)),
  };
}
