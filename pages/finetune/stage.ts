/** @file The photo and what lies over it: labels to be drawn and dragged, regions that were found. */

import type { Point } from 'dbnet-webgpu';
import { find } from '../shared/dom.ts';
import { add, distance, inside, moved, rectangle, withCorner } from '../shared/edit.ts';
import { paintMap } from './heat-map.ts';
import type { Label, Model, Photo } from './model.ts';
import { drawDraggedBox, drawFound, drawHandles, drawLabels, drawOpenPolygon, handle } from './outlines.ts';
import { stageKeys } from './stage-keys.ts';
import { Zoom } from './zoom.ts';

export type Tool = 'box' | 'polygon';

/** Screen pixels: up to here a drag is a click. */
const slack = 4;

type Drag =
  | { kind: 'draw'; from: Point }
  | { kind: 'move'; from: Point; label: Label }
  | { kind: 'corner'; from: Point; label: Label; corner: number };

export class Stage {
  readonly zoom = new Zoom();
  readonly #model: Model;
  readonly #svg = find<SVGSVGElement>('overlay');
  readonly #picture = find('picture');
  readonly #image = find<HTMLImageElement>('photo');
  readonly #map = find<HTMLCanvasElement>('map');
  #tool: Tool = 'box';
  /** Corners of a polygon that is being drawn, and where the pointer is. */
  #draft: Point[] = [];
  #pointer: Point | undefined;
  #drag: Drag | undefined;
  /** Labels before the drag. */
  #start: readonly Label[] = [];

  constructor(model: Model) {
    this.#model = model;
    model.onChange(() => this.render());
    this.#svg.tabIndex = 0;
    new ResizeObserver(() => this.render()).observe(this.#svg);
    this.#svg.addEventListener('pointerdown', (event) => this.#down(event));
    this.#svg.addEventListener('pointermove', (event) => this.#move(event));
    this.#svg.addEventListener('pointerup', (event) => this.#up(event));
    this.#svg.addEventListener('pointercancel', () => this.cancel());
    this.#svg.addEventListener('dblclick', () => this.close());
    this.#svg.addEventListener('keydown', (event) => stageKeys(event, model, this));
    for (const name of ['labels', 'map', 'before', 'after']) {
      const toggle = find<HTMLInputElement>(`show-${name}`);
      const apply = () => this.#picture.classList.toggle(`hide-${name}`, !toggle.checked);
      toggle.addEventListener('change', apply);
      apply();
    }
    for (const tool of ['box', 'polygon'] as const) {
      find(`tool-${tool}`).addEventListener('change', () => this.use(tool));
    }
  }

  /** Image pixels per screen pixel. */
  get scale(): number {
    const { photo } = this.#model;
    return photo ? photo.image.width / Math.max(1, this.#svg.clientWidth) : 1;
  }

  get drafting(): boolean {
    return this.#draft.length > 0;
  }

  focus(): void {
    this.#svg.focus();
  }

  use(tool: Tool): void {
    this.#tool = tool;
    find<HTMLInputElement>(`tool-${tool}`).checked = true;
    this.cancel();
  }

  /** Ends what is being drawn or dragged, without it. */
  cancel(): void {
    this.#draft = [];
    if (this.#drag) this.#model.preview(this.#start);
    this.#drag = undefined;
    this.render();
  }

  /** Takes back the last corner of the polygon that is being drawn. */
  dropCorner(): void {
    this.#draft.pop();
    this.render();
  }

  /** Finishes the polygon that is being drawn. */
  close(): void {
    // A double click has set its corner twice.
    const points = this.#draft.filter(
      (point, i) => i === 0 || distance(point, this.#draft[i - 1]) > this.scale,
    );
    if (points.length < 3) return;
    this.#draft = [];
    this.#model.addLabel(points);
  }

  #at({ clientX, clientY }: PointerEvent, { image }: Photo): Point {
    const { left, top } = this.#svg.getBoundingClientRect();
    return inside([(clientX - left) * this.scale, (clientY - top) * this.scale], image);
  }

  #down(event: PointerEvent): void {
    const model = this.#model;
    const { photo } = model;
    if (!photo || event.button !== 0) return;
    event.preventDefault();
    this.focus();
    const at = this.#at(event, photo);
    if (this.drafting) {
      if (this.#draft.length > 2 && distance(at, this.#draft[0]) < handle.reach * this.scale) this.close();
      else this.#draft.push(at);
      this.render();
      return;
    }
    this.#svg.setPointerCapture(event.pointerId);
    this.#start = photo.labels;
    const { label, corner } = (event.target as SVGElement).dataset;
    if (label !== undefined) {
      const index = Number(label);
      this.#drag =
        corner === undefined
          ? { kind: 'move', from: at, label: photo.labels[index] }
          : { kind: 'corner', from: at, label: photo.labels[index], corner: Number(corner) };
      model.select(index, corner === undefined ? undefined : Number(corner));
    } else if (this.#tool === 'box') {
      this.#drag = { kind: 'draw', from: at };
      model.select(undefined);
    } else {
      this.#draft = [at];
      model.select(undefined);
    }
  }

  #move(event: PointerEvent): void {
    const model = this.#model;
    const { photo } = model;
    if (!photo) return;
    this.#pointer = this.#at(event, photo);
    const drag = this.#drag;
    if (!drag || drag.kind === 'draw') {
      if (drag || this.drafting) this.render();
      return;
    }
    if (photo.labels === this.#start && distance(this.#pointer, drag.from) < slack * this.scale) return;
    const { points } = drag.label;
    const by: Point = [this.#pointer[0] - drag.from[0], this.#pointer[1] - drag.from[1]];
    this.#replace(photo, {
      ...drag.label,
      points:
        drag.kind === 'move'
          ? moved(points, by, photo.image)
          : withCorner(points, drag.corner, inside(add(points[drag.corner], by), photo.image)),
    });
  }

  #replace(photo: Photo, label: Label): void {
    this.#model.preview(photo.labels.map((old, i) => (i === this.#model.selected ? label : old)));
  }

  #up(event: PointerEvent): void {
    const model = this.#model;
    const { photo } = model;
    const drag = this.#drag;
    if (!photo || !drag) return;
    this.#drag = undefined;
    const at = this.#at(event, photo);
    if (drag.kind === 'draw') {
      const [width, height] = [Math.abs(at[0] - drag.from[0]), Math.abs(at[1] - drag.from[1])];
      if (Math.min(width, height) >= slack * this.scale) model.addLabel(rectangle(drag.from, at));
      else this.render();
      return;
    }
    const labels = photo.labels;
    if (labels === this.#start) return;
    photo.labels = this.#start;
    model.edit(labels);
  }

  render(): void {
    const { photo } = this.#model;
    this.#picture.hidden = !photo;
    if (!photo) return;
    const { width, height } = photo.image;
    if (this.#image.getAttribute('src') !== photo.url) {
      this.zoom.reset();
      this.#image.src = photo.url;
      this.#image.alt = photo.name;
    }
    this.#picture.style.setProperty('--ratio', String(width / height));
    this.#svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    this.#svg.style.setProperty('--pixel', `${this.scale}px`);
    paintMap(this.#map, photo);
    this.#svg.replaceChildren(
      drawFound(photo.before, 'before'),
      drawFound(photo.after, 'after'),
      drawLabels(photo.labels, this.#model.selected),
      ...drawHandles(this.#model, this.scale),
      ...this.#drawUnfinished(),
    );
  }

  #drawUnfinished(): SVGElement[] {
    const pointer = this.#pointer;
    if (this.#drag?.kind === 'draw' && pointer) return drawDraggedBox(rectangle(this.#drag.from, pointer));
    return this.drafting ? drawOpenPolygon(this.#draft, pointer, this.scale) : [];
  }
}
