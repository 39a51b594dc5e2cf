/** @file The log of a run, one JSON value per line: what the plot is drawn from, and exact when a run is resumed. */

import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { Rates } from '../../eval/icdar.ts';
import type { StepResult } from '../../training/types.ts';
import { replaceBytes } from '../replace-file.ts';

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
  readonly #file: number;

  private constructor(file: number, lines: readonly LogLine[]) {
    this.#file = file;
    for (const line of lines) this.#remember(line);
  }

  /** Opens the log of a run that goes on after `step` steps; later lines go. At step 0 it begins anew. */
  static async open(path: string, step: number): Promise<TrainingLog> {
    const kept =
      step > 0 && existsSync(path) ? linesUpTo(readFileSync(path, 'utf8'), step) : { text: '', lines: [] };
    await replaceBytes(path, kept.text);
    return new TrainingLog(openSync(path, 'a'), kept.lines);
  }

  add(line: LogLine): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
    this.#remember(line);
  }

  /** Sees to it that what was added is on the disk. */
  flush(): void {
    fsyncSync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }

  #remember(line: LogLine): void {
    if ('evaluation' in line) this.evaluations.push(line);
    else this.steps.push(line);
  }
}
