/** @file Newline-delimited JSON, written line by line, so that what is done survives an interruption. */

import { closeSync, openSync, writeSync } from 'node:fs';
import { STDOUT } from './outputs.ts';
import type { OutputStream } from './services.ts';

/** Takes one value per line. */
export interface JsonLines {
  write(value: unknown): void;
  close(): void;
}

/** Opens a file (emptied) or standard output (`-`); `undefined` gives lines that go nowhere. */
export function openJsonLines(target: string | undefined, stdout: OutputStream): JsonLines {
  if (target === undefined) return { write() {}, close() {} };
  if (target === STDOUT) {
    return { write: (value) => void stdout.write(`${JSON.stringify(value)}\n`), close() {} };
  }
  const file = openSync(target, 'w');
  return {
    write: (value) => void writeSync(file, `${JSON.stringify(value)}\n`),
    close: () => closeSync(file),
  };
}
