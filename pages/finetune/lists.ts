/** @file The strip of photos and the list of the labels of one of them. */

import { find, make, plural, reconcile } from '../shared/dom.ts';
import type { Label, Model, Photo } from './model.ts';

/** A row's element with the parts that change. */
interface PhotoItem extends HTMLLIElement {
  parts: {
    open: HTMLButtonElement;
    image: HTMLImageElement;
    caption: HTMLElement;
    remove: HTMLButtonElement;
  };
}

interface LabelItem extends HTMLLIElement {
  parts: { pick: HTMLButtonElement; ignore: HTMLInputElement };
}

export function renderPhotos(model: Model): void {
  find('strip').hidden = model.photos.length === 0;
  reconcile<Photo, PhotoItem>(
    find('photos'),
    model.photos,
    (index) => {
      const image = make('img', { alt: '' });
      const caption = make('span');
      const open = make('button', { type: 'button', className: 'open' }, image, caption);
      const remove = make('button', { type: 'button', className: 'remove quiet' }, '✕');
      open.addEventListener('click', () => model.show(index));
      remove.addEventListener('click', () => model.remove(index));
      return Object.assign(make('li', {}, open, remove), { parts: { open, image, caption, remove } });
    },
    ({ parts: { open, image, caption, remove } }, photo) => {
      if (image.getAttribute('src') !== photo.url) image.src = photo.url;
      open.title = photo.name;
      open.setAttribute('aria-pressed', String(model.isShown(photo)));
      caption.textContent = photo.labels.length === 0 ? 'no labels' : plural(photo.labels.length, 'label');
      remove.setAttribute('aria-label', `Remove ${photo.name}`);
    },
  );
}

export function renderLabels(model: Model): void {
  const labels = model.photo?.labels ?? [];
  const empty = find('labels-empty');
  empty.hidden = labels.length > 0;
  empty.textContent = model.photo
    ? 'None yet. Drag a box around each text; a photo with some labels should have all of them.'
    : 'The outlines of texts, as JSON: load a file, or draw some.';
  find('example-labels').hidden = labels.length > 0 || !model.photo?.isExample;
  reconcile<Label, LabelItem>(
    find('labels'),
    labels,
    (index) => {
      const pick = make('button', { type: 'button', className: 'pick' });
      const ignore = make('input', { type: 'checkbox' });
      const remove = make('button', { type: 'button', className: 'quiet' }, '✕');
      remove.setAttribute('aria-label', `Delete label ${index + 1}`);
      pick.addEventListener('click', () => model.select(index));
      ignore.addEventListener('change', () => model.changeLabel(index, { ignore: ignore.checked }));
      remove.addEventListener('click', () => model.removeLabel(index));
      const choice = make('label', { title: 'Illegible: neither text nor background' }, ignore, "don't care");
      return Object.assign(make('li', {}, pick, choice, remove), { parts: { pick, ignore } });
    },
    (item, label, index) => {
      item.classList.toggle('current', index === model.selected);
      item.parts.pick.textContent = `${index + 1}  ${label.text === '' ? describe(label) : `“${label.text}”`}`;
      item.parts.ignore.checked = label.ignore;
    },
  );
}

function describe({ points }: Label): string {
  const side = (axis: 0 | 1) => {
    const values = points.map((point) => point[axis]);
    return Math.round(Math.max(...values) - Math.min(...values));
  };
  return `${points.length === 4 ? 'box' : plural(points.length, 'corner')}, ${side(0)} × ${side(1)} px`;
}
