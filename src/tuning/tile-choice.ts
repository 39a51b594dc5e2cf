/**
 * @file How a convolution is computed in a detector: with which tile, and whether by Winograd's filtering, as it was
 * measured on this device, else as by default. The autotuner itself is loaded when it is first used.
 */

import { chooseWinograd } from '../graph/choose-kernels.ts';
import type { Conv2dOperation } from '../graph/operations/conv2d.ts';
import type { Convolution } from '../kernels/convolution.ts';
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
  tile(conv: Convolution): Tile {
    return findTile(this.#entries, conv, this.precision, this.#context.device.limits) ?? this.standard(conv);
  }

  /** The tile where nothing was measured. */
  standard(conv: Convolution): Tile {
    const { adapter, device, software } = this.#context;
    return defaultTile(conv, { precision: this.precision, limits: device.limits, software }, adapter);
  }

  /** Winograd's tiles for a convolution, or undefined where the plain one is faster. */
  winograd(operation: Conv2dOperation): WinogradSize | undefined {
    const found = findWinograd(this.#entries, operation, this.precision);
    if (found === undefined) return this.standardWinograd(operation);
    return found === 'direct' ? undefined : found;
  }

  /** Winograd's tiles where nothing was measured. */
  standardWinograd(convolution: { outChannels: number }): WinogradSize | undefined {
    return chooseWinograd(convolution, this.#context, this.precision);
  }

  /** True if something was measured for at least one of the convolutions' classes. */
  knowsAnyOf(convs: readonly Convolution[]): boolean {
    return convs.some((conv) => layerClass(conv, this.precision) in this.#entries);
  }

  /**
   * Measures, stores the result, and uses it from now on.
   * @throws as `tune()`.
   */
  async tune(
    convs: readonly Convolution[],
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
