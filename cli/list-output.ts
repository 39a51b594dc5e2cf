/**
 * @file Lines of JSON that outlive the run which writes them: one per image, each on its way to the disk as soon as it is
 * known, so that a run that was killed goes on where it was.
 */

import { constants, createReadStream, existsSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { DBNetErrorCode } from '../src/errors.ts';
import { OutputError, UsageError } from './failure.ts';
import type { JsonLines } from './json-lines.ts';
import { displayPath } from './outputs.ts';
import { openReplacement, removePartials } from './replace-file.ts';

/** The line of an image that failed. */
export interface FailedRow {
  image: string;
  error: {
    /** `null` where the failure is none of the library's. */
    code: DBNetErrorCode | null;
    message: string;
  };
}

/** An output that goes on. */
export interface ListOutput extends JsonLines {
  /** Images that are done: they have a line, and it is not one of an error. */
  readonly done: ReadonlySet<string>;
  /** Sees to it that all lines are on the disk. @throws OutputError. */
  close(): Promise<void>;
}

const LINE_FEED = 0x0a;

/** What every line begins with. */
const START = '{"image":"';

/**
 * Opens the output of a list of images, a new one or that of an earlier run. Lines of errors are taken out, since those
 * images are tried again, and so is what a killed run left of its last line.
 *
 * @param images Those that it may have lines of.
 * @throws UsageError, and leaves the file as it is, if it is not an output of this command, or one of other images;
 *   OutputError.
 */
export async function openListOutput(
  path: string,
  images: readonly string[],
  cwd: string,
): Promise<ListOutput> {
  const found = existsSync(path) ? await survey(path, new Set(images), displayPath(path, cwd)) : undefined;
  removePartials(path);
  if (found?.hasMore) await keepLines(path, found.kept);
  const done = new Set(found?.kept.keys());
  return OpenOutput.open(path, done, displayPath(path, cwd));
}

/** What an earlier run left. */
interface Survey {
  /** Of the images that are done, the number of their line, from 0. */
  kept: Map<string, number>;
  /** True if there is more than those lines. */
  hasMore: boolean;
}

async function survey(path: string, images: ReadonlySet<string>, shown: string): Promise<Survey> {
  if (!statSync(path).isFile()) {
    throw new UsageError(`--json with --from expects a file, or - for standard output; ${shown} is neither.`);
  }
  const kept = new Map<string, number>();
  let hasMore = false;
  let number = 0;
  for await (const { text, isWhole } of readLines(path)) {
    const row = parseRow(text);
    if (row === undefined) {
      const isHalfLine = !isWhole && (text.startsWith(START) || START.startsWith(text));
      if (!isHalfLine) throw notAnOutput(shown, number);
      hasMore = true;
    } else if (!images.has(row.image)) {
      throw new UsageError(
        `--json ${shown} has a line of ${row.image}, which is not among the images of this run: give the list and the ` +
          '--shard that the file was begun with, or another file.',
      );
    } else if (row.isError || kept.has(row.image) || !isWhole) {
      // A line that lacks but its end is computed again: whether a number was cut off, nobody knows.
      hasMore = true;
    } else {
      kept.set(row.image, number);
    }
    number++;
  }
  return { kept, hasMore };
}

function notAnOutput(shown: string, number: number): UsageError {
  return new UsageError(
    `--json ${shown} is there already, and its line ${number + 1} is none that detect writes: it stays as it is. Give ` +
      'another file.',
  );
}

function parseRow(text: string): { image: string; isError: boolean } | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { image, regions, error } = value as Record<string, unknown>;
  const isError = typeof error === 'object' && error !== null;
  return typeof image === 'string' && (isError || Array.isArray(regions)) ? { image, isError } : undefined;
}

/** Rewrites the file with some of its lines. A program that is killed meanwhile leaves it as it was. */
async function keepLines(path: string, kept: ReadonlyMap<string, number>): Promise<void> {
  const numbers = new Set(kept.values());
  const file = await openReplacement(path);
  try {
    let number = 0;
    for await (const { text } of readLines(path)) {
      if (numbers.has(number++)) await file.write(`${text}\n`);
    }
  } catch (error) {
    await file.discard();
    throw error;
  }
  await file.keep();
}

/** The lines of a file, of which one at a time is in memory. The last one is not whole where it does not end. */
async function* readLines(path: string): AsyncGenerator<{ text: string; isWhole: boolean }> {
  let parts: Uint8Array[] = [];
  const take = (part: Uint8Array) => {
    const line = Buffer.concat([...parts, part]).toString('utf8');
    parts = [];
    return line;
  };
  for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      yield { text: take(chunk.subarray(start, end)), isWhole: true };
      start = end + 1;
    }
    if (start < chunk.length) parts.push(chunk.subarray(start));
  }
  if (parts.length > 0) yield { text: take(new Uint8Array(0)), isWhole: false };
}

/**
 * A file that grows by whole lines. No lock guards it, for nobody could tell that of a machine which went down from that
 * of one which works; but before each line it is as this run left it, or the run ends.
 */
class OpenOutput implements ListOutput {
  readonly done: ReadonlySet<string>;
  readonly #path: string;
  readonly #shown: string;
  readonly #file: FileHandle;
  #size: number;

  private constructor(
    path: string,
    shown: string,
    done: ReadonlySet<string>,
    file: FileHandle,
    size: number,
  ) {
    this.#path = path;
    this.#shown = shown;
    this.done = done;
    this.#file = file;
    this.#size = size;
  }

  static async open(path: string, done: ReadonlySet<string>, shown: string): Promise<OpenOutput> {
    try {
      const file = await open(path, constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY);
      return new OpenOutput(path, shown, done, file, (await file.stat()).size);
    } catch (cause) {
      throw new OutputError(path, cause);
    }
  }

  async write(value: unknown): Promise<void> {
    const line = Buffer.from(`${JSON.stringify(value)}\n`);
    await this.#attempt(async () => {
      const [own, there] = [await this.#file.stat({ bigint: true }), statAt(this.#path)];
      if (there?.ino !== own.ino || own.size !== BigInt(this.#size)) {
        throw new UsageError(
          `--json ${this.#shown}: something else writes to this file. Does the same command run twice? This one ends.`,
        );
      }
      await this.#file.appendFile(line);
      this.#size += line.length;
    });
  }

  async close(): Promise<void> {
    await this.#attempt(async () => {
      await this.#file.sync();
      await this.#file.close();
    });
  }

  async #attempt(operation: () => Promise<void>): Promise<void> {
    try {
      await operation();
    } catch (cause) {
      throw cause instanceof UsageError ? cause : new OutputError(this.#path, cause);
    }
  }
}

function statAt(path: string) {
  return statSync(path, { bigint: true, throwIfNoEntry: false });
}
