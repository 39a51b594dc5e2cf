#!/usr/bin/env node
/** @file The program `dbnet-webgpu`, for Node and for Deno. */

import process from 'node:process';
import { TextDetector } from '../src/detect/detector.ts';
import { acquireGpu } from '../src/platform/gpu.ts';
import { Trainer } from '../src/train/trainer.ts';
import { EXIT, OutputError } from './failure.ts';
import { createImageCodec } from './image-codec.ts';
import { requirePackages } from './packages.ts';
import { runProgram } from './program.ts';
import { Interruption } from './services.ts';
import { openStandardOutput } from './standard-output.ts';

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

// Without a reader of messages the results still count.
process.stderr.on('error', () => {});

const stdout = openStandardOutput();

let status = await runProgram(process.argv.slice(2), {
  requirePackages,
  createDetector: async (options) => {
    const { gpu } = await acquireGpu();
    return TextDetector.create({ ...options, gpu });
  },
  createTrainer: async (options) => {
    const { gpu } = await acquireGpu();
    return Trainer.create({ ...options, gpu });
  },
  codec: createImageCodec(),
  stdin: () => process.stdin,
  stdout: stdout.stream,
  stderr: process.stderr,
  cwd: process.cwd(),
  signal: controller.signal,
  now: () => performance.now(),
});

try {
  stdout.sync();
} catch (error) {
  process.stderr.write(`error: ${new OutputError('standard output', error).message}\n`);
  status ||= EXIT.someFailed;
}
// `process.exit` would lose what has not been passed on; standard output is drained already.
await new Promise((done) => {
  process.stderr.write('', done);
});
process.exit(status);
