/** @file Newline-delimited JSON: to standard output line by line, to a file that is whole when it is there. */

import { STDOUT } from './outputs.ts';
import { openReplacement } from './replace-file.ts';
import type { OutputStream } from './services.ts';

/** Takes one value per line. */
export interface JsonLines {
  /** @throws OutputError if the file cannot be written. */
  write(value: unknown): Promise<void>;
}

/**
 * Writes lines to a file, to standard output (`-`), or nowhere (`undefined`), for as long as `work` goes on. The file is
 * opened before it begins, and replaces the old one in the end: with the lines written so far also where the work fails or
 * is interrupted, so that what is done survives. Without any line the old file stays.
 *
 * @throws OutputError if the file cannot be written whole; then the old one stays. What `work` throws.
 */
export async function withJsonLines<T>(
  target: string | undefined,
  stdout: OutputStream,
  work: (lines: JsonLines) => Promise<T>,
): Promise<T> {
  if (target === undefined) return work({ write: async () => {} });
  if (target === STDOUT) return work({ write: async (value) => void stdout.write(toLine(value)) });

  const file = await openReplacement(target);
  const written = { lines: 0, whole: true };
  const lines: JsonLines = {
    async write(value) {
      written.whole = false;
      await file.write(toLine(value));
      written.whole = true;
      written.lines++;
    },
  };
  try {
    return await work(lines);
  } finally {
    await (written.whole && written.lines > 0 ? file.keep() : file.discard());
  }
}

const toLine = (value: unknown): string => `${JSON.stringify(value)}\n`;
