/**
 * @file How layers are computed in a detector: as it was measured on this device, else as by default. The tuner itself
 * is loaded when it is first used.
 */

import type { GpuContext } from '../gpu/device.ts';
import type { PipelineCache } from '../gpu/pipelines.ts';
import { chooseWinograd, defaultChoice } from '../graph/choose-kernels.ts';
import type { KernelChoice } from '../graph/operation.ts';
import type { Conv2dOperation } from '../graph/operations/conv2d.ts';
import type { Convolution } from '../kernels/convolution.ts';
import { plainTile, type Tile, tileName } from '../kernels/tile.ts';
import type { Precision } from '../kernels/wgsl.ts';
import type { WinogradSize } from '../kernels/winograd.ts';
import { loadModule } from '../load-module.ts';
import { loadEntries, storeEntries, tuningKey } from './cache.ts';
import { layerClass } from './classes.ts';
import { findTile, findWinograd, type TuningEntries, type TuningTable, tableVersion } from './table.ts';
import type { TunerOptions, Tuning } from './tune.ts';

/** What tuning a detector gave. */
export interface TuningReport extends Omit<Tuning, 'codes' | 'entries'> {
  /** The measured tiles as they are stored. */
  table: TuningTable;
  /** Where they are stored, for people; undefined where they could not be. */
  stored: string | undefined;
}

export class TunedChoice implements KernelChoice {
  readonly headPixels: number;
  /** What the device computes wrongly and is done without: names of tiles and of fusions, `winograd`, `quads`, `f16`. */
  readonly avoided = new Set<string>();
  readonly #context: GpuContext;
  readonly #wanted: Precision;
  #entries: TuningEntries;

  constructor(context: GpuContext, precision: Precision, entries: TuningEntries = {}) {
    this.#context = context;
    this.#wanted = precision;
    this.#entries = entries;
    this.headPixels = this.#default.headPixels;
  }

  get precision(): Precision {
    return this.avoided.has('f16') ? 'f32' : this.#wanted;
  }

  get quads(): boolean {
    return this.#context.quads && !this.avoided.has('quads');
  }

  get #default(): KernelChoice {
    const { software, adapter } = this.#context;
    return defaultChoice({ software, adapter, quads: this.quads }, this.precision);
  }

  /** Takes what was stored for this device in earlier sessions. Never fails. */
  async load(): Promise<void> {
    this.#entries = await loadEntries(tuningKey(this.#context.adapter, this.precision));
  }

  /** The same for another device; what was measured holds if its adapter is the same. */
  on(context: GpuContext): TunedChoice | undefined {
    const isSame = JSON.stringify(context.adapter) === JSON.stringify(this.#context.adapter);
    return isSame ? new TunedChoice(context, this.precision, this.#entries) : undefined;
  }

  tile(conv: Convolution): Tile {
    const { limits } = this.#context.device;
    const known = findTile(this.#entries, conv, this.precision, { limits, quads: this.quads });
    const tile = known ?? this.#default.tile(conv);
    return this.avoided.has(tileName(tile)) ? plainTile : tile;
  }

  /** Winograd's tiles for a convolution, whatever its size; undefined where the plain one is faster. */
  winograd(operation: Pick<Conv2dOperation, 'sources' | 'outChannels'>): WinogradSize | undefined {
    if (this.avoided.has('winograd')) return undefined;
    const found = findWinograd(this.#entries, operation, this.precision);
    if (found === undefined) return chooseWinograd(operation, this.#context, this.precision);
    return found === 'direct' ? undefined : found;
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
    options: Pick<TunerOptions, 'budgetMs' | 'openTimer' | 'onProgress' | 'signal'>,
  ): Promise<{ report: TuningReport; codes: readonly string[] }> {
    const { tune } = await loadModule(import('./tune.ts'));
    const { codes, entries, ...tuning } = await tune(this.#context, convs, {
      ...options,
      pipelines,
      standard: this.#default,
      standardWinograd: (conv) => chooseWinograd(conv, this.#context, this.precision),
    });
    this.#entries = { ...this.#entries, ...entries };
    const key = tuningKey(this.#context.adapter, this.precision);
    const stored = tuning.classes.length > 0 ? await storeEntries(key, entries) : undefined;
    return { report: { ...tuning, table: { version: tableVersion, key: key.key, entries }, stored }, codes };
  }
}
