/** @file The choice of a model: those of the page, and files of the visitor's. */

import { find, make } from '../shared/dom.ts';
import { type Model, models } from './models.ts';

export class ModelList {
  readonly #select = find<HTMLSelectElement>('model');
  readonly #offered: Model[] = [];
  readonly #ownFile = make('option', { value: 'own' }, 'A file of yours…');
  #model: Model;

  /** @param onChange called when another model of the list is chosen */
  constructor(onChange: () => void) {
    this.#select.append(this.#ownFile);
    for (const model of models) this.#offer(model);
    [this.#model] = models;
    this.#show();
    this.#select.addEventListener('change', () => {
      if (this.#select.value === 'own') {
        // It is chosen once there is a file.
        this.#show();
        find('weights-file').click();
        return;
      }
      this.#model = this.#offered[Number(this.#select.value)];
      onChange();
    });
  }

  get model(): Model {
    return this.#model;
  }

  /** Chooses a file. */
  use(weights: File): void {
    this.#model = { title: weights.name, weights };
    this.#offer(this.#model);
    this.#show();
  }

  #offer(model: Model): void {
    const value = String(this.#offered.push(model) - 1);
    this.#ownFile.before(make('option', { value }, model.title));
  }

  #show(): void {
    this.#select.value = String(this.#offered.indexOf(this.#model));
  }
}
