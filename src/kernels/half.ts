/** @file Numbers to IEEE 754 binary16, for f16 storage. */

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** The largest finite number. */
export const largestHalf = 65504;

/** The values as halves, rounded to nearest even; what is too large becomes infinite. */
export function toHalf(values: Float32Array): Uint16Array<ArrayBuffer> {
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = half(values[i]);
  return halves;
}

function half(value: number): number {
  float[0] = value;
  const sign = (bits[0] >>> 16) & 0x8000;
  const magnitude = bits[0] & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    // Normal: rebias the exponent by 112, round the 13 bits that go.
    const rounded = magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1);
    return sign | (rounded >>> 13);
  }
  // Subnormal: multiples of 2^-24. Adding 0.5 lets the hardware round at that place.
  float[0] = Math.abs(value) + 0.5;
  return sign | (bits[0] - 0x3f000000);
}
