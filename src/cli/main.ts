#!/usr/bin/env node
/** @file The program `dbnet-webgpu`, for Node and for Deno. */

import process from 'node:process';
import { TextDetector } from '../detector/detector.ts';
import { acquireGpu } from '../platform/gpu.ts';
import { Trainer } from '../training/trainer.ts';
import { EXIT } from './failure.ts';
import { createImageCodec } from './image-codec.ts';
import { runProgram } from './program.ts';
import { Interruption, type OutputStream } from './services.ts';

const controller = new AbortController();

/** A second signal within this time is the same one: `npm run` passes Ctrl-C on, which we get from the terminal too. */
const SAME_SIGNAL = 500;
let interrupted = Number.NEGATIVE_INFINITY;

function interrupt(message: string, exitStatus: number): void {
  if (performance.now() - interrupted < SAME_SIGNAL) return;
  interrupted = performance.now();
  // The second time nobody wants to wait for the current step to end.
  if (controller.signal.aborted) {
    // The bar switches line wrapping off while it is shown.
    if (process.stderr.isTTY) process.stderr.write('\x1b[?7h\n');
    process.exit(exitStatus);
  }
  controller.abort(new Interruption(message, exitStatus));
}
process.on('SIGINT', () => interrupt('Interrupted.', EXIT.interrupted));
process.on('SIGTERM', () => interrupt('Terminated.', EXIT.terminated));

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (controller.signal.aborted) return;
  // Whoever read the output has gone, as in `... | head -1`: end as other programs do on SIGPIPE.
  const interruption =
    error.code === 'EPIPE'
      ? new Interruption('', EXIT.brokenPipe)
      : new Interruption(`error: the output cannot be written: ${error.message}`, EXIT.someFailed);
  controller.abort(interruption);
});
// Without a reader of messages the results still count.
process.stderr.on('error', () => {});

const status = await runProgram(process.argv.slice(2), {
  createDetector: async (options) => {
    const { gpu } = await acquireGpu();
    return TextDetector.create({ ...options, gpu });
  },
  createTrainer: async (options) => {
    const { gpu } = await acquireGpu();
    return Trainer.create({ ...options, gpu });
  },
  codec: createImageCodec(),
  stdout: process.stdout,
  stderr: process.stderr,
  cwd: process.cwd(),
  signal: controller.signal,
  now: () => performance.now(),
});

await Promise.all([drain(process.stdout), drain(process.stderr)]);
process.exit(status);

/** Waits until a stream has passed on what was written to it; `process.exit` would lose the rest. */
function drain(stream: OutputStream): Promise<void> {
  return new Promise((done) => {
    stream.write('', () => done());
  });
}
