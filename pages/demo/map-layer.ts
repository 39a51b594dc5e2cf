/** @file The map that lies over the picture. */

import type { Maps } from 'dbnet-webgpu';
import { find } from '../shared/dom.ts';
import type { Layer } from './choices.ts';
import { coloured, gradient } from './heat-map.ts';

export class MapLayer {
  readonly #canvas = find<HTMLCanvasElement>('map');
  readonly #opacity = find<HTMLInputElement>('opacity');
  #maps: Maps | undefined;
  #layer: Layer | '' = '';
  /** What was painted last. */
  #painted: Float32Array | undefined;

  constructor() {
    find('legend').style.background = gradient;
    for (const input of this.#inputs) {
      input.addEventListener('change', () => {
        this.#layer = input.value as Layer | '';
        this.#render();
      });
    }
    this.#opacity.addEventListener('input', () => this.#render());
    const regions = find<HTMLInputElement>('show-regions');
    const apply = () => find('picture').classList.toggle('no-regions', !regions.checked);
    regions.addEventListener('change', apply);
    apply();
    this.#render();
  }

  get #inputs(): NodeListOf<HTMLInputElement> {
    return document.querySelectorAll('input[name=layer]');
  }

  /** T and B are there with a threshold head only. */
  allow(hasThresholdHead: boolean): void {
    for (const input of this.#inputs) {
      if (input.value === 'T' || input.value === 'B') input.disabled = !hasThresholdHead;
      if (input.disabled && input.checked) {
        this.#layer = '';
        this.#inputs[0].checked = true;
      }
    }
    find('layer-words').textContent = hasThresholdHead ? '' : 'no threshold head, so no T and B';
    this.#render();
  }

  show(maps: Maps | undefined): void {
    this.#maps = maps;
    this.#render();
  }

  /** Draws the map as it is shown. */
  drawOn(context: CanvasRenderingContext2D, { width, height }: { width: number; height: number }): void {
    if (this.#canvas.hidden) return;
    context.globalAlpha = this.#opacity.valueAsNumber;
    context.drawImage(this.#canvas, 0, 0, width, height);
    context.globalAlpha = 1;
  }

  #render(): void {
    const maps = this.#maps;
    const map = this.#layer === '' ? undefined : maps?.[this.#layer];
    find('opacity-box').hidden = this.#layer === '';
    this.#canvas.hidden = map === undefined;
    this.#canvas.style.opacity = this.#opacity.value;
    if (!maps || !map || this.#painted === map) return;
    this.#painted = map;
    const { width, height } = maps.content ?? maps;
    Object.assign(this.#canvas, { width, height });
    const pixels = new ImageData(coloured(map, maps.width, { width, height }), width, height);
    this.#canvas.getContext('2d')?.putImageData(pixels, 0, 0);
  }
}
