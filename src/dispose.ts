/// <reference lib="esnext.disposable" preserve="true" />
/** @file The key of the method that `using` calls, also where the runtime does not know it yet. */

/** What compilers of `using` fall back to as well. */
export const dispose: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for('Symbol.dispose');
