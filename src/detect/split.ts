/** @file A large picture in parts that overlap, at its own scale, and the maps of the parts as one map. */

import { crop } from '../input/crop.ts';
import type { ReadyImage } from '../input/image.ts';
import { ceilToMultiple } from '../input/size-rule.ts';
import type { Box, PaddedSize, Size } from '../size.ts';
import type { MappedMaps } from './engine.ts';

/** Pixels at the border of a part where the network sees too little of the surroundings; twice as much is shared. */
const margin = 96;

/** A part that the network sees, and what of its map counts: the rest is nearer to the middle of another part. */
export interface Part {
  seen: Box;
  kept: Box;
}

/** Parts of at most `side` pixels, all of the same size, whose kept pieces are the picture, each pixel once. */
export function partsOf({ width, height }: Size, side: number): Part[] {
  const columns = spans(width, side);
  return spans(height, side).flatMap(({ seen: rows, kept: keptRows }) =>
    columns.map(({ seen, kept }) => ({
      seen: { x: seen.start, y: rows.start, width: seen.length, height: rows.length },
      kept: { x: kept.start, y: keptRows.start, width: kept.length, height: keptRows.length },
    })),
  );
}

interface Span {
  start: number;
  length: number;
}

function spans(whole: number, side: number): { seen: Span; kept: Span }[] {
  const length = Math.min(whole, side);
  const count = whole <= side ? 1 : Math.ceil((whole - 2 * margin) / (side - 2 * margin));
  const start = (i: number) => (count === 1 ? 0 : Math.round((i * (whole - length)) / (count - 1)));
  /** The middle of what two neighbours share. */
  const seam = (i: number) => Math.round((start(i) + start(i - 1) + length) / 2);
  return Array.from({ length: count }, (_, i) => {
    const from = i === 0 ? 0 : seam(i);
    const to = i === count - 1 ? whole : seam(i + 1);
    return { seen: { start: start(i), length }, kept: { start: from, length: to - from } };
  });
}

/**
 * Computes the parts of a picture one after the other.
 * @param image stays open.
 * @param compute computes P and the mask of a part, which is number `index` of `count`.
 * @returns the map, the size at which the network ran, and its milliseconds.
 */
export async function computeInParts(
  image: ReadyImage,
  side: number,
  compute: (part: ReadyImage, network: PaddedSize, index: number, count: number) => Promise<MappedMaps>,
): Promise<{ map: WholeMap; network: Size; timings: MappedMaps['timings'] }> {
  const map = new WholeMap(image);
  const parts = partsOf(image, side);
  const { width, height } = parts[0].seen;
  const network = { width: ceilToMultiple(width), height: ceilToMultiple(height) };
  const timings = { preprocess: 0, network: 0 };
  for (const [index, part] of parts.entries()) {
    const { close: _, ...cropped } = crop(image, part.seen);
    const mapped = await compute(cropped, { ...network, content: { width, height } }, index, parts.length);
    try {
      map.put(part, mapped.float32('P'), mapped.words('mask'), network.width);
    } finally {
      mapped.release();
    }
    timings.preprocess += mapped.timings.preprocess;
    timings.network += mapped.timings.network;
  }
  return { map, network, timings };
}

/** P and the mask of a whole picture. */
export class WholeMap {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
  /** A byte a pixel. */
  readonly mask: Uint8Array;

  constructor({ width, height }: Size) {
    this.width = width;
    this.height = height;
    this.data = new Float32Array(width * height);
    this.mask = new Uint8Array(width * height);
  }

  /**
   * Takes over what counts of a part's map.
   * @param P rows of `stride` values
   * @param words the mask, rows of `stride / 32` words
   */
  put({ seen, kept }: Part, P: Float32Array, words: Uint32Array, stride: number): void {
    const left = kept.x - seen.x;
    for (let y = 0; y < kept.height; y++) {
      const row = kept.y - seen.y + y;
      const to = (kept.y + y) * this.width + kept.x;
      this.data.set(P.subarray(row * stride + left, row * stride + left + kept.width), to);
      for (let x = 0; x < kept.width; x++) {
        const bit = row * stride + left + x;
        this.mask[to + x] = (words[bit >> 5] >> (bit & 31)) & 1;
      }
    }
  }
}
