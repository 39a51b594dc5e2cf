/** @file What a training step takes, and what would fit where it is too much. */

/** Bytes that a step takes. */
export interface Demand {
  /** Of each activation buffer. */
  buffers: readonly number[];
  /** Of parameters, gradients and the optimizer's state. */
  arrays: number;
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;

const total = ({ buffers, arrays }: Demand): number => buffers.reduce((sum, bytes) => sum + bytes, arrays);

/**
 * The message for a batch that does not fit: what it takes, and the largest batch and the largest crop that take less.
 * @param limit bytes that one buffer may have; without it the device ran out of memory, and half as much is proposed.
 */
export function doesNotFit({
  count,
  cropSize,
  demand,
  limit,
}: {
  count: number;
  cropSize: number;
  demand: (count: number, cropSize: number) => Demand;
  limit?: number;
}): string {
  const asked = demand(count, cropSize);
  const fits = (other: Demand) =>
    limit === undefined
      ? total(other) - other.arrays <= (total(asked) - asked.arrays) / 2
      : Math.max(...other.buffers) <= limit;
  const largest = (from: number, step: number, at: (value: number) => Demand) => {
    for (let value = from - step; value >= step; value -= step) if (fits(at(value))) return value;
    return undefined;
  };
  const batch = largest(count, 1, (fewer) => demand(fewer, cropSize));
  const crop = largest(cropSize, 32, (smaller) => demand(count, smaller));
  const advice = [
    ...(batch === undefined
      ? []
      : [`a batch of ${batch} at this crop size (${megabytes(total(demand(batch, cropSize)))})`]),
    ...(crop === undefined
      ? []
      : [`cropSize ${crop} with this batch (${megabytes(total(demand(count, crop)))})`]),
  ];
  const reason =
    limit === undefined
      ? 'the device ran out of memory'
      : `one of its buffers has ${megabytes(Math.max(...asked.buffers))} and the device allows ${megabytes(limit)}`;
  return (
    `a step with a batch of ${count} and cropSize ${cropSize} takes ${megabytes(total(asked))} of GPU memory, and ` +
    `${reason}: ${advice.length === 0 ? 'this device cannot train' : `${limit === undefined ? 'try' : 'what fits is'} ${advice.join(' or ')}`}`
  );
}
