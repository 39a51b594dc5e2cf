/**
 * @file Nothing stays on a caller's device: whatever a detector or trainer waits for when it is disposed of, and
 * whatever a call waits for when it is aborted. With networks of few channels, so that many moments can be tried.
 */

import { TextDetector } from '../../src/detect/detector.ts';
import type { Engine } from '../../src/detect/engine.ts';
import { openDevice } from '../../src/gpu/device.ts';
import type { RawImage } from '../../src/input/types.ts';
import { resolveLoss } from '../../src/train/loss.ts';
import { resolveOptimizer } from '../../src/train/optimizer.ts';
import { TrainingEngine } from '../../src/train/training-engine.ts';
import { smallNetwork, withRandomParameters } from '../helpers/networks.ts';
import { assert, assertEqual, assertRejects } from './assert.ts';
import { openSmallEngine, smallRecipe, smallWeights } from './small-engine.ts';
import type { GpuTest } from './suite.ts';
import { spread, type WatchedDevice, watchDevice } from './watch-device.ts';

/** Moments that are tried of each call; all of them would take minutes on a software adapter. */
const moments = 6;

/** A frame. */
async function frame(engine: Engine, width: number, signal?: AbortSignal): Promise<void> {
  const size = { width, height: 32 };
  const data = Uint8Array.from({ length: width * 32 * 3 }, (_, i) => (i * 37) % 256);
  const { words, release } = await engine.compute(
    { kind: 'pixels', data, ...size, channels: 3 },
    size,
    'P',
    { read: ['P', 'mask'], mask: { of: 'P', threshold: 0.5 }, background: [0, 0, 0] },
    { signal },
  );
  try {
    words('mask');
  } finally {
    release();
  }
}

async function openTrainingEngine(device: GPUDevice): Promise<TrainingEngine> {
  return await TrainingEngine.create(await openDevice({ device }), {
    graph: withRandomParameters(smallNetwork(true), 1),
    input: smallRecipe.input,
    loss: resolveLoss('authors', 50),
    optimizer: resolveOptimizer({ kind: 'adamw', averageDecay: 0.9 }),
    batchNorm: 'batch',
    cropSize: 32,
  });
}

async function step(engine: TrainingEngine, count: number, signal?: AbortSignal): Promise<void> {
  const pixels = Uint8Array.from({ length: count * 32 * 32 * 4 }, (_, i) => (i * 37) % 256);
  const targets = Float32Array.from({ length: 4 * count * 32 * 32 }, (_, i) => Number(i % 3 === 0));
  await engine.step({ count, pixels, targets }, 0, { signal });
}

/** What both engines have in common here. */
interface Disposable {
  memory: object;
  dispose(): void;
}

/** Nothing is held, and nothing is said to be. */
function assertNothing(engine: Disposable, watched: WatchedDevice, when: string): void {
  assertEqual(watched.held(), [], `held after dispose() ${when}`);
  for (const [use, bytes] of Object.entries(engine.memory)) {
    assertEqual(bytes, 0, `memory.${use} after dispose() ${when}`);
  }
}

/**
 * Makes an engine, begins its first call, and disposes of it at the `moment`-th answer of the device, for several
 * moments.
 */
async function disposeAtMoments<E extends Disposable>(
  device: GPUDevice,
  open: (device: GPUDevice) => Promise<E>,
  call: (engine: E) => Promise<void>,
): Promise<void> {
  const watched = watchDevice(device);
  const whole = await open(device);
  watched.at(0, () => {});
  await call(whole);
  const last = watched.answers;
  assert(last > moments, `a call waits ${last} times`);
  assert(watched.held().length > 0, 'an engine holds something');
  whole.dispose();
  assertNothing(whole, watched, 'between calls');
  for (const moment of spread(moments, last)) {
    const engine = await open(device);
    watched.at(moment, () => engine.dispose());
    const failure = await call(engine).then(
      () => undefined,
      (error: unknown) => error,
    );
    // Let those that the call did not wait for come to their end.
    await new Promise((resolve) => setTimeout(resolve, 0));
    await device.queue.onSubmittedWorkDone();
    assertNothing(engine, watched, `at answer ${moment} of ${last}`);
    const code = (failure as { code?: string } | undefined)?.code;
    assert(moment === last || code === 'disposed', `answer ${moment} of ${last}: found ${failure}`);
    engine.dispose();
  }
}

/** Aborts the first call of several sizes, each at another moment; then makes the same calls to the end. */
async function abortAtMoments<E extends Disposable>(
  device: GPUDevice,
  open: (device: GPUDevice) => Promise<E>,
  call: (engine: E, size: number, signal?: AbortSignal) => Promise<void>,
  sizes: readonly number[],
): Promise<void> {
  const watched = watchDevice(device);
  const undisturbed = await open(device);
  const answers: number[] = [];
  for (const size of sizes) {
    watched.at(0, () => {});
    await call(undisturbed, size);
    answers.push(watched.answers);
  }
  const expected = watched.held();
  undisturbed.dispose();
  const engine = await open(device);
  for (const [index, size] of sizes.entries()) {
    const abort = new AbortController();
    const moment = 1 + Math.floor(((index + 0.5) * answers[index]) / sizes.length);
    watched.at(moment, () => abort.abort(new Error('enough')));
    await call(engine, size, abort.signal).catch((error: unknown) => {
      assert(error === abort.signal.reason, `abort at answer ${moment}: found ${error}`);
    });
  }
  for (const size of sizes) await call(engine, size);
  assertEqual(watched.held(), expected, 'held after aborts');
  engine.dispose();
  assertEqual(watched.held(), [], 'held after dispose()');
}

const tests: GpuTest[] = [
  {
    name: 'what could not be allocated is an error of that call, and the next one asks again',
    async run({ device }) {
      const watched = watchDevice(device);
      const undisturbed = await openSmallEngine(device);
      await frame(undisturbed, 64);
      const expected = watched.held();
      undisturbed.dispose();
      for (const label of ['shapes', 'activations 1', 'pixels', 'resize table', 'readback']) {
        const engine = await openSmallEngine(device);
        watched.failOnce(label);
        await assertRejects(() => frame(engine, 64), 'gpu-error', label);
        await frame(engine, 64);
        assertEqual(watched.held(), expected, `held after '${label}' failed`);
        engine.dispose();
      }
    },
  },
  {
    name: 'a detector that is disposed of while its first call waits leaves nothing',
    run: ({ device }) => disposeAtMoments(device, openSmallEngine, (engine) => frame(engine, 64)),
  },
  {
    name: 'nor one that is disposed of while it tunes, compiles for a size, or reads a stream',
    async run({ device }) {
      const weights = smallWeights(true, { size: { rule: 'shortSide', value: 32 } });
      const size = { width: 64, height: 32 };
      const image: RawImage = { data: new Uint8Array(64 * 32 * 3), ...size, channels: 3 };
      const frames = async function* () {
        for (let i = 0; i < 4; i++) yield image;
      };
      const calls: [string, number, (detector: TextDetector) => Promise<unknown>][] = [
        ['tune()', 9, (detector) => detector.tune(size, { budgetMs: 1 })],
        ['warmup()', 2, (detector) => detector.warmup(size, { outputs: 'PTB' })],
        [
          'stream()',
          14,
          async (detector) => {
            for await (const _ of detector.stream(frames(), { size, inFlight: 2 }));
          },
        ],
      ];
      const watched = watchDevice(device);
      for (const [name, answer, call] of calls) {
        const detector = await TextDetector.create({ weights, device, tune: 'off' });
        watched.at(answer, () => detector.dispose());
        await assertRejects(() => call(detector), 'disposed', name);
        await device.queue.onSubmittedWorkDone();
        assertNothing(detector, watched, `during ${name}`);
      }
    },
  },
  {
    name: 'a call of a detector that is aborted leaves no more than one that is not',
    run: ({ device }) => abortAtMoments(device, openSmallEngine, frame, [32, 64, 96, 128, 160]),
  },
  {
    name: 'a trainer that is disposed of while its first step waits leaves nothing',
    run: ({ device }) => disposeAtMoments(device, openTrainingEngine, (engine) => step(engine, 1)),
  },
  {
    name: 'a step of a trainer that is aborted leaves no more than one that is not',
    run: ({ device }) => abortAtMoments(device, openTrainingEngine, step, [1, 2, 3]),
  },
];

export default tests;
