/** @file The log of a run, one JSON value per line: what the plot is drawn from, and exact when a run is resumed. */

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import type { Rates } from '../../src/eval/icdar.ts';
import type { StepResult } from '../../src/train/types.ts';
import { OutputError } from '../failure.ts';
import { replaceFile } from '../replace-file.ts';

/** What one evaluation came to. */
export interface EvaluationLine {
  /** Steps done. */
  step: number;
  evaluation: Rates & { matched: number; labels: number; detections: number; images: number; failed: number };
}

export type LogLine = StepResult | EvaluationLine;

/**
 * The lines of a log that belong to the first `step` steps. A half-written line is no line, nor is one that stands
 * after a later step.
 *
 * @returns The lines as they stand there, and as values.
 */
export function linesUpTo(text: string, step: number): { text: string; lines: LogLine[] } {
  const kept: string[] = [];
  const lines: LogLine[] = [];
  const last = { step: 0, evaluation: -1 };
  for (const line of text.split('\n')) {
    const value = parseLine(line);
    if (value === undefined || value.step > step) continue;
    const kind = 'evaluation' in value ? 'evaluation' : 'step';
    if (value.step <= last[kind]) continue;
    last[kind] = value.step;
    kept.push(`${line}\n`);
    lines.push(value);
  }
  return { text: kept.join(''), lines };
}

function parseLine(line: string): LogLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isLine =
      typeof value === 'object' &&
      value !== null &&
      'step' in value &&
      Number.isSafeInteger(value.step) &&
      ('loss' in value || 'evaluation' in value);
    return isLine ? (value as LogLine) : undefined;
  } catch {
    return undefined;
  }
}

/** The steps and evaluations of a run so far, in memory and in the file. */
export class TrainingLog {
  readonly steps: StepResult[] = [];
  readonly evaluations: EvaluationLine[] = [];
  readonly #path: string;
  readonly #file: number;

  private constructor(path: string, lines: readonly LogLine[]) {
    this.#path = path;
    this.#file = this.#attempt(() => openSync(path, 'a'));
    for (const line of lines) this.#remember(line);
  }

  /** Opens the log of a run that goes on after `step` steps; later lines go. At step 0 it begins anew. @throws OutputError. */
  static async open(path: string, step: number): Promise<TrainingLog> {
    const kept =
      step > 0 && existsSync(path) ? linesUpTo(readFileSync(path, 'utf8'), step) : { text: '', lines: [] };
    await replaceFile(path, kept.text);
    return new TrainingLog(path, kept.lines);
  }

  /** @throws OutputError if not all of the line can be written. */
  add(line: LogLine): void {
    // Unlike `writeSync` this writes all of it, or throws.
    this.#attempt(() => writeFileSync(this.#file, `${JSON.stringify(line)}\n`));
    this.#remember(line);
  }

  /** Sees to it that what was added is on the disk. @throws OutputError. */
  flush(): void {
    this.#attempt(() => fsyncSync(this.#file));
  }

  /** @throws OutputError. */
  close(): void {
    this.#attempt(() => closeSync(this.#file));
  }

  #attempt<T>(operation: () => T): T {
    try {
      return operation();
    } catch (cause) {
      throw new OutputError(this.#path, cause);
    }
  }

  #remember(line: LogLine): void {
    if ('evaluation' in line) this.evaluations.push(line);
    else this.steps.push(line);
  }
}
