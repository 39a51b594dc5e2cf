/** @file What the page knows: photos, their labels, what is selected. Every change is announced. */

import type { Point } from 'dbnet-webgpu';

/** The outline of a text, in pixels of its photo. */
export interface Label {
  points: Point[];
  text: string;
  /** Don't care: illegible, neither text nor background. */
  ignore: boolean;
}

/** The probability map of a photo. */
export interface ProbabilityMap {
  /** `[height, width]`, 0 to 1. */
  P: Float32Array;
  width: number;
  height: number;
  /** Steps that the weights had been trained for. */
  step: number;
}

export interface Photo {
  name: string;
  image: ImageData;
  /** Address of the file, for showing it. */
  url: string;
  /** True for a photo of the project, for which there are labels. */
  isExample?: boolean;
  labels: readonly Label[];
  /** Labels as they were, for undo and redo. */
  past: (readonly Label[])[];
  future: (readonly Label[])[];
  /** Regions that the first weights find, and those of the trained ones. */
  before?: Point[][];
  after?: Point[][];
  map?: ProbabilityMap;
}

export class Model {
  readonly photos: Photo[] = [];
  #current = 0;
  /** Index of a label of the current photo, and of a corner of it. */
  selected: number | undefined;
  corner: number | undefined;
  readonly #listeners: (() => void)[] = [];

  get photo(): Photo | undefined {
    return this.photos[this.#current];
  }

  get label(): Label | undefined {
    return this.selected === undefined ? undefined : this.photo?.labels[this.selected];
  }

  /** Photos that are trained on: those with a text. One without labels may have texts that nobody marked. */
  get labelled(): Photo[] {
    return this.photos.filter(({ labels }) => labels.some(({ ignore }) => !ignore));
  }

  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  changed(): void {
    for (const listener of this.#listeners) listener();
  }

  add(photo: Photo): void {
    this.photos.push(photo);
    this.show(this.photos.length - 1);
  }

  remove(index: number): void {
    const [removed] = this.photos.splice(index, 1);
    URL.revokeObjectURL(removed.url);
    this.show(Math.max(0, Math.min(this.photos.length - 1, this.#current - (index < this.#current ? 1 : 0))));
  }

  show(index: number): void {
    this.#current = index;
    this.select(undefined);
  }

  isShown(photo: Photo): boolean {
    return this.photo === photo;
  }

  select(label: number | undefined, corner?: number): void {
    this.selected = label;
    this.corner = corner;
    this.changed();
  }

  /** Replaces the labels of a photo, which undo takes back. */
  edit(labels: readonly Label[], photo = this.photo): void {
    if (!photo) return;
    photo.past.push(photo.labels);
    photo.future.length = 0;
    this.preview(labels, photo);
  }

  /** Replaces the labels for as long as a drag lasts. */
  preview(labels: readonly Label[], photo = this.photo): void {
    if (!photo) return;
    photo.labels = labels;
    if (this.selected !== undefined && this.selected >= labels.length) this.selected = undefined;
    this.changed();
  }

  addLabel(points: Point[]): void {
    if (!this.photo) return;
    this.edit([...this.photo.labels, { points, text: '', ignore: false }]);
    this.select(this.photo.labels.length - 1);
  }

  removeLabel(index: number): void {
    if (!this.photo) return;
    this.edit(this.photo.labels.filter((_, i) => i !== index));
    this.select(undefined);
  }

  changeLabel(index: number, change: Partial<Label>): void {
    if (!this.photo) return;
    this.edit(this.photo.labels.map((label, i) => (i === index ? { ...label, ...change } : label)));
  }

  undo(): void {
    this.#turnBack('past', 'future');
  }

  redo(): void {
    this.#turnBack('future', 'past');
  }

  #turnBack(from: 'past' | 'future', to: 'past' | 'future'): void {
    const { photo } = this;
    const labels = photo?.[from].pop();
    if (!photo || !labels) return;
    photo[to].push(photo.labels);
    this.corner = undefined;
    this.preview(labels, photo);
  }
}

/** Why training cannot begin, and what to do. Empty if it can. */
export function nothingToLearn({ photos, labelled }: Model): string {
  if (photos.length === 0) return 'There is no photo yet: add one, or try an example.';
  if (labelled.length > 0) return '';
  return photos.some(({ labels }) => labels.length > 0)
    ? "Every label is marked as don't care, so there is nothing to learn from: mark a text that can be read."
    : 'There is no label yet: drag a box around a text in the photo.';
}
