/** @file Rounding as others do it. */

/** The nearest whole number, of two the even one: as Python's `round` and as processors do. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor & 1) : Math.round(value);
}
