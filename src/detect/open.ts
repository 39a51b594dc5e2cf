/**
 * @file Opening a detector: the device opens and the first frame's pipelines compile while the weights are on their way. Of a
 * safetensors file the header comes first, and it says all of the network but its numbers; of others the network is
 * known when all of the file is there.
 */

import { DBNetError } from '../errors.ts';
import { assertStillUsable, compilesF16, type GpuContext, openDevice } from '../gpu/device.ts';
import { type Recipe, readRecipe } from '../input/recipe.ts';
import { networkSize } from '../input/size.ts';
import type { Precision } from '../kernels/wgsl.ts';
import { type Checkpoint, openCheckpoint, peekCheckpoint } from '../models/checkpoint.ts';
import { TunedChoice } from '../tuning/tuned-choice.ts';
import { Engine } from './engine.ts';
import { loadWeights } from './load-weights.ts';
import type { CreateOptions } from './types.ts';

export interface Opened {
  engine: Engine;
  checkpoint: Checkpoint;
  recipe: Recipe;
  /** The same engine on another device, from the weights in memory. @throws DBNetError as {@link openEngine} */
  reopen(): Promise<Engine>;
}

/** From what images come first, where nothing says it: pictures of a browser, or pixels. */
export const usualSource = () => (typeof VideoFrame === 'undefined' ? 4 : 'texture');

/** An engine whose pipelines are being compiled. */
interface Begun {
  engine: Engine;
  recipe: Recipe;
  compiling: Promise<void>;
}

/**
 * Loads weights, opens a device and compiles, side by side. What fails first ends the rest; then nothing is left.
 * @throws DBNetError as `TextDetector.create()`; the signal's reason, or what `onProgress` throws.
 */
export async function openEngine(options: CreateOptions): Promise<Opened> {
  // No more of the options than this is held by what may be called later: not the weights as they were given.
  const { gpu, precision, input, tune = 'cached', onProgress, signal } = options;
  const { selfTest = true, maxCachedSizes: maxPrograms = 16 } = options;
  const habits = { selfTest, maxPrograms };
  const stop = new AbortController();
  const forward = () => stop.abort(signal?.reason);
  signal?.throwIfAborted();
  signal?.addEventListener('abort', forward, { once: true });
  const stopped = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason), { once: true });
  });
  stopped.catch(() => {});

  const begin = ({ graph, metadata }: Checkpoint, { context, choice }: Place): Begun => {
    const recipe = readRecipe(metadata, input);
    const engine = new Engine(context, graph, recipe, choice, habits);
    const size = networkSize(undefined, undefined, recipe.size);
    // What is measured first may be computed in another way afterwards.
    const waits = tune === 'full' && !engine.isTuned(size);
    const compiling = waits
      ? Promise.resolve()
      : engine.compile(size, 'P', usualSource(), (progress) => {
          if (!stop.signal.aborted) onProgress?.(progress);
        });
    // The download need not end for this to be known.
    compiling.catch((error) => stop.abort(error));
    return { engine, recipe, compiling };
  };

  let early: Promise<Begun | undefined> | undefined;
  const peek = (bytes: Uint8Array): boolean => {
    try {
      const checkpoint = peekCheckpoint(bytes);
      if (!checkpoint) return false;
      early = opening.then((place) => (stop.signal.aborted ? undefined : begin(checkpoint, place)));
      // What is wrong is said when all of the file is there: it may be the file's end.
      early = early.catch(() => undefined);
      return true;
    } catch {
      return true;
    }
  };

  const loading = loadWeights(options.weights, { ...options, onBytes: peek, signal: stop.signal });
  const opening = openPlace(options);
  const work = async (): Promise<Opened> => {
    const [{ bytes, keep }, place] = await Promise.all([loading, opening]);
    const checkpoint = await openCheckpoint(bytes);
    stop.signal.throwIfAborted();
    const { engine, recipe, compiling } = (await early) ?? begin(checkpoint, place);
    await Promise.all([engine.load(checkpoint.graph.parameters, stop.signal), compiling, keep()]);
    const reopen = async () => {
      const { context, choice } = await openPlace({ gpu, precision, tune }, place.choice);
      try {
        const another = new Engine(context, checkpoint.graph, recipe, choice, habits);
        await another.load(checkpoint.graph.parameters);
        return another;
      } catch (error) {
        context.close();
        throw error;
      }
    };
    return { engine, checkpoint, recipe, reopen };
  };
  try {
    return await Promise.race([work(), stopped]);
  } catch (error) {
    stop.abort(error);
    opening.then(({ context }) => context.close()).catch(() => {});
    throw error;
  } finally {
    signal?.removeEventListener('abort', forward);
  }
}

/** Where a detector computes, and how. */
interface Place {
  context: GpuContext;
  choice: TunedChoice;
}

/** @param before how it was computed on a device that was lost: if the adapter is the same, results are, bit for bit. */
async function openPlace(
  { gpu, device, precision = 'f32', tune }: Pick<CreateOptions, 'gpu' | 'device' | 'precision' | 'tune'>,
  before?: TunedChoice,
): Promise<Place> {
  const context = await openDevice({ gpu, device });
  try {
    const same = before?.on(context);
    if (same) return { context, choice: same };
    const choice = new TunedChoice(context, await choosePrecision(precision, context));
    if (tune !== 'off') await choice.load();
    return { context, choice };
  } catch (error) {
    // One that is lost compiles nothing.
    await assertStillUsable(context).finally(() => context.close());
    throw error;
  }
}

/** @throws DBNetError `unsupported-precision`. */
async function choosePrecision(wanted: 'f32' | 'f16' | 'auto', context: GpuContext): Promise<Precision> {
  // On software adapters f16 is emulated and slower.
  if (wanted === 'f32' || (wanted === 'auto' && context.software)) return 'f32';
  if (await compilesF16(context)) return 'f16';
  if (wanted === 'auto') return 'f32';
  throw new DBNetError(
    'unsupported-precision',
    "precision 'f16': expected a device that compiles f16 shaders, found one that does not (feature 'shader-f16'): " +
      "use 'f32' or 'auto'",
  );
}
