/** @file Lists of images that are too many for a command line: a file of paths, and which of them a machine takes. */

import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { InvalidArgumentError } from 'commander';
import { UsageError } from './failure.ts';
import { otherThanFile } from './input-file.ts';
import { STDOUT } from './outputs.ts';

/** One part of a list of several. */
export interface Shard {
  /** From 1 to `count`. */
  index: number;
  count: number;
}

/** Standard input, as `--from` names it. */
const STDIN = STDOUT;

/** More parts than anyone has machines. */
const MOST_SHARDS = 1_000_000;

/** `3/16`, for an option. */
export function parseShard(text: string): Shard {
  const match = /^(\d+)\/(\d+)$/.exec(text);
  const [index, count] = match === null ? [0, 0] : [Number(match[1]), Number(match[2])];
  if (!(index >= 1 && index <= count && count <= MOST_SHARDS)) {
    throw new InvalidArgumentError('Expected i/n with i from 1 to n, such as 3/16.');
  }
  return { index, count };
}

/**
 * Reads the paths of a list, one a line in UTF-8; blank lines count as none, and a path that is there twice as one. Of
 * `count` shards, number `index` has the paths `index`, `index + count`, and so on: all of them have as many, give or take
 * one, and what is added at the end of a list leaves the others where they were.
 *
 * @param from A file, a pipe, or `-` for standard input.
 * @throws UsageError if it cannot be read or names no image; the signal's reason.
 */
export async function readImageList(
  from: string,
  { index, count }: Shard,
  { cwd, stdin, signal }: { cwd: string; stdin: () => Readable; signal: AbortSignal },
): Promise<string[]> {
  const paths = new Set<string>();
  for (const line of (await readText(from, cwd, stdin, signal)).split('\n')) {
    const path = line.endsWith('\r') ? line.slice(0, -1) : line;
    if (path.trim() !== '') paths.add(path);
  }
  if (paths.size === 0) {
    throw new UsageError(`--from ${from}: expected paths of images, one a line, found none.`);
  }
  return [...paths].filter((_, i) => i % count === index - 1);
}

async function readText(
  from: string,
  cwd: string,
  stdin: () => Readable,
  signal: AbortSignal,
): Promise<string> {
  const path = resolve(cwd, from);
  if (from !== STDIN && otherThanFile(path) === 'a folder') {
    throw new UsageError(`--from expects a file with paths, one a line; ${from} is a folder.`);
  }
  const source = from === STDIN ? stdin() : createReadStream(path);
  const stop = () => source.destroy();
  signal.addEventListener('abort', stop, { once: true });
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    let text = '';
    for await (const chunk of source) text += decoder.decode(chunk, { stream: true });
    return text + decoder.decode();
  } catch (cause) {
    signal.throwIfAborted();
    if (cause instanceof TypeError) {
      throw new UsageError(`--from ${from}: expected paths in UTF-8, found bytes that are not.`);
    }
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    throw new UsageError(
      code === 'ENOENT'
        ? `--from: ${from} does not exist.`
        : `--from ${from} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
    );
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
