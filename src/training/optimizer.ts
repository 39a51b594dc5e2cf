/** @file Optimizers and the schedule of their learning rate: options, defaults, and what they come to at a step. */

import { invalid } from '../check.ts';

interface Common {
  /** Learning rate before the schedule. */
  learningRate: number;
  weightDecay: number;
  /** Largest norm of the whole gradient; longer ones are scaled down to it. Absent: no clipping. */
  clipNorm?: number;
  /** Decay of an exponential moving average of the weights, which is then what is saved. Absent: none. */
  averageDecay?: number;
  /**
   * `poly`: the rate falls to 0 over `steps` as (1 - step / steps)^power (the authors': power 0.9). Default: constant.
   */
  schedule?: { kind: 'poly'; steps: number; power: number };
  /** Over so many steps the rate rises linearly to its full value. Default: 0. */
  warmupSteps: number;
}

export interface SgdOptimizer extends Common {
  kind: 'sgd';
  momentum: number;
}

export interface AdamWOptimizer extends Common {
  kind: 'adamw';
  beta1: number;
  beta2: number;
  epsilon: number;
}

/** An optimizer with all its settings. */
export type Optimizer = SgdOptimizer | AdamWOptimizer;

type Given<T extends Optimizer> = { kind: T['kind'] } & Partial<Omit<T, 'kind' | 'schedule'>> & {
    schedule?: { kind: 'poly'; steps: number; power?: number };
  };

/** What a caller states of an optimizer; the rest is default. */
export type OptimizerOptions = Given<SgdOptimizer> | Given<AdamWOptimizer>;

/** The authors' settings: SGD 0.007, momentum 0.9, weight decay 1e-4. */
const sgdDefaults: SgdOptimizer = {
  kind: 'sgd',
  learningRate: 0.007,
  momentum: 0.9,
  weightDecay: 1e-4,
  warmupSteps: 0,
};

/** PyTorch's settings of AdamW, but a rate that fine-tuning bears. */
const adamWDefaults: AdamWOptimizer = {
  kind: 'adamw',
  learningRate: 2e-4,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  warmupSteps: 0,
};

const defaults = { sgd: sgdDefaults, adamw: adamWDefaults };

/** @throws DBNetError `invalid-argument` for what is no optimizer. */
export function resolveOptimizer(options: OptimizerOptions): Optimizer {
  if (typeof options !== 'object' || options === null || !Object.hasOwn(defaults, options.kind)) {
    throw invalid('optimizer', "{ kind: 'sgd' | 'adamw', learningRate, ... }", options);
  }
  const known = [...Object.keys(defaults[options.kind]), 'clipNorm', 'averageDecay', 'schedule'];
  const unknown = Object.keys(options).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw invalid(`optimizer.${unknown}`, `one of ${known.join(', ')} for '${options.kind}'`, unknown);
  }
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const { schedule } = options;
  const resolved = {
    ...defaults[options.kind],
    ...given,
    ...(schedule ? { schedule: { power: 0.9, ...schedule } } : {}),
  } as Optimizer;
  const within = (name: string, value: unknown, low: number, high: number, open: 'closed' | 'open') => {
    const fits =
      typeof value === 'number' && value >= low && (open === 'open' ? value < high : value <= high);
    if (!fits) {
      const bound =
        high === Number.POSITIVE_INFINITY
          ? `at least ${low}`
          : `from ${low} to ${open === 'open' ? 'below ' : ''}${high}`;
      throw invalid(`optimizer.${name}`, `a number ${bound}`, value);
    }
  };
  const infinite = Number.POSITIVE_INFINITY;
  within('learningRate', resolved.learningRate, 0, infinite, 'open');
  within('weightDecay', resolved.weightDecay, 0, infinite, 'open');
  within('warmupSteps', resolved.warmupSteps, 0, infinite, 'open');
  if (resolved.kind === 'sgd') {
    within('momentum', resolved.momentum, 0, 1, 'open');
  } else {
    within('beta1', resolved.beta1, 0, 1, 'open');
    within('beta2', resolved.beta2, 0, 1, 'open');
    within('epsilon', resolved.epsilon, 0, 1, 'closed');
  }
  if (resolved.clipNorm !== undefined)
    within('clipNorm', resolved.clipNorm, Number.MIN_VALUE, infinite, 'open');
  if (resolved.averageDecay !== undefined) within('averageDecay', resolved.averageDecay, 0, 1, 'open');
  if (resolved.schedule !== undefined) {
    if (resolved.schedule.kind !== 'poly')
      throw invalid('optimizer.schedule.kind', "'poly'", resolved.schedule.kind);
    within('schedule.steps', resolved.schedule.steps, 1, infinite, 'open');
    within('schedule.power', resolved.schedule.power, 0, infinite, 'open');
  }
  return resolved;
}

/** The learning rate of a step, counted from 0. */
export function learningRateAt(optimizer: Optimizer, step: number): number {
  const { learningRate, schedule, warmupSteps } = optimizer;
  const warm = Math.min(1, (step + 1) / (warmupSteps + 1));
  const left = schedule ? Math.max(0, 1 - step / schedule.steps) ** schedule.power : 1;
  return learningRate * warm * left;
}
