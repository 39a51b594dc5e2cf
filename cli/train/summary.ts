/** @file What a run says for people: its pace, its losses, its rates. */

import { type AdapterDescription, adapterName } from '../../src/adapter-name.ts';
import type { StepResult } from '../../src/train/types.ts';
import { duration, ratesSummary } from '../table.ts';
import type { EvaluationLine, TrainingLog } from './log.ts';

/** Steps whose losses make a mean. */
const MEAN_OVER = 20;

/** How fast steps are. */
export class Pace {
  #milliseconds: number | undefined;
  #steps = 0;

  add(milliseconds: number): void {
    this.#steps++;
    // The first step compiles.
    if (this.#steps === 1) return;
    this.#milliseconds =
      this.#milliseconds === undefined ? milliseconds : 0.9 * this.#milliseconds + 0.1 * milliseconds;
  }

  /** `, 1.20 s per step, 3 min left`; empty as long as nothing is known. */
  remark(stepsLeft: number): string {
    if (this.#milliseconds === undefined) return '';
    return `, ${duration(this.#milliseconds)} per step, ${timeLeft(stepsLeft * this.#milliseconds)} left`;
  }
}

function timeLeft(milliseconds: number): string {
  const minutes = milliseconds / 60_000;
  if (minutes < 1) return 'less than a minute';
  if (minutes < 100) return `${Math.round(minutes)} min`;
  return `${(minutes / 60).toFixed(1)} h`;
}

/** One line on an evaluation. */
export function rateLine({ step, evaluation }: EvaluationLine): string {
  const { precision, recall, f, images } = evaluation;
  return (
    `step ${step}: F ${f.toFixed(4)}, precision ${precision.toFixed(4)}, recall ${recall.toFixed(4)}, ` +
    `${images} ${images === 1 ? 'image' : 'images'}`
  );
}

/** Losses at the beginning and at the end, and the rates, if there was an evaluation. */
export function trainingSummary({ steps, evaluations }: Pick<TrainingLog, 'steps' | 'evaluations'>): string {
  const lines: string[] = [];
  const last = steps.at(-1);
  if (last !== undefined) {
    const count = Math.max(1, Math.min(MEAN_OVER, Math.floor(steps.length / 2)));
    const [from, to] = [mean(steps.slice(0, count)), mean(steps.slice(-count))];
    const over = count === 1 ? '' : ` (means over ${count} steps)`;
    lines.push(`${last.step} steps: loss ${to.toFixed(4)}, in the beginning ${from.toFixed(4)}${over}`);
  }
  const [first] = evaluations;
  const final = evaluations.at(-1);
  if (final !== undefined) {
    const { evaluation } = final;
    lines.push(ratesSummary(evaluation, evaluation, evaluation.images));
    if (first !== final) lines.push(`F before  ${first.evaluation.f.toFixed(4)}   at step ${first.step}`);
  }
  return lines.length === 0 ? 'There was nothing left to do.' : lines.join('\n');
}

/** The honest word about steps that a CPU computed. */
export function softwareLine(adapter: AdapterDescription, steps: readonly StepResult[]): string {
  // The first step of each start compiles, so the median says what a step takes.
  const times = steps.map(({ timings }) => timings.total).sort((a, b) => a - b);
  const time = times[Math.floor(times.length / 2)];
  const perStep = time === undefined ? '' : ` in ${duration(time)} per step`;
  return `Computed on the CPU with ${adapterName(adapter)}${perStep}; a GPU is many times as fast.`;
}

function mean(steps: readonly StepResult[]): number {
  return steps.reduce((sum, { loss }) => sum + loss, 0) / steps.length;
}
