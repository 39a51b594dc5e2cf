/** @file The regions over the picture: one tab stop, arrow keys between them, what is known of the one that is looked at. */

import type { Region } from 'dbnet-webgpu';
import { draw, find, reconcile } from '../shared/dom.ts';

const whole = (value: number): number => Math.round(value);

/** A region in words. */
export function describeRegion({ score, points }: Region, index: number, count: number): string {
  const corners = points.map((point) => `(${point.map(whole).join(', ')})`);
  const shown = corners.length > 4 ? `${corners.length} points` : corners.join(' ');
  return `Region ${index + 1} of ${count}, score ${score.toFixed(2)}: ${shown}`;
}

export class Overlay {
  readonly #svg = find<SVGSVGElement>('overlay');
  readonly #detail = find<HTMLOutputElement>('detail');
  #regions: readonly Region[] = [];
  /** The region that the keyboard is at. */
  #current = 0;

  constructor() {
    const indexOf = (target: EventTarget | null) =>
      target instanceof SVGPolygonElement ? Number(target.dataset.index) : undefined;
    this.#svg.addEventListener('pointerover', ({ target }) => this.#look(indexOf(target)));
    this.#svg.addEventListener('pointerleave', () => this.#look(undefined));
    this.#svg.addEventListener('focus', () => this.#go(this.#current));
    this.#svg.addEventListener('blur', () => this.#look(undefined));
    this.#svg.addEventListener('keydown', (event) => {
      const last = this.#regions.length - 1;
      const { key } = event;
      if (last < 0) return;
      if (key === 'ArrowRight' || key === 'ArrowDown') this.#go(Math.min(last, this.#current + 1));
      else if (key === 'ArrowLeft' || key === 'ArrowUp') this.#go(Math.max(0, this.#current - 1));
      else if (key === 'Home') this.#go(0);
      else if (key === 'End') this.#go(last);
      else return;
      event.preventDefault();
    });
  }

  show(regions: readonly Region[], { width, height }: { width: number; height: number }): void {
    this.#regions = regions;
    this.#current = Math.min(this.#current, Math.max(0, regions.length - 1));
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    // A listbox has options: without any it is a picture of nothing.
    this.#svg.setAttribute('role', regions.length > 0 ? 'listbox' : 'img');
    this.#svg.tabIndex = regions.length > 0 ? 0 : -1;
    reconcile(
      this.#svg,
      regions,
      (index) => draw('polygon', { id: `region-${index}`, role: 'option', 'data-index': index }),
      (polygon, region, index) => {
        polygon.setAttribute('points', region.points.map((point) => point.join()).join(' '));
        polygon.setAttribute('aria-label', describeRegion(region, index, regions.length));
        polygon.setAttribute('aria-selected', 'false');
      },
    );
    if (document.activeElement === this.#svg) this.#go(this.#current);
    else this.#look(undefined);
  }

  #go(index: number): void {
    this.#current = index;
    this.#look(index);
    if (this.#regions[index]) this.#svg.setAttribute('aria-activedescendant', `region-${index}`);
    else this.#svg.removeAttribute('aria-activedescendant');
  }

  #look(index: number | undefined): void {
    const region = index === undefined ? undefined : this.#regions[index];
    for (const polygon of this.#svg.children) {
      const own = region !== undefined && Number((polygon as SVGElement).dataset.index) === index;
      polygon.setAttribute('aria-selected', String(own));
    }
    this.#detail.value = region ? describeRegion(region, index!, this.#regions.length) : '';
  }
}
