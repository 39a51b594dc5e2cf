/** @file What it means that a browser keeps an image to itself. */

import { DBNetError } from '../errors.ts';

/** What it means that a browser does not give the pixels of an image. */
export function unreadable(cause: unknown): DBNetError {
  const { name, message } = (cause ?? {}) as { name?: unknown; message?: unknown };
  return new DBNetError(
    'invalid-image',
    name === 'SecurityError'
      ? 'expected an image whose pixels this page may read, found one from another origin, or drawn with one: give the ' +
          '<img> the attribute crossorigin="anonymous" (its server must answer with Access-Control-Allow-Origin), serve ' +
          'it from the origin of the page, or fetch() it with CORS and pass the Blob'
      : `expected an image whose pixels can be read, found that this browser does not give them (${message ?? cause})`,
    { cause },
  );
}
