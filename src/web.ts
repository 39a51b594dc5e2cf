/** @file Types of the web platform by name, so that the library's own types compile where it is not declared. */

/**
 * The type of instances of a global class, such as `Web<'Blob'>`, or of any of several; `never` where the consumer's `lib` and
 * `types` declare none, as without `"dom"`, where no such value can be had either.
 */
export type Web<Name extends string> = Name extends string
  ? typeof globalThis extends Record<Name, { prototype: infer Instance }>
    ? Instance
    : never
  : never;
