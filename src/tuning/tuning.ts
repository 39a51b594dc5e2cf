/** @file What tuning gives, and how a class's measurements become a part of it. */

import { type Conv2d, multiplyAdds } from '../kernels/conv2d-shape.ts';
import { type Tile, tileName } from '../kernels/tile.ts';
import type { Precision } from '../kernels/wgsl.ts';
import type { WinogradSize } from '../kernels/winograd.ts';
import { layerClass } from './layer-class.ts';
import { type ClassResult, leastTimed, type Rejection } from './measure-class.ts';
import { type WinogradResult, winogradScale } from './measure-winograd.ts';
import type { TuningEntry } from './table.ts';
import { productsOf } from './winograd-steps.ts';
import type { ClassWork } from './work.ts';

/** A class that was measured. */
export interface TunedClass extends TuningEntry {
  /** See `layerClass`. */
  name: string;
  /** Layers of this class. */
  layers: number;
  /** What is taken without tuning, and its milliseconds; undefined where it failed. */
  standard: { tile: Tile; ms: number; winograd?: WinogradSize } | undefined;
  /** The products of `winograd`, which are a class of their own: their tile, and the time that is a part of that. */
  products?: TuningEntry & { name: string };
}

export interface Tuning {
  /** The most expensive first. */
  classes: TunedClass[];
  /** Classes that were left as they are: no time, no memory, or nothing to choose from. */
  unmeasured: string[];
  /** Candidates that failed: to compile, to run, or to compute the right thing. */
  rejected: (Rejection & { name: string })[];
  /** Code of the fastest kernels, whose pipelines are worth keeping. */
  codes: string[];
}

/** Adds what was found for a class; gives the fastest tile. */
export function record(
  tuning: Tuning,
  {
    work: { name, layers, conv: whole },
    conv,
    precision,
  }: { work: ClassWork; conv: Conv2d; precision: Precision },
  { best, standard, timed, rejected }: ClassResult,
  winograd: WinogradResult | undefined,
): Tile | undefined {
  const failures = [...rejected, ...(winograd?.rejected ?? [])];
  tuning.rejected.push(...failures.map((rejection) => ({ name, ...rejection })));
  if (!best || timed < leastTimed) {
    tuning.unmeasured.push(name);
    return undefined;
  }
  // From the rows that were measured to those of the layer.
  const scale = multiplyAdds(whole) / multiplyAdds(conv);
  const ms = (winograd?.directMs ?? best.ms) * scale;
  const msOf = (found: { size: WinogradSize; ms: number }) =>
    found.ms * winogradScale(whole, conv, found.size);
  // Times of one round of turns are compared with each other only.
  const drift = (winograd?.directMs ?? best.ms) / best.ms;
  const tuned: TunedClass = {
    name,
    layers,
    tile: best.tile,
    ms,
    gflops: (2 * multiplyAdds(whole)) / (ms * 1e6),
    standard: winograd?.standard
      ? { tile: winograd.standard.tile, ms: msOf(winograd.standard), winograd: winograd.standard.size }
      : standard && { tile: standard.tile, ms: standard.ms * drift * scale },
  };
  if (winograd?.best) {
    const { size, tile } = winograd.best;
    tuned.winograd = { size, ms: msOf(winograd.best) };
    const { products } = winograd;
    // Its own tile may have stayed, where the products' best was not worth the change.
    const found = [products?.result.best, products?.result.standard].find(
      (timed) => timed && tileName(timed.tile) === tileName(tile),
    );
    if (products && found) {
      const form = productsOf(whole, size);
      const time = found.ms * (multiplyAdds(form) / multiplyAdds(products.conv));
      const gflops = (2 * multiplyAdds(form)) / (time * 1e6);
      tuned.products = { name: layerClass(form, precision), tile, ms: time, gflops };
      tuning.codes.push(found.kernel.code);
    }
  }
  tuning.classes.push(tuned);
  tuning.codes.push(best.kernel.code);
  return best.tile;
}
