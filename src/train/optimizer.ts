/** @file Optimizers and the schedule of their learning rate: options, defaults, and what they come to at a step. */

import {
  atLeast,
  below,
  between,
  check,
  checkComplete,
  checkRecord,
  type Kinds,
  kind,
  object,
  oneOf,
} from '../check.ts';

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

const aboveZero = kind<number>('a finite number above 0', (value) => atLeast(Number.MIN_VALUE).is(value));

const common: Kinds<Common> = {
  learningRate: atLeast(0),
  weightDecay: atLeast(0),
  warmupSteps: atLeast(0),
  clipNorm: aboveZero,
  averageDecay: below(0, 1),
  schedule: kind('an object', object.is),
};
const optimizers = {
  sgd: { kind: oneOf('sgd'), ...common, momentum: below(0, 1) } satisfies Kinds<SgdOptimizer>,
  // Without an epsilon the first step of a weight whose gradient is 0 is 0 / 0.
  adamw: {
    kind: oneOf('adamw'),
    ...common,
    beta1: below(0, 1),
    beta2: below(0, 1),
    epsilon: kind<number>('a number above 0, at most 1', between(Number.MIN_VALUE, 1).is),
  } satisfies Kinds<AdamWOptimizer>,
};
const schedules: Kinds<NonNullable<Common['schedule']>> = {
  kind: oneOf('poly'),
  steps: atLeast(1),
  power: atLeast(0),
};

/** @throws DBNetError `invalid-argument` for what is no optimizer. */
export function resolveOptimizer(options: OptimizerOptions): Optimizer {
  const { kind: name } = check('Option optimizer', options, optimizerObject);
  const given = checkRecord<Optimizer>('Option optimizer', options, optimizers[name]);
  const resolved = { ...defaults[name], ...given } as Optimizer;
  if (given.schedule !== undefined) {
    const schedule: object = given.schedule;
    resolved.schedule = checkComplete('Option optimizer.schedule', { power: 0.9, ...schedule }, schedules);
  }
  return resolved;
}

const optimizerObject = kind<OptimizerOptions>(
  "{ kind: 'sgd' | 'adamw', learningRate, ... }",
  (value) => object.is(value) && oneOf('sgd', 'adamw').is(value.kind),
);

/** The learning rate of a step, counted from 0. */
export function learningRateAt(optimizer: Optimizer, step: number): number {
  const { learningRate, schedule, warmupSteps } = optimizer;
  const warm = Math.min(1, (step + 1) / (warmupSteps + 1));
  const left = schedule ? Math.max(0, 1 - step / schedule.steps) ** schedule.power : 1;
  return learningRate * warm * left;
}
