/** @file Axes of a plot: from values to places, and the round numbers that are written at them. */

/** An axis. */
export interface Scale {
  kind: 'linear' | 'logarithmic';
  /** Smallest and largest value; above 0 where logarithmic. */
  domain: readonly [number, number];
  /** Where these are drawn, pixels. */
  range: readonly [number, number];
}

/**
 * An axis for values: exactly theirs if `tight`, else with a margin of 5 % (logarithmic: of the factor they span), and
 * from 0 where that is near. A single value gets some room.
 */
export function scaleFor(
  values: readonly number[],
  range: readonly [number, number],
  { kind, tight = false }: { kind: Scale['kind']; tight?: boolean },
): Scale {
  let low = values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  let high = values.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  if (kind === 'logarithmic') {
    const margin = (high / low) ** 0.05;
    return { kind, domain: [low / margin, high * margin], range };
  }
  if (low === high) [low, high] = [low - 0.5, high + 0.5];
  if (tight) return { kind, domain: [low, high], range };
  const margin = 0.05 * (high - low);
  const fromZero = low >= 0 && low < 0.5 * high;
  return { kind, domain: [fromZero ? 0 : low - margin, high + margin], range };
}

/** Round numbers on an axis: 4 to 10 of them where it is linear; 1, 2 and 5 of each decade where it is logarithmic. */
export function niceTicks({ kind, domain: [low, high] }: Scale): number[] {
  if (kind === 'logarithmic') {
    const ticks: number[] = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
      for (const digit of [1, 2, 5]) ticks.push(Number(`${digit}e${power}`));
    }
    return ticks.filter((tick) => tick >= low && tick <= high);
  }
  const rough = (high - low) / 8;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((digit) => digit * decade).find((candidate) => candidate >= rough)!;
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}
