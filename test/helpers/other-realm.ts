/** @file Another realm, whose classes are not those here: an iframe in a page, a `vm` context in Node and Deno. */

/** Evaluates an expression in a new realm. */
export async function inOtherRealm<T>(expression: string): Promise<T> {
  if (typeof document !== 'undefined') {
    const frame = document.body.appendChild(document.createElement('iframe'));
    return (frame.contentWindow as unknown as typeof globalThis).eval(`(${expression})`) as T;
  }
  // Named so that bundlers for the page do not look for it.
  const name = 'node:vm';
  const { runInNewContext } = (await import(/* @vite-ignore */ name)) as typeof import('node:vm');
  return runInNewContext(`(${expression})`) as T;
}
