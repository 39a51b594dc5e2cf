/**
 * @file How a convolution is computed in a detector: with which tile, and whether by Winograd's filtering, as it was
 * measured on this device, else as by default. The autotuner itself is loaded when it is first used.
 */

import { chooseFusions } from '../graph/passes/index.ts';
import { defaultWinogradSize } from '../graph/passes/winograd.ts';
import type { Conv2d } from '../kernels/conv2d-shape.ts';
import type { Tile } from '../kernels/tile.ts';
import type { Precision } from '../kernels/wgsl.ts';
import type { WinogradSize } from '../kernels/winograd.ts';
import type { GpuContext } from '../runtime/gpu-context.ts';
import type { PipelineCache } from '../runtime/pipelines.ts';
import { loadEntries, storeEntries } from './cache.ts';
import { defaultTile } from './default-table.ts';
import { layerClass } from './layer-class.ts';
import { findTile, findWinograd, type TuningEntries, type TuningTable, tableVersion } from './table.ts';
import type { TuneOptions } from './tune.ts';
import type { TunedClass, Tuning } from './tuning.ts';
import { tuningKey } from './tuning-key.ts';

/** What tuning a detector gave. */
export interface TuningReport extends Omit<Tuning, 'codes'> {
  /** The measured tiles as they are stored. */
  table: TuningTable;
  /** Where they are stored, for people; undefined where they could not be. */
  stored: string | undefined;
}

export class TileChoice {
  readonly precision: Precision;
  readonly #context: GpuContext;
  #entries: TuningEntries = {};

  constructor(context: GpuContext, precision: Precision) {
    this.#context = context;
    this.precision = precision;
  }

  /** Takes what was stored for this device in earlier sessions. Never fails. */
  async load(): Promise<void> {
    this.#entries = await loadEntries(tuningKey(this.#context.adapter, this.precision));
  }

  /** The tile of a convolution. */
  tile(conv: Conv2d): Tile {
    return findTile(this.#entries, conv, this.precision, this.#context.device.limits) ?? this.standard(conv);
  }

  /** The tile where nothing was measured. */
  standard(conv: Conv2d): Tile {
    const { adapter, device, software } = this.#context;
    return defaultTile(conv, { precision: this.precision, limits: device.limits, software }, adapter);
  }

  /** Winograd's size for a 3x3 convolution of stride 1, or undefined where the plain one is faster. */
  winograd(conv: Conv2d): WinogradSize | undefined {
    const found = findWinograd(this.#entries, conv, this.precision);
    if (found === undefined) return this.standardWinograd(conv);
    return found === 'direct' ? undefined : found;
  }

  /** Winograd's size where nothing was measured. */
  standardWinograd(conv: Conv2d): WinogradSize | undefined {
    const used = chooseFusions(this.#context, this.precision).includes('winograd');
    return used ? defaultWinogradSize(conv) : undefined;
  }

  /** True if something was measured for at least one of the convolutions' classes. */
  knowsAnyOf(convs: readonly Conv2d[]): boolean {
    return convs.some((conv) => layerClass(conv, this.precision) in this.#entries);
  }

  /**
   * Measures, stores the result, and uses it from now on.
   * @throws as `tune()`.
   */
  async tune(
    convs: readonly Conv2d[],
    pipelines: PipelineCache,
    options: Pick<TuneOptions, 'budgetMs' | 'openStopwatch' | 'onProgress' | 'signal'>,
  ): Promise<{ report: TuningReport; codes: readonly string[] }> {
    const { tune } = await import('./tune.ts');
    const { codes, ...tuning } = await tune(this.#context, convs, {
      ...options,
      precision: this.precision,
      pipelines,
      standard: (conv) => this.standard(conv),
      standardWinograd: (conv) => this.standardWinograd(conv),
    });
    const measured = tableEntries(tuning.classes);
    this.#entries = { ...this.#entries, ...measured };
    const key = tuningKey(this.#context.adapter, this.precision);
    const stored = tuning.classes.length > 0 ? await storeEntries(key, measured) : undefined;
    return {
      report: { ...tuning, table: { version: tableVersion, key: key.key, entries: measured }, stored },
      codes,
    };
  }
}

/** What a table says of measured classes: theirs, and those of the products of Winograd's filtering. */
export function tableEntries(classes: readonly TunedClass[]): TuningEntries {
  return Object.fromEntries(
    classes.flatMap(({ name, tile, ms, gflops, winograd, products }) => [
      [name, { tile, ms, gflops, ...(winograd && { winograd }) }],
      ...(products
        ? [[products.name, { tile: products.tile, ms: products.ms, gflops: products.gflops }] as const]
        : []),
    ]),
  );
}
