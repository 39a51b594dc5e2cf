/** @file The controls: what they show is what the visitor chose, or else what the weights say. */

import { find } from '../shared/dom.ts';
import { type Choices, regionOptions, type Shape, type Slider, sliders, type statedBy } from './choices.ts';

interface Listeners {
  /** What has changed concerns regions alone. */
  onRegions(): void;
  /** The network has to run again. */
  onNetwork(): void;
}

export class Choosing {
  #choices: Choices = { shape: 'quad', binarize: 'P' };
  #stated: ReturnType<typeof statedBy> = {};
  #sizeChosen = false;
  #scheduled = false;
  readonly #listeners: Listeners;

  constructor(listeners: Listeners) {
    this.#listeners = listeners;
    for (const name of sliders) {
      const input = find<HTMLInputElement>(name);
      input.addEventListener('input', () => this.#change({ [name]: input.valueAsNumber }));
    }
    this.#onRadio('shape', (value) => this.#change({ shape: value as Shape }));
    this.#onRadio('binarize', (value) => this.#change({ binarize: value as 'P' | 'B' }));
    find('reset').addEventListener('click', () =>
      this.#change({ threshold: undefined, boxThreshold: undefined, unclipRatio: undefined }),
    );
    const size = find<HTMLSelectElement>('size');
    size.addEventListener('change', () => {
      this.#sizeChosen = true;
      this.#choices = { ...this.#choices, shortSide: Number(size.value) || undefined };
      this.#listeners.onNetwork();
    });
    this.#render();
  }

  get choices(): Choices {
    return this.#choices;
  }

  /** Shows what weights say. @param shortSide the size to begin with, unless the visitor has chosen one. */
  use(stated: ReturnType<typeof statedBy>, hasThresholdHead: boolean, shortSide: number | undefined): void {
    this.#stated = stated;
    const ofB = this.#radio('binarize', 'B');
    ofB.disabled = !hasThresholdHead;
    ofB.parentElement!.title = hasThresholdHead ? '' : 'These weights have no threshold head';
    if (!hasThresholdHead) this.#choices = { ...this.#choices, binarize: 'P' };
    if (!this.#sizeChosen) this.#choices = { ...this.#choices, shortSide };
    this.#render();
  }

  #radio(name: string, value: string): HTMLInputElement {
    return document.querySelector<HTMLInputElement>(`input[name=${name}][value="${value}"]`)!;
  }

  #onRadio(name: string, use: (value: string) => void): void {
    for (const input of document.querySelectorAll<HTMLInputElement>(`input[name=${name}]`)) {
      input.addEventListener('change', () => use(input.value));
    }
  }

  #change(change: Partial<Choices>): void {
    this.#choices = { ...this.#choices, ...change };
    this.#render();
    // However many events a frame brings.
    if (this.#scheduled) return;
    this.#scheduled = true;
    requestAnimationFrame(() => {
      this.#scheduled = false;
      this.#listeners.onRegions();
    });
  }

  #render(): void {
    const { shape, binarize, shortSide } = this.#choices;
    const shown = regionOptions(this.#choices, this.#stated);
    for (const name of sliders) {
      find<HTMLInputElement>(name).value = String(shown[name]);
      const output = find<HTMLOutputElement>(`${name}-value`);
      output.value = shown[name].toFixed(2);
      output.className = this.#isOwn(name) ? 'own' : '';
    }
    this.#radio('shape', shape).checked = true;
    this.#radio('binarize', binarize).checked = true;
    find<HTMLSelectElement>('size').value = String(shortSide ?? '');
    find<HTMLButtonElement>('reset').disabled = sliders.every((name) => this.#isOwn(name));
  }

  #isOwn(name: Slider): boolean {
    return this.#choices[name] === undefined;
  }
}
