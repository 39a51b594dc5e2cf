/** @file The trainer: a run whose loss falls, runs that repeat and resume bit for bit, bad input, divergence, limits. */

import { TextDetector } from '../../../src/index.ts';
import { readRecipe } from '../../../src/input/recipe.ts';
import { openCheckpoint, readCheckpoint } from '../../../src/models/checkpoint.ts';
import { parseSafetensors } from '../../../src/safetensors/index.ts';
import { Trainer } from '../../../src/train/trainer.ts';
import type { TrainerOptions, TrainingSample } from '../../../src/train/types.ts';
import { refusesHostile } from '../../helpers/hostile.ts';
import { makePicture } from '../../training/pictures.ts';
import { assert, assertClose, assertEqual, assertRejects } from '../assert.ts';
import type { GpuTest } from '../suite.ts';

/** Small pictures with one word each. */
const samples: TrainingSample[] = [0, 1].map((index) => {
  const picture = makePicture('plain', 5, index, { size: 64, words: [1, 1], height: [10, 12] });
  return { image: picture, polygons: picture.polygons };
});

const small = { init: 'random', cropSize: 64, seed: 3 } as const satisfies TrainerOptions;

/** Runs with a trainer and frees it. */
async function withTrainer<T>(options: TrainerOptions, work: (trainer: Trainer) => Promise<T>): Promise<T> {
  const trainer = await Trainer.create(options);
  try {
    return await work(trainer);
  } finally {
    trainer.dispose();
  }
}

const falling: GpuTest = {
  name: 'the loss falls; the weights load as weights; memory stays',
  async run({ device }) {
    const options: TrainerOptions = {
      ...small,
      device,
      augment: false,
      optimizer: { kind: 'adamw', learningRate: 1e-3, schedule: { kind: 'poly', steps: 10 } },
    };
    await withTrainer(options, async (trainer) => {
      await assertRejects(() => trainer.maps(), 'invalid-argument', 'maps() before a step');
      const losses: number[] = [];
      let memory = trainer.memory;
      for (let step = 1; step <= 5; step++) {
        const stages = new Set<string>();
        const result = await trainer.step(samples, { onProgress: ({ stage }) => stages.add(stage) });
        assertEqual(result.step, step, 'step');
        assertClose([result.learningRate], [1e-3 * (1 - (step - 1) / 10) ** 0.9], 1e-9, 'learning rate');
        assert(stages.has('step'), 'a step reports its progress');
        const { probability, binary, threshold } = result.parts;
        const total = 5 * probability + binary + 10 * threshold;
        assertClose([result.loss], [total], 1e-4 * total, 'the loss is the sum of its parts');
        losses.push(result.loss);
        if (step > 1) assertEqual(trainer.memory, memory, 'memory');
        memory = trainer.memory;
      }
      assert(losses[4] < 0.8 * losses[0], `expected the loss to fall, found ${losses}`);
      const { P, B, count, width } = await trainer.maps();
      assertEqual([count, width, P.length], [2, 64, 2 * 64 * 64], 'maps');
      assert(
        B.every((value) => value >= 0 && value <= 1),
        'B is from 0 to 1',
      );
      const file = parseSafetensors(await trainer.save());
      assert(readCheckpoint(file).graph.outputs.length === 3, 'the weights have both heads');
      assert(file.metadata.input !== undefined, 'the weights state their input');
      assert(file.metadata.network !== undefined, 'the weights bring their network');
    });
  },
};

const repeated: GpuTest = {
  name: 'the same seed gives the same weights bit for bit, and so does a resumed run',
  async run({ device }) {
    const options: TrainerOptions = {
      ...small,
      device,
      optimizer: { kind: 'sgd', learningRate: 1e-4, clipNorm: 1, averageDecay: 0.9 },
      loss: 'paper',
    };
    const batch = samples.slice(0, 1);
    const [half, whole, average] = await withTrainer(options, async (trainer) => {
      await trainer.step(batch);
      const state = await trainer.saveState();
      await trainer.step(batch);
      return [state, await trainer.saveState(), await trainer.save()];
    });
    const again = await withTrainer(options, async (trainer) => {
      await trainer.step(batch);
      return trainer.saveState();
    });
    assertSame(again, half, 'a second run');
    const resumed = await withTrainer({ resume: half, device }, async (trainer) => {
      assertEqual(trainer.steps, 1, 'steps of a resumed run');
      await trainer.step(batch);
      return trainer.saveState();
    });
    assertSame(resumed, whole, 'a resumed run');
    const file = parseSafetensors(whole);
    // A state is weights as well; what is saved as weights is the average.
    readCheckpoint(file);
    const name = 'decoder.binarize.6.weight';
    const averaged = parseSafetensors(average).float32(name);
    assertClose(averaged, file.float32(`training.average.${name}`), 0, 'the average is saved');
    assert(
      averaged.some((value, i) => value !== file.float32(name)[i]),
      'the average is not the parameters',
    );
    await assertRejects(
      () => Trainer.create({ resume: half, device, seed: 4 }),
      'invalid-argument',
      'resuming with another seed',
    );
    const damaged = half.slice();
    damaged[damaged.length - 1] ^= 1;
    await assertRejects(
      () => Trainer.create({ resume: damaged, device }),
      'incompatible-weights',
      'resuming from a state with a flipped bit',
    );
  },
};

function assertSame(actual: Uint8Array, expected: Uint8Array, what: string): void {
  assert(
    actual.length === expected.length,
    `${what}: expected ${expected.length} bytes, found ${actual.length}`,
  );
  const index = actual.findIndex((byte, i) => byte !== expected[i]);
  assert(index === -1, `${what}: byte ${index} differs`);
}

const diverging: GpuTest = {
  name: 'a run that diverges stops with the last good weights',
  async run({ device }) {
    const options: TrainerOptions = {
      ...small,
      device,
      augment: false,
      optimizer: { kind: 'sgd', learningRate: 1e30 },
    };
    await withTrainer(options, async (trainer) => {
      const before = await trainer.save();
      await trainer.step(samples.slice(0, 1));
      const bad = await trainer.save();
      assert(
        bad.some((byte, i) => byte !== before[i]),
        'the step changed the weights',
      );
      const error = await assertRejects(
        () => trainer.step(samples.slice(0, 1)),
        'training-diverged',
        'a bad step',
      );
      assert(/step 2/.test(error.message), `the message names the step: ${error.message}`);
      assertSame(await trainer.save(), before, 'the last good weights');
      await assertRejects(() => trainer.step(samples), 'training-diverged', 'a step after that');
    });
  },
};

const polygon = (x: number): TrainingSample['polygons'][number] => ({
  points: [
    [x, 5],
    [x + 30, 5],
    [x + 30, 20],
    [x, 20],
  ],
});

const badInput: GpuTest = {
  name: 'bad input is refused with what is wrong, and changes nothing',
  async run({ device }) {
    const [{ image }] = samples;
    await withTrainer({ ...small, device }, async (trainer) => {
      const before = await trainer.save();
      await assertRejects(() => trainer.step([]), 'invalid-argument', 'no samples');
      await assertRejects(() => trainer.step([{ image, polygons: [] }]), 'nothing-to-learn', 'no text');
      const ignored = [{ ...polygon(5), ignore: true }];
      await assertRejects(
        () => trainer.step([{ image, polygons: ignored }]),
        'nothing-to-learn',
        'don’t care alone',
      );
      const tiny: TrainingSample['polygons'] = [
        {
          points: [
            [5, 5],
            [11, 5],
            [11, 6],
            [5, 6],
          ],
        },
      ];
      await assertRejects(
        () => trainer.step([{ image, polygons: tiny }]),
        'nothing-to-learn',
        'a text too small however it is turned',
      );
      assertEqual(trainer.steps, 0, 'steps');
      await assertRejects(
        () => trainer.step([{ image, polygons: [polygon(64)] }]),
        'invalid-labels',
        'a label outside of the image',
      );
      const nan: TrainingSample['polygons'] = [
        {
          points: [
            [0, 0],
            [Number.NaN, 0],
            [9, 9],
          ],
        },
      ];
      await assertRejects(() => trainer.step([{ image, polygons: nan }]), 'invalid-argument', 'a corner NaN');
      const data = new Uint8Array(5);
      await assertRejects(
        () => trainer.step([{ image: { data, width: 9, height: 9, channels: 3 }, polygons: [polygon(5)] }]),
        'invalid-image',
        'too few bytes',
      );
      const step = (polygons: unknown, options?: object) =>
        trainer.step([{ image, polygons } as TrainingSample], options);
      await refusesHostile('samples', (v) => trainer.step(v as TrainingSample[]));
      await refusesHostile('a sample', (v) => trainer.step([v as TrainingSample]));
      await refusesHostile('image', (v) =>
        trainer.step([{ image: v, polygons: [polygon(5)] } as TrainingSample]),
      );
      await refusesHostile('polygons', (v) => step(v));
      await refusesHostile('a polygon', (v) => step([v]));
      await refusesHostile('points', (v) => step([{ points: v }]));
      await refusesHostile(
        'a coordinate',
        (v) =>
          step([
            {
              points: [
                [0, 0],
                [v, 0],
                [9, 9],
              ],
            },
          ]),
        ['-1', 'zero', '0.5'],
      );
      await refusesHostile('options', (v) => step([polygon(5)], v as object), [
        'undefined',
        '{}',
        'no prototype',
      ]);
      await refusesHostile('signal', (v) => step([polygon(5)], { signal: v }), ['undefined']);
      await refusesHostile('onProgress', (v) => step([polygon(5)], { onProgress: v }), [
        'undefined',
        'a function',
      ]);
      for (const note of [5n, () => {}, Symbol('x')]) {
        await assertRejects(() => trainer.saveState(note), 'invalid-argument', 'a note that is no JSON');
      }
      assertSame(await trainer.save(), before, 'the weights');
      const aborted = AbortSignal.abort(new Error('enough'));
      let reason: unknown;
      await trainer.step(samples, { signal: aborted }).catch((error: unknown) => {
        reason = error;
      });
      assert(reason === aborted.reason, 'an aborted step rejects with the reason');
      trainer.dispose();
      await assertRejects(() => trainer.step(samples), 'disposed', 'a step after dispose()');
    });
    const refused: [string, object][] = [
      ['nothing to start from', {}],
      ['two starts', { init: 'random', weights: new Uint8Array(1) }],
      ['an unknown option', { init: 'random', crop: 64 }],
      ['a crop of 100', { init: 'random', cropSize: 100 }],
      ['an unknown optimizer', { init: 'random', optimizer: { kind: 'lion' } }],
      ['a negative rate', { init: 'random', optimizer: { kind: 'sgd', learningRate: -1 } }],
      ['an unknown loss', { init: 'random', loss: 'focal' }],
      ['an unknown part of augmentation', { init: 'random', augment: { blur: 1 } }],
    ];
    for (const [what, options] of refused) {
      await assertRejects(
        () => Trainer.create({ device, ...options } as TrainerOptions),
        'invalid-argument',
        what,
      );
    }
  },
};

const tooLarge: GpuTest = {
  name: 'a batch that does not fit the device is refused with what would fit',
  async run({ device }) {
    await withTrainer({ ...small, device, cropSize: 640 }, async (trainer) => {
      const many = Array.from({ length: 6 }, () => samples[0]);
      const error = await assertRejects(() => trainer.step(many), 'limit-exceeded', 'six crops of 640');
      assert(/a batch of \d/.test(error.message) && /cropSize \d/.test(error.message), error.message);
    });
  },
};

const foreign: GpuTest = {
  name: 'an MMOCR checkpoint is trained on, saved with its recipe, and resumed; other networks are refused by name',
  async run({ device, fixture }) {
    const weights = await fixture('test/fixtures/narrow-mmocr-r18/mmocr_r18.pth');
    const options: TrainerOptions = {
      ...{ weights, device, cropSize: 64, seed: 3, augment: false },
      optimizer: { kind: 'sgd', learningRate: 1e-5, clipNorm: 1 },
    };
    const [state, saved] = await withTrainer(options, async (trainer) => {
      const losses = [await trainer.step(samples), await trainer.step(samples)].map(({ loss }) => loss);
      assert(
        losses.every(Number.isFinite) && losses[1] <= losses[0],
        `expected the loss to fall, found ${losses}`,
      );
      return [await trainer.saveState(), await trainer.save()];
    });
    const before = await openCheckpoint(weights);
    for (const [what, bytes] of Object.entries({ saved, state })) {
      const { metadata, tensors } = parseSafetensors(bytes);
      assert(metadata.network !== undefined, `${what}: its metadata hold the network`);
      assert(
        tensors.has('bbox_head.binarize.0.weight') || tensors.has('det_head.binarize.0.weight'),
        `${what}: names`,
      );
      const detector = await TextDetector.create({ weights: bytes, device, selfTest: false });
      const { architecture, input, size, hasThresholdHead } = detector.info.weights;
      detector.dispose();
      const recipe = readRecipe(before.metadata);
      assertEqual([architecture, hasThresholdHead], [before.architecture, true], `${what}: the network`);
      assertEqual(
        JSON.stringify([input, size]),
        JSON.stringify([recipe.input, recipe.size]),
        `${what}: the recipe`,
      );
      const kept = readRecipe(metadata).postprocess;
      assertEqual(JSON.stringify(kept), JSON.stringify(recipe.postprocess), `${what}: the thresholds`);
    }
    await withTrainer({ resume: state, device }, async (trainer) => {
      assertEqual(trainer.steps, 2, 'steps of a resumed run');
      assertSame(await trainer.saveState(), state, 'the state of a resumed run');
      const { loss } = await trainer.step(samples);
      assert(Number.isFinite(loss), 'a resumed run goes on');
    });
    // Refused by what they are, whatever the device.
    const others: [string, string][] = [
      ['test/fixtures/narrow-onnx-r18-named/r18_named.onnx', 'db-resnet18'],
      ['test/fixtures/narrow-authors-r18-dcn/authors_r18_dcn', 'db-resnet18-dcn'],
      ['test/fixtures/narrow-authors-r50-dcn/authors_r50_dcn.zip.pth', 'db-resnet50-dcn'],
    ];
    for (const [file, architecture] of others) {
      const error = await assertRejects(
        async () => Trainer.create({ weights: await fixture(file), device }),
        'incompatible-weights',
        file,
      );
      assert(error.message.includes(`network "${architecture}"`), error.message);
    }
  },
};

const tests: GpuTest[] = [falling, foreign, repeated, diverging, badInput, tooLarge];

export default tests;
