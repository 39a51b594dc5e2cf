/**
 * @file `dbnet-webgpu/labels`: from labelled polygons to the maps that DBNet is trained on, without a GPU and
 * without the rest of the package.
 */

export { DBNetError, type DBNetErrorCode } from '../errors.ts';
export { createFillScratch, type FillScratch } from '../geometry/fill-poly.ts';
export type { Point } from '../geometry/polygon.ts';
export { labelMaps } from './label-maps.ts';
export { labelMapDefaults } from './options.ts';
export type {
  IgnoredPolygon,
  LabelArrays,
  LabelMapOptions,
  LabelMaps,
  LabelMapsOptions,
  LabelPolygon,
} from './types.ts';
