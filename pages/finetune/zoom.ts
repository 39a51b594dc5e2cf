/** @file Looking closer: buttons, keys, and the wheel with Ctrl (which is also how browsers report a pinch). */

import { find } from '../shared/dom.ts';

const [least, most] = [1, 8];
const step = 1.25;

/** A place on the screen that stays where it is, pixels; the middle of the stage if none is given. */
type Anchor = { clientX: number; clientY: number };

export class Zoom {
  readonly #stage = find('stage');
  readonly #picture = find('picture');
  #level = 1;

  constructor() {
    find('zoom-in').addEventListener('click', () => this.by(step));
    find('zoom-out').addEventListener('click', () => this.by(1 / step));
    find('zoom-level').addEventListener('click', () => this.reset());
    this.#stage.addEventListener(
      'wheel',
      (event) => {
        if (!event.ctrlKey || this.#picture.hidden) return;
        event.preventDefault();
        this.by(Math.exp(-event.deltaY / 300), event);
      },
      { passive: false },
    );
  }

  reset(): void {
    this.by(least / this.#level);
  }

  /** What a key stands for, if it is one of the zoom's. */
  key(key: string): (() => void) | undefined {
    if (key === '+' || key === '=') return () => this.by(step);
    if (key === '-') return () => this.by(1 / step);
    return key === '0' ? () => this.reset() : undefined;
  }

  by(factor: number, anchor: Anchor = this.#middle()): void {
    const before = this.#picture.getBoundingClientRect();
    this.#level = Math.min(most, Math.max(least, this.#level * factor));
    this.#picture.style.setProperty('--zoom', String(this.#level));
    find('zoom-level').textContent = `${Math.round(this.#level * 100)} %`;
    const after = this.#picture.getBoundingClientRect();
    const share = [
      (anchor.clientX - before.left) / before.width,
      (anchor.clientY - before.top) / before.height,
    ];
    this.#stage.scrollBy(
      after.left + share[0] * after.width - anchor.clientX,
      after.top + share[1] * after.height - anchor.clientY,
    );
  }

  #middle(): Anchor {
    const { left, top, width, height } = this.#stage.getBoundingClientRect();
    return { clientX: left + width / 2, clientY: top + height / 2 };
  }
}
