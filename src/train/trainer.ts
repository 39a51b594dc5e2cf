/// <reference lib="esnext.disposable" preserve="true" />
/** @file The public face of training: samples in, a smaller loss and weights out. */

import type { AdapterDescription } from '../adapter-name.ts';
import {
  abortSignal,
  anything,
  callback,
  check,
  checkOptions,
  type Kinds,
  kind,
  mismatch,
  oneOf,
} from '../check.ts';
import { dispose } from '../dispose.ts';
import { DBNetError } from '../errors.ts';
import { assertUsable, explained, gpuKinds, openDevice } from '../gpu/device.ts';
import { Turns } from '../gpu/turns.ts';
import { type Graph, parameterShapes, steepnessOf } from '../graph/graph.ts';
import { readRecipe } from '../input/recipe.ts';
import { parts } from '../kernels/train/db-loss.ts';
import { readCheckpoint } from '../models/checkpoint.ts';
import { metadataOf } from '../models/convert.ts';
import { dbNet } from '../models/dbnet.ts';
import { openWeights, type WeightsFile, whereShippedWeightsAre } from '../models/open-weights.ts';
import { resNet18 } from '../models/resnet.ts';
import { loadBytes } from '../safetensors/load.ts';
import type { Web } from '../web.ts';
import { makeBatch } from './batch.ts';
import { initialize } from './initialize.ts';
import { resolveLoss } from './loss.ts';
import { checkTrainable } from './operations/index.ts';
import { learningRateAt, type Optimizer, resolveOptimizer } from './optimizer.ts';
import { cropOptions, resolveSettings, sameSettings, settingsKinds } from './settings.ts';
import { readState, restoreArrays, stateFile, weightsFile } from './state-file.ts';
import { TrainingEngine } from './training-engine.ts';
import type {
  BatchMaps,
  OnTrainingProgress,
  StepResult,
  TrainerOptions,
  TrainingSample,
  TrainingSettings,
} from './types.ts';

interface StepOptions {
  onProgress?: OnTrainingProgress;
  signal?: Web<'AbortSignal'>;
}

/** What random weights say of their own use: ImageNet's mean and standard deviation, RGB. */
const freshMetadata = {
  input: JSON.stringify({
    channelOrder: 'rgb',
    mean: [123.675, 116.28, 103.53],
    std: [58.395, 57.12, 57.375],
    size: { rule: 'shortSide', value: 736, multipleOf: 32 },
  }),
};

/**
 * Trains DBNet on WebGPU as the paper does: label maps by polygon offsetting, a loss through the differentiable
 * binarization, and the backward pass of the whole network. Calls take turns on the device. What was learnt is there alone: when it
 * is lost, all calls fail with `device-lost`, and a new trainer goes on from the last `saveState()`.
 *
 * @example
 * const trainer = await Trainer.create({ weights: 'db-resnet18.safetensors', cropSize: 320 });
 * const polygons = [{ points: [[10, 10], [110, 10], [110, 40], [10, 40]] as [number, number][] }];
 * for (let step = 0; step < 20; step++) console.log((await trainer.step([{ image, polygons }])).loss);
 * const bytes = await trainer.save(); // weights that TextDetector loads
 */
export class Trainer {
  /** How this trainer trains, defaults filled in. */
  readonly settings: Readonly<Required<TrainingSettings>>;
  /** True where the adapter computes on the CPU. */
  readonly software: boolean;
  /** What computes, as WebGPU describes it. */
  readonly adapter: Readonly<AdapterDescription>;
  readonly #engine: TrainingEngine;
  readonly #optimizer: Optimizer;
  readonly #metadata: Readonly<Record<string, string>>;
  readonly #k: number;
  readonly #turns = new Turns();
  readonly #start: number;
  #step: number;
  #diverged: DBNetError | undefined;

  private constructor(
    engine: TrainingEngine,
    settings: Required<TrainingSettings>,
    file: { metadata: Readonly<Record<string, string>>; k: number },
    step: number,
  ) {
    this.#engine = engine;
    this.settings = settings;
    this.software = engine.context.software;
    this.adapter = engine.context.adapter;
    this.#optimizer = resolveOptimizer(settings.optimizer);
    this.#metadata = file.metadata;
    this.#k = file.k;
    this.#start = step;
    this.#step = step;
  }

  /**
   * Loads or draws weights and opens a device.
   * @throws DBNetError `invalid-argument`, `no-webgpu`, `load-failed`, `invalid-safetensors`, `invalid-checkpoint`,
   *   `invalid-onnx`, `unsupported-dtype`, `incompatible-weights`, `missing-threshold-head`, `gpu-error`, `device-lost`; the signal's
   *   reason.
   */
  static async create(options: TrainerOptions): Promise<Trainer> {
    const { weights, init, resume, gpu, device, input, onProgress, signal, ...given } = checkCreate(options);
    signal?.throwIfAborted();
    const source = weights === undefined ? resume : weights;
    const bytes = source === undefined ? undefined : await load(source, onProgress, signal);
    const resumed = resume === undefined || bytes === undefined ? undefined : await readState(bytes);
    const state = resumed?.state;
    const file = resumed?.file ?? (bytes && (await openWeights(bytes)));
    const settings = state
      ? sameSettings(state.settings, given)
      : resolveSettings({ batchNorm: init === 'random' ? 'batch' : 'frozen', ...given });
    const { graph, metadata } = file ? trainable(file) : randomWeights(settings.seed);
    const recipe = readRecipe(metadata, input);
    const k = steepnessOf(graph);
    const context = await openDevice({ gpu, device });
    const open = async () => {
      signal?.throwIfAborted();
      const engine = await TrainingEngine.create(context, {
        graph,
        input: recipe.input,
        loss: resolveLoss(settings.loss, k),
        optimizer: resolveOptimizer(settings.optimizer),
        batchNorm: settings.batchNorm,
        cropSize: settings.cropSize,
      });
      if (resumed) restoreArrays(engine.arrays, resumed.file);
      signal?.throwIfAborted();
      const stated = input === undefined ? metadata : withInput(metadata, recipe.input);
      return new Trainer(engine, settings, { metadata: stated, k }, state?.step ?? 0);
    };
    try {
      return await explained(context, open, signal);
    } catch (error) {
      context.close();
      throw error;
    }
  }

  /** Steps done. */
  get steps(): number {
    return this.#step;
  }

  /** Bytes of GPU memory held, by use. */
  get memory(): { parameters: number; activations: number; readback: number; input: number } {
    return this.#engine.memory;
  }

  /**
   * One step of the optimizer on a batch. The first with a number of samples compiles for it. Crops that show no pixel of
   * text are drawn again. The samples must stay as they are until it is done.
   * @throws DBNetError `invalid-argument`, `invalid-image`, `invalid-labels` (a label outside its image),
   *   `nothing-to-learn` (no pixel of text in 10 draws of the batch: it is no step), `limit-exceeded` or `gpu-error`
   *   (saying what would fit), `disposed`, `device-lost`; the signal's reason: the weights are those before the step.
   *   `training-diverged` for a loss or gradient that is not finite: the trainer stops with the last weights whose loss
   *   was finite.
   */
  step(samples: readonly TrainingSample[], options: StepOptions = {}): Promise<StepResult> {
    return this.#turn(async () => {
      if (this.#diverged) throw this.#diverged;
      const { onProgress, signal } = checkOptions(options, callKinds);
      signal?.throwIfAborted();
      const start = performance.now();
      const batch = await makeBatch(samples, { ...cropOptions(this.settings), step: this.#step });
      const began = performance.now();
      const { loss, gradientNorm, finite } = await this.#engine.step(batch, this.#step, {
        onProgress: (stage, done, total) => onProgress?.({ stage, done, total }),
        signal,
      });
      if (!finite) throw this.#diverge(loss[parts.total], gradientNorm);
      const learningRate = learningRateAt(this.#optimizer, this.#step);
      this.#step++;
      const end = performance.now();
      return {
        step: this.#step,
        loss: loss[parts.total],
        parts: {
          probability: loss[parts.probability],
          binary: loss[parts.binary],
          threshold: loss[parts.threshold],
        },
        gradientNorm,
        learningRate,
        pixels: { positives: loss[parts.positives], negatives: loss[parts.mined] },
        timings: { batch: began - start, device: end - began, total: end - start },
      };
    });
  }

  /**
   * The maps that the last step saw, of its crops, before the update.
   * @throws DBNetError `invalid-argument` before the first step, `disposed`, `device-lost`.
   */
  maps(): Promise<BatchMaps> {
    return this.#turn(async () => {
      const last = await this.#engine.readLogits();
      if (!last) throw mismatch('maps()', 'a step before it', 'none');
      const { logits, count } = last;
      const half = logits.length / 2;
      const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
      const P = logits.slice(0, half).map(sigmoid);
      const T = logits.slice(half).map(sigmoid);
      const { cropSize } = this.settings;
      return {
        P,
        T,
        B: P.map((p, i) => sigmoid(this.#k * (p - T[i]))),
        count,
        width: cropSize,
        height: cropSize,
      };
    });
  }

  /**
   * The weights as the bytes of a safetensors file that `TextDetector` loads; the moving average of the parameters where
   * the optimizer keeps one.
   * @throws DBNetError `disposed`, `device-lost`.
   */
  save(): Promise<Uint8Array> {
    return this.#turn(() => weightsFile(this.#engine.arrays, this.#metadata));
  }

  /**
   * Everything that the next step depends on, for `create({ resume })`: bit for bit the same as if it had never
   * stopped, on the same adapter. `TextDetector` loads it too.
   * @param note what else is to be kept in it, as JSON (metadata `training`, key `note`); a resumed trainer ignores it
   * @throws DBNetError `training-diverged` if it has, `invalid-argument` for a note that JSON cannot hold, `disposed`,
   *   `device-lost`.
   */
  saveState(note?: unknown): Promise<Uint8Array> {
    return this.#turn(async () => {
      if (note !== undefined) check('note', note, json);
      if (this.#diverged) throw this.#diverged;
      const state = { step: this.#step, settings: this.settings, note };
      return await stateFile(this.#engine.arrays, this.#metadata, state);
    });
  }

  /** Frees all GPU memory. A device that was passed in stays as it is. The trainer cannot be used afterwards. */
  dispose(): void {
    this.#engine.dispose();
  }

  /** For `using`: as `dispose()`. */
  declare [Symbol.dispose]: () => void;

  static {
    Trainer.prototype[dispose] = function () {
      this.dispose();
    };
  }

  /**
   * Goes back to the last weights whose loss was finite: those before the update that was no good. The update of this
   * step was not made, so one is to be undone, if there was one since the start.
   */
  #diverge(loss: number, norm: number): DBNetError {
    const failed = this.#step + 1;
    if (this.#step > this.#start) {
      this.#engine.arrays.restoreBackup();
      this.#step--;
    }
    this.#diverged = new DBNetError(
      'training-diverged',
      `step ${failed}: the loss is ${loss}, the norm of the gradient ${norm}. The trainer has stopped and holds the weights ` +
        `of step ${this.#step}, the last with a finite loss: save() them, and start again from there with a lower ` +
        'learning rate, or with clipNorm',
    );
    return this.#diverged;
  }

  #turn<T>(work: () => Promise<T>): Promise<T> {
    const { context } = this.#engine;
    return explained(context, () =>
      this.#turns.take(() => {
        assertUsable(context);
        return work();
      }),
    );
  }
}

const callKinds: Kinds<StepOptions> = { onProgress: callback, signal: abortSignal };
const createKinds: Kinds<TrainerOptions> = {
  weights: anything,
  init: oneOf('random'),
  resume: anything,
  ...gpuKinds,
  input: anything,
  ...callKinds,
  ...settingsKinds,
};

const json = kind('what JSON can hold', (value) => {
  try {
    return JSON.stringify(value) !== undefined;
  } catch {
    return false;
  }
});

function checkCreate(options: TrainerOptions): Partial<TrainerOptions> {
  const given = checkOptions(options, createKinds);
  const starts = ['weights', 'init', 'resume'].filter((start) => Object.hasOwn(given, start)).length;
  if (starts !== 1) {
    const expected = `one of weights, init and resume (${whereShippedWeightsAre})`;
    throw mismatch('options', expected, `${starts || 'none'} of them`);
  }
  return given;
}

function load(
  source: NonNullable<TrainerOptions['weights']>,
  onProgress: OnTrainingProgress | undefined,
  signal: Web<'AbortSignal'> | undefined,
): Promise<Uint8Array> {
  return loadBytes(source, {
    onProgress: ({ done, total }) => onProgress?.({ stage: 'weights', done, total: total ?? done }),
    signal,
  });
}

/** What training begins with. */
interface Start {
  graph: Graph;
  /** What the weights that come of it will say of themselves. */
  metadata: Readonly<Record<string, string>>;
}

/** @throws DBNetError `missing-threshold-head`, `incompatible-weights`. */
function trainable(file: WeightsFile): Start {
  const checkpoint = readCheckpoint(file);
  const { architecture, graph } = checkpoint;
  checkTrainable(architecture, graph);
  if (graph.outputs.length < 3) {
    throw new DBNetError(
      'missing-threshold-head',
      'training needs both heads, but these weights have that of the probability map alone: use weights with both',
    );
  }
  return { graph, metadata: metadataOf(checkpoint) };
}

function randomWeights(seed: number): Start {
  const network = dbNet(resNet18());
  const values = initialize(parameterShapes(network), seed);
  const graph = { ...network, parameters: (name: string) => values.get(name)! };
  return { graph, metadata: metadataOf({ graph, architecture: 'db-resnet18', metadata: freshMetadata }) };
}

/** Metadata that states an input recipe which the caller gave instead. */
function withInput(metadata: Readonly<Record<string, string>>, input: object): Record<string, string> {
  const stated: object = JSON.parse(metadata.input ?? '{}');
  return { ...metadata, input: JSON.stringify({ ...stated, ...input }) };
}
