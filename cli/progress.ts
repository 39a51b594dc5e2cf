/** @file Progress on stderr: a bar on a terminal, a line now and then elsewhere. */

import { type Options, SingleBar } from 'cli-progress';
import type { Progress } from '../src/detect/types.ts';
import type { OutputStream } from './services.ts';

/** Without a terminal: no more than one line in this time, milliseconds. */
const LINE_INTERVAL = 10_000;

/** How far the work is; `detail` says more than the stage's name. */
export type ShownProgress = Omit<Progress, 'stage'> & { stage: string; detail?: string };

/** Shows how far the work is, and keeps other messages apart from it. */
export interface ProgressView {
  /** Names the work that the next reports are about. */
  start(label: string): void;
  report(progress: ShownProgress): void;
  /** Takes the bar away, so that something can be printed. */
  clear(): void;
  /** Prints a line for people. Says nothing when quiet. */
  note(line: string): void;
  /** Prints a line that must be seen, quiet or not. */
  warn(line: string): void;
}

/** @param now Milliseconds. */
export function createProgressView(stderr: OutputStream, now: () => number, quiet: boolean): ProgressView {
  const show = quiet ? silent : stderr.isTTY ? showBar(stderr) : showLines(stderr, now);
  let label = '';
  const print = (line: string) => {
    show.clear();
    stderr.write(`${line}\n`);
  };
  return {
    start(next) {
      show.clear();
      label = next;
    },
    report: (progress) => show.report(label, progress),
    clear: () => show.clear(),
    note(line) {
      if (!quiet) print(line);
    },
    warn: print,
  };
}

interface Display {
  report(label: string, progress: ShownProgress): void;
  clear(): void;
}

const silent: Display = { report() {}, clear() {} };

function showBar(stream: OutputStream): Display {
  const options: Options = {
    stream,
    format: '{label} {bar} {percentage} %  {detail}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    clearOnComplete: true,
    hideCursor: null,
    // The program has a handler of its own, which aborts the work first.
    gracefulExit: false,
  };
  let bar: SingleBar | undefined;
  return {
    report(label, progress) {
      const { done, total } = progress;
      const payload = { label, detail: describeStage(progress) };
      if (bar === undefined) {
        bar = new SingleBar(options);
        bar.start(Math.max(1, total), done, payload);
      } else {
        bar.setTotal(Math.max(1, total));
        bar.update(done, payload);
      }
    },
    clear() {
      bar?.stop();
      bar = undefined;
    },
  };
}

function showLines(stream: OutputStream, now: () => number): Display {
  let last: number | undefined;
  return {
    report(label, progress) {
      const time = now();
      if (last !== undefined && time - last < LINE_INTERVAL) return;
      last = time;
      const { done, total } = progress;
      const percentage = total > 0 ? ` ${Math.floor((100 * done) / total)} %` : '';
      stream.write(`${label}: ${describeStage(progress)}${percentage}\n`);
    },
    clear() {},
  };
}

function describeStage({ stage, done, total, detail }: ShownProgress): string {
  if (detail !== undefined || stage !== 'weights') return detail ?? stage;
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
  return total > 0 ? `${megabytes(done)} of ${megabytes(total)} MB` : `${megabytes(done)} MB`;
}
