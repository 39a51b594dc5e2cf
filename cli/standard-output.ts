/** @file Standard output, of which nothing is lost without an error. */

import { createWriteStream, fstatSync, fsyncSync, type Stats } from 'node:fs';
import process from 'node:process';
import { EXIT, OutputError } from './failure.ts';
import { Interruption, type OutputStream } from './services.ts';

const FD = 1;

/** The stream, and what sees to it that all of it is on the disk, where it goes to a file. */
export function openStandardOutput(): { stream: OutputStream; sync(): void } {
  const stat = kindOfOutput();
  const isFile = stat?.isFile() ?? false;
  const isDevice = (stat?.isCharacterDevice() ?? false) && !process.stdout.isTTY;
  if (!isFile && !isDevice) return { stream: process.stdout, sync() {} };
  return {
    // Node's own stream takes a short write, as on a disk that is nearly full, for a whole one.
    stream: createWriteStream('', { fd: FD, autoClose: false }),
    sync() {
      if (isFile) fsyncSync(FD);
    },
  };
}

function kindOfOutput(): Stats | undefined {
  try {
    return fstatSync(FD);
  } catch {
    // Closed; what Node puts in its place will do.
    return undefined;
  }
}

/** What watches a stream: its signal aborts with an {@link Interruption} when the stream cannot be written to any more. */
export function watchOutput(stream: OutputStream): {
  signal: AbortSignal;
  /** Settles when all that was written has been passed on, or has failed. */
  drained(): Promise<void>;
} {
  const controller = new AbortController();
  const fail = (error: Error | null | undefined) => {
    if (error) controller.abort(interruptionOf(error));
  };
  stream.on('error', fail);
  return {
    signal: controller.signal,
    drained: () =>
      new Promise((done) => {
        stream.write('', (error) => {
          fail(error);
          done();
        });
      }),
  };
}

function interruptionOf(error: Error & { code?: string }): Interruption {
  // Whoever read the output has gone, as in `... | head -1`: end as other programs do on SIGPIPE.
  if (error.code === 'EPIPE') return new Interruption('', EXIT.brokenPipe);
  const { message } = new OutputError('standard output', error);
  return new Interruption(`error: ${message}`, EXIT.someFailed);
}
