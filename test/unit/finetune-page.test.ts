/** @file The parts of the fine-tuning page that need no page. */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { shownPart } from '../../pages/finetune/heat-map.ts';
import { applyLabels, labelsAsJson, type Waiting } from '../../pages/finetune/labels-file.ts';
import { Model, nothingToLearn, type Photo } from '../../pages/finetune/model.ts';
import { inside, moved, rectangle } from '../../pages/shared/edit.ts';
import { parseJsonLabels } from '../../src/eval/labels.ts';
import type { Point } from '../../src/postprocess/types.ts';
import { augment } from '../../src/train/augmentation/augment.ts';
import { Random } from '../../src/train/augmentation/random.ts';

const photo = (name: string, width = 100, height = 50): Photo => ({
  name,
  image: { width, height } as ImageData,
  url: '',
  labels: [],
  past: [],
  future: [],
});

const square: Point[] = [
  [10, 10],
  [20, 10],
  [20, 20],
  [10, 20],
];

describe('outlines under the hand', () => {
  it('draws rectangles clockwise from the top left, from whichever corner', () => {
    for (const [from, to] of [
      [square[0], square[2]],
      [square[3], square[1]],
    ]) {
      expect(rectangle(from, to)).toEqual(square);
    }
  });

  it('moves as far as the photo allows and keeps the form', () => {
    expect(moved(square, [-30, 100], { width: 100, height: 50 })).toEqual(
      square.map(([x, y]) => [x - 10, y + 30]),
    );
    expect(inside([-3, 50.4], { width: 100, height: 50 })).toEqual([0, 50]);
  });
});

describe('the map of a crop', () => {
  it.each([
    [100, 37],
    [37, 100],
    [64, 64],
    [640, 21],
  ])('shows the part that a photo of %i x %i fills', (width, height) => {
    const picture = {
      data: new Uint8Array(width * height * 3).fill(255),
      width,
      height,
      channels: 3 as const,
    };
    const side = 64;
    const crop = augment(picture, [], new Random(0, 0, 0), { cropSize: side, augment: false });
    const white = Float32Array.from({ length: side * side }, (_, i) => crop.data[4 * i] / 255);
    const shown = shownPart(white, side, picture);
    expect(shown.P).toHaveLength(shown.width * shown.height);
    expect(shown.P.every((value) => value > 0.99)).toBe(true);
    expect(white.filter((value) => value > 0)).toHaveLength(shown.P.length);
  });
});

describe('labels', () => {
  it('come back from their file, and wait for photos that are not open', () => {
    const model = new Model();
    model.add(photo('a.jpg'));
    model.addLabel(square);
    model.changeLabel(0, { ignore: true });
    const text = labelsAsJson([...model.photos, { ...photo('b.jpg'), labels: model.photos[0].labels }]);
    const other = new Model();
    const waiting: Waiting = new Map();
    other.add(photo('a.jpg'));
    expect(applyLabels(text, 'labels.json', other, waiting)).toMatch(/1 of 2 photos.*others.*b\.jpg/);
    expect(other.photos[0].labels).toEqual([{ points: square, text: '', ignore: true }]);
    expect([...waiting.keys()]).toEqual(['b.jpg']);
  });

  it('of the examples are for these photos', async () => {
    const folder = new URL('../../examples/', import.meta.url);
    const images = parseJsonLabels(await readFile(new URL('labels.json', folder), 'utf8'), 'labels.json');
    expect(images).toHaveLength(3);
    for (const { image, width, height, polygons } of images) {
      const stored = await sharp(fileURLToPath(new URL(image, folder))).metadata();
      expect([width, height], image).toEqual([stored.width, stored.height]);
      const size = { width: stored.width, height: stored.height };
      for (const point of polygons.flatMap(({ points }) => points))
        expect(inside(point, size)).toEqual(point);
    }
  });

  it('of another size are refused', () => {
    const model = new Model();
    model.add(photo('a.jpg', 200, 50));
    const text = labelsAsJson([photo('a.jpg')]);
    expect(() => applyLabels(text, 'labels.json', model, new Map())).toThrow(
      /a\.jpg: the labels are for 100x50 pixels, but the photo has 200x50/,
    );
  });

  it('are undone and redone', () => {
    const model = new Model();
    model.add(photo('a.jpg'));
    model.addLabel(square);
    model.addLabel(square);
    model.removeLabel(0);
    model.undo();
    model.undo();
    expect(model.photo?.labels).toHaveLength(1);
    model.redo();
    expect(model.photo?.labels).toHaveLength(2);
    model.addLabel(square);
    model.redo();
    expect(model.photo?.labels).toHaveLength(3);
  });

  it('are trained on where one of them can be read', () => {
    const model = new Model();
    expect(nothingToLearn(model)).toMatch(/no photo/);
    for (const name of ['a.jpg', 'b.jpg', 'c.jpg']) model.add(photo(name));
    expect(nothingToLearn(model)).toMatch(/no label/);
    model.show(1);
    model.addLabel(square);
    model.changeLabel(0, { ignore: true });
    expect(nothingToLearn(model)).toMatch(/don't care/);
    model.show(2);
    model.addLabel(square);
    expect(nothingToLearn(model)).toBe('');
    expect(model.labelled.map(({ name }) => name)).toEqual(['c.jpg']);
  });
});
