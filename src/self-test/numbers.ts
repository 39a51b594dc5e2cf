/** @file Made-up numbers that are always the same: a tensor's from its name. f32 and f16 both hold them exactly. */

/**
 * Numbers from -1 to below 1, multiples of 1/1024. Those of weights, which have more than one side, are smaller by a power of two,
 * so that sums over them are about as large as what is summed.
 * @param shape as PyTorch has it: all sides but the first are summed over.
 */
export function numbers(name: string, shape: readonly number[]): Float32Array<ArrayBuffer> {
  const summed = shape.slice(1).reduce((product, side) => product * side, 1);
  const scale = shape.length > 1 ? 2 ** (1 - Math.round(Math.log2(summed) / 2)) : 1;
  // FNV-1a of the name, then the generator of Numerical Recipes, of which the highest bits are good.
  let state = [...name].reduce(
    (hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 0x01000193),
    0x811c9dc5,
  );
  return new Float32Array(shape[0] * summed).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (scale * (state >> 21)) / 1024;
  });
}
