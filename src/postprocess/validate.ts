/** @file Checks of probability maps. */

import { check, checkSize, kind, mismatch, object, typedArray, whole } from '../check.ts';
import { isTypedArray } from '../kind-of.ts';
import type { ProbabilityMap } from './types.ts';

const values = typedArray('Float32Array');
const masks = kind<Uint8Array | Uint32Array>(
  'a Uint8Array (bytes) or a Uint32Array (packed bits)',
  typedArray('Uint8Array', 'Uint32Array').is,
);

/** @throws DBNetError `invalid-argument` */
export function checkLength(name: string, length: number, expected: number, what: string): void {
  if (length !== expected) throw mismatch(name, `${expected} ${what}`, `${length}`);
}

/**
 * Size, length and kind of a map's values; not the values themselves.
 *
 * @throws DBNetError `invalid-argument`
 */
export function checkValues(map: Pick<ProbabilityMap, 'data' | 'width' | 'height'>): void {
  const { data } = check<object>('map', map, object) as ProbabilityMap;
  const { width, height } = checkSize('map', map);
  check('map.data', data, values);
  checkLength('map.data', data.length, width * height, `values for ${width} x ${height}`);
}

/**
 * Sizes, lengths and kinds of a map, and that its values are finite.
 *
 * @throws DBNetError `invalid-argument`
 */
export function checkMap(map: ProbabilityMap): void {
  checkValues(map);
  const { data, width, height, mask, content } = map;
  if (content !== undefined) {
    const part = checkSize('map.content', content);
    check('map.content.width', part.width, whole(1, width));
    check('map.content.height', part.height, whole(1, height));
  }
  if (mask !== undefined) {
    check('map.mask', mask, masks);
    const size = `for ${width} x ${height}`;
    if (isTypedArray(mask, 'Uint32Array')) {
      checkLength('map.mask', mask.length, Math.ceil(width / 32) * height, `words of 32 pixels ${size}`);
    } else {
      checkLength('map.mask', mask.length, width * height, `bytes ${size}`);
    }
  }
  checkFinite(data, width);
}

/** A map with NaN or infinity comes from a failed computation; an empty list of regions would hide that. */
function checkFinite(data: Float32Array, width: number): void {
  // A sum of finite f32 values cannot overflow an f64, so one look at it is enough.
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += data[i];
  if (Number.isFinite(sum)) return;
  const at = data.findIndex((value) => !Number.isFinite(value));
  const found = `${data[at]} at x ${at % width}, y ${Math.floor(at / width)}`;
  throw mismatch('map.data', 'finite probabilities', found);
}
