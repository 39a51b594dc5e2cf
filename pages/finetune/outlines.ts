/** @file Outlines over the photo as SVG: labels, handles, what is being drawn, what was found. */

import type { Point } from 'dbnet-webgpu';
import { draw } from '../shared/dom.ts';
import type { Label, Model } from './model.ts';

/** Screen pixels: a handle's radius, and what still hits it. */
export const handle = { radius: 5, reach: 12 };

const list = (points: readonly Point[]): string => points.map((point) => point.join()).join(' ');

const dot = ([cx, cy]: Point, r: number, attributes: Readonly<Record<string, string | number>>): SVGElement =>
  draw('circle', { cx, cy, r, ...attributes });

/** Regions; they are not to be touched. */
export function drawFound(regions: readonly Point[][] | undefined, name: 'before' | 'after'): SVGElement {
  const outlines = (regions ?? []).map((points) => draw('polygon', { points: list(points) }));
  return draw('g', { class: `found ${name}` }, ...outlines);
}

/** Labels, each with its index for whoever is told what was hit. */
export function drawLabels(labels: readonly Label[], selected: number | undefined): SVGElement {
  const outlines = labels.map(({ points, ignore }, index) => {
    const name = `label${ignore ? ' ignore' : ''}${index === selected ? ' selected' : ''}`;
    return draw('polygon', { points: list(points), class: name, 'data-label': index });
  });
  return draw('g', { class: 'labels' }, ...outlines);
}

/** The corners of the selected label. @param scale image pixels per screen pixel. */
export function drawHandles({ label, selected, corner }: Model, scale: number): SVGElement[] {
  if (!label || selected === undefined) return [];
  return label.points.flatMap((point, i) => [
    dot(point, handle.radius * scale, { class: i === corner ? 'handle chosen' : 'handle' }),
    dot(point, handle.reach * scale, { class: 'reach', 'data-label': selected, 'data-corner': i }),
  ]);
}

/** A rectangle that is being dragged. */
export const drawDraggedBox = (points: readonly Point[]): SVGElement[] => [
  draw('polygon', { points: list(points), class: 'draft' }),
];

/** A polygon that is being drawn, up to the pointer; its first corner closes it. */
export function drawOpenPolygon(
  corners: readonly Point[],
  pointer: Point | undefined,
  scale: number,
): SVGElement[] {
  return [
    draw('polyline', { points: list(pointer ? [...corners, pointer] : corners), class: 'draft' }),
    dot(corners[0], handle.radius * scale, { class: 'handle' }),
  ];
}
