/** @file Sliders: a range with its value beside it. */

import { find } from '../shared/dom.ts';

export interface Slider {
  readonly value: number;
  /** As if it had been dragged there. */
  set(value: number): void;
}

/** @param show the value in words */
export function slider(id: string, show: (value: number) => string, onChange: () => void): Slider {
  const input = find<HTMLInputElement>(id);
  const output = find<HTMLOutputElement>(`${id}-value`);
  const changed = () => {
    output.value = show(input.valueAsNumber);
    input.setAttribute('aria-valuetext', output.value);
  };
  input.addEventListener('input', () => {
    changed();
    onChange();
  });
  changed();
  return {
    get value() {
      return input.valueAsNumber;
    },
    set(value) {
      input.valueAsNumber = value;
      input.dispatchEvent(new Event('input'));
    },
  };
}

/** A number as readers expect it: three digits, a true minus sign. */
export function short(value: number): string {
  const rounded = Number(value.toPrecision(3));
  const text = rounded !== 0 && Math.abs(rounded) < 1e-3 ? rounded.toExponential(1) : String(rounded);
  return text.replaceAll('-', '−');
}

/** Three decimals: for what lies between 0 and 1. */
export const share = (value: number): string => value.toFixed(3);

/** Fills elements with numbers, by id. */
export function fill(values: Readonly<Record<string, number>>, show = short): void {
  for (const [id, value] of Object.entries(values)) find(id).textContent = show(value);
}
