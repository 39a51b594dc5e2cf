/**
 * @file How optimizers see the parameters: one flat array, with one of gradients and of each moment beside it.
 * Rates and the like stand in the uniform `shape`, so that they change without a new pipeline.
 */

/** WGSL: true for what is neither infinite nor NaN; by its bits, since compilers may assume that there is no NaN. */
export const finiteFunction = `
fn finite(value: f32) -> bool { return (bitcast<u32>(value) & 0x7f800000u) != 0x7f800000u; }`;

/** What `gradientVerdict` writes: the norm of the gradient, what it is to be multiplied by, and 1 if all is finite. */
export const verdict = { norm: 0, scale: 1, finite: 2, words: 4 } as const;
