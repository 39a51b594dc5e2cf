/** @file A kernel of the user's own, to be measured beside the library's: `--kernel FILE`. */

import type { Conv2d } from '../../src/kernels/conv2d.ts';
import type { Kernel } from '../../src/kernels/kernel.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';

/** The default export of a file given by `--kernel`; `bench/examples/my-kernel.ts` is one. */
export interface CustomKernel {
  /** Stands in the table. */
  name: string;
  /**
   * The kernel for a convolution, or undefined where it cannot do that one.
   *
   * Bindings are found by name: `source0`, ... (`[height, width, channels]`), `weights` (packed as `conv2d` wants
   * them: of each source, `[kernel, kernel, in, out]`), `bias` and `factors` (f32), `residual0`, ..., and `output`
   * (`[height, width, channels]`, access `read_write`); channels padded to a multiple of 4, elements of `precision`
   * where nothing else is said.
   */
  conv2d(conv: Conv2d, precision: Precision): Kernel | undefined;
  /**
   * What is dispatched once before it, and not timed: it may bring `weights` into an order of its own, in a binding
   * (`read_write`) that the kernel reads under the same name.
   */
  prepare?(conv: Conv2d, precision: Precision): Kernel | undefined;
}

/** @throws Error if a module's default export is no kernel. */
export function checkCustomKernel(value: unknown, from: string): CustomKernel {
  const found = value as Partial<CustomKernel> | undefined;
  if (typeof found?.name !== 'string' || typeof found.conv2d !== 'function') {
    throw new Error(
      `${from}: expected a default export { name, conv2d(conv, precision) }, as in bench/examples/my-kernel.ts`,
    );
  }
  return found as CustomKernel;
}
