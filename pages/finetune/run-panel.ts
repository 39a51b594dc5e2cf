/** @file Buttons, progress and status of a run. */

import { find, plural } from '../shared/dom.ts';
import { short } from './loss-plot.ts';
import { lockSettings } from './settings-form.ts';
import type { Phase, TrainingRun } from './training-run.ts';

const primary: Readonly<Record<Phase, string>> = {
  idle: 'Train',
  busy: 'Train',
  running: 'Pause',
  pausing: 'Pausing',
  paused: 'Resume',
  done: 'Train on',
};

export function renderRun(run: TrainingRun): void {
  const { phase, results, activity, atWork } = run;
  const button = (id: string, enabled: boolean) => {
    find<HTMLButtonElement>(id).disabled = !enabled;
  };
  find('train').textContent = primary[phase];
  button('train', phase !== 'busy' && phase !== 'pausing');
  button('stop', atWork || phase === 'paused');
  button('reset', phase === 'paused' || phase === 'done');
  button('download', results.length > 0 && phase !== 'busy');
  find('locked').hidden = phase !== 'paused' && phase !== 'done';
  lockSettings(run.hasTrainer || atWork);
  const progress = find<HTMLProgressElement>('progress');
  progress.hidden = !atWork;
  progress.value = activity.share;
  find('status').textContent = status(run);
  document.title = atWork ? `${activity.text} · Fine-tune DBNet` : 'Fine-tune DBNet';
}

function status({ phase, results, activity, goal }: TrainingRun): string {
  if (phase === 'idle') return '';
  if (phase === 'busy') return `${activity.text} …`;
  const [first, last] = [results[0], results.at(-1)];
  if (!last) return `${activity.text} …`;
  if (phase === 'done' || phase === 'paused') {
    const where =
      phase === 'done'
        ? `${plural(results.length, 'step')} done`
        : `Paused at step ${results.length} of ${goal}`;
    return `${where}. Loss ${short(first.loss)} → ${short(last.loss)}.`;
  }
  // The first step compiles.
  const timed = results.slice(1).slice(-10);
  if (timed.length === 0) return activity.text;
  const each = timed.reduce((sum, { timings }) => sum + timings.total, 0) / timed.length;
  const left = each * (goal - results.length);
  return `${activity.text} · ${duration(each)} per step · ${duration(left)} left`;
}

function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return `${Math.round(seconds / 60)} min`;
}
