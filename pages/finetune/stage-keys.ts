/** @file The stage by keyboard. index.html lists the keys for the reader. */

import type { Point } from 'dbnet-webgpu';
import { add, inside, moved, rectangle, withCorner } from '../shared/edit.ts';
import type { Model } from './model.ts';
import type { Stage } from './stage.ts';

const arrows: Readonly<Record<string, Point>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

export function stageKeys(event: KeyboardEvent, model: Model, stage: Stage): void {
  const { photo } = model;
  if (!photo || event.altKey) return;
  const action = event.ctrlKey || event.metaKey ? withControl(event, model) : plain(event, model, stage);
  if (!action) return;
  event.preventDefault();
  action();
}

function withControl({ key, shiftKey }: KeyboardEvent, model: Model): (() => void) | undefined {
  if (key.toLowerCase() === 'y') return () => model.redo();
  if (key.toLowerCase() !== 'z') return undefined;
  return () => (shiftKey ? model.redo() : model.undo());
}

function plain({ key, shiftKey }: KeyboardEvent, model: Model, stage: Stage): (() => void) | undefined {
  const photo = model.photo!;
  const { label, selected, corner } = model;
  const zoom = stage.zoom.key(key);
  if (zoom) return zoom;
  if (key === 'b') return () => stage.use('box');
  if (key === 'p') return () => stage.use('polygon');
  if (key === 'Escape') {
    if (stage.drafting) return () => stage.cancel();
    return () => model.select(corner === undefined ? undefined : selected);
  }
  if (stage.drafting) {
    if (key === 'Enter') return () => stage.close();
    return key === 'Backspace' ? () => stage.dropCorner() : undefined;
  }
  if (key === 'n') {
    const { width, height } = photo.image;
    const [x, y] = [width / 2, height / 2];
    return () =>
      model.addLabel(
        rectangle(inside([x * 0.75, y * 0.9], photo.image), inside([x * 1.25, y * 1.1], photo.image)),
      );
  }
  if ((key === '.' || key === ',') && photo.labels.length > 0) {
    const step = key === '.' ? 1 : -1;
    const from = selected ?? (step === 1 ? -1 : 0);
    return () => model.select((from + step + photo.labels.length) % photo.labels.length);
  }
  if (!label || selected === undefined) return undefined;
  if (key === 'Delete' || key === 'Backspace') return () => model.removeLabel(selected);
  if (key === 'x') return () => model.changeLabel(selected, { ignore: !label.ignore });
  if (key === 'c') {
    return () => model.select(selected, corner === undefined ? 0 : (corner + 1) % label.points.length);
  }
  const arrow = arrows[key];
  if (!arrow) return undefined;
  const reach = Math.max(1, Math.round(stage.scale)) * (shiftKey ? 10 : 1);
  const by: Point = [arrow[0] * reach, arrow[1] * reach];
  const points =
    corner === undefined
      ? moved(label.points, by, photo.image)
      : withCorner(label.points, corner, inside(add(label.points[corner], by), photo.image));
  return () => model.changeLabel(selected, { points });
}
