/** @file What becomes of labelled texts in crops, counted: how many can be learnt from, and why others cannot. */

import { ignoredPolygons } from '../labels/label-maps.ts';
import { labelMapDefaults } from '../labels/options.ts';
import type { IgnoredPolygon, LabelMapsOptions } from '../labels/types.ts';
import { drawView, type TextPolygon } from './augmentation/augment.ts';
import type { AugmentOptions } from './augmentation/augment-options.ts';
import { Random } from './augmentation/random.ts';

/** Why a text is none in the label maps of a crop; `outside`: it lies outside of the crop. */
type Loss = Exclude<IgnoredPolygon['reason'], 'ignore'>;

/** How crops are drawn, and label maps of them. */
export interface CropOptions {
  cropSize: number;
  seed: number;
  augment: Omit<AugmentOptions, 'cropSize'>;
  labels: Omit<LabelMapsOptions, 'into' | 'scratch'>;
}

export const isText = ({ ignore }: TextPolygon): boolean => !ignore;

/** Counts texts over crops. */
export class LabelFates {
  /** Texts, each as often as a crop was drawn of its picture. */
  texts = 0;
  readonly #lost = new Map<Loss, number>();

  /**
   * Adds a crop.
   *
   * @param given the picture's polygons
   * @param shown what the crop shows of them
   * @param ignored those of `shown` that are no text in the label maps
   */
  add(
    given: readonly TextPolygon[],
    shown: readonly TextPolygon[],
    ignored: readonly IgnoredPolygon[],
  ): void {
    const texts = given.filter(isText).length;
    this.texts += texts;
    this.#lose('outside', texts - shown.filter(isText).length);
    for (const { reason } of ignored) if (reason !== 'ignore') this.#lose(reason, 1);
  }

  /**
   * Adds crops of a picture such as training draws, by the sizes alone: no pixel is touched.
   *
   * @param index of the picture, which decides what is drawn
   */
  addCrops(
    { width, height }: { width: number; height: number },
    polygons: readonly TextPolygon[],
    index: number,
    draws: number,
    { cropSize, seed, augment, labels }: CropOptions,
  ): void {
    for (let draw = 0; draw < draws; draw++) {
      const random = new Random(seed, draw, index);
      const view = drawView({ width, height }, polygons, random, { ...augment, cropSize });
      const size = { width: cropSize, height: cropSize };
      this.add(polygons, view.polygons, ignoredPolygons(view.polygons, size, labels));
    }
  }

  /** Texts that crops show. */
  get shown(): number {
    return this.texts - (this.#lost.get('outside') ?? 0);
  }

  /** Texts that crops show and that can be learnt from. */
  get used(): number {
    return this.texts - [...this.#lost.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Why texts were lost, the most frequent reason first. */
  reasons(minimumSize = labelMapDefaults.minimumSize): string {
    const words: Record<Loss, string> = {
      outside: 'outside of the crop',
      area: 'without area',
      size: `too small (below ${minimumSize} px there)`,
      shrink: 'too thin to be shrunk',
    };
    const losses = [...this.#lost].sort(([, a], [, b]) => b - a);
    if (losses.length === 0) return 'all covered by labels that are to be ignored';
    return losses.map(([loss, count]) => `${count} ${words[loss]}`).join(', ');
  }

  #lose(loss: Loss, count: number): void {
    if (count > 0) this.#lost.set(loss, (this.#lost.get(loss) ?? 0) + count);
  }
}
