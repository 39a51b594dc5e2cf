/** @file Derivatives by definition: central differences in f64, the oracle of every backward kernel. */

/**
 * The gradient of `loss` by each of `values`, which are changed and changed back. `step` is small against the distance
 * to the next kink of the function and large against f64's rounding.
 */
export function derivative(values: Float64Array, loss: () => number, step = 1e-4): Float64Array {
  return values.map((value, i) => {
    values[i] = value + step;
    const above = loss();
    values[i] = value - step;
    const below = loss();
    values[i] = value;
    return (above - below) / (2 * step);
  });
}

/** Sum of products: a loss that gives every output a weight of its own. */
export function weighted(outputs: ArrayLike<number>, weights: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < outputs.length; i++) sum += outputs[i] * weights[i];
  return sum;
}
