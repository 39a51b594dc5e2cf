/**
 * @file `npm run check:training`: that training works, not only that its gradients are right. Three checks on pictures
 * drawn here: random weights learn a handful of pictures by heart; the shipped weights learn a kind of text that they
 * are bad at, judged on pictures they have not seen; a run repeats and resumes bit for bit. About 13 minutes on a
 * software adapter of two cores. Exit status 1 if one fails.
 */

import { SingleBar } from 'cli-progress';
import { TextDetector } from '../../src/detect/detector.ts';
import { matchImage, type Rates, rates, sumCounts } from '../../src/eval/icdar.ts';
import { acquireGpu } from '../../src/platform/gpu.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { TrainerOptions, TrainingSample } from '../../src/train/types.ts';
import { type LabelledPicture, makePicture, type PictureKind, type PictureOptions } from './pictures.ts';

const weights = 'weights/db-resnet18.safetensors';

interface Verdict {
  passed: boolean;
  text: string;
}

const sampleOf = (picture: LabelledPicture): TrainingSample => ({
  image: picture,
  polygons: picture.polygons,
});

/** Pictures `from` to `from + count - 1` of a kind. */
const pictures = (
  kind: PictureKind,
  seed: number,
  from: number,
  count: number,
  options: PictureOptions,
): LabelledPicture[] => Array.from({ length: count }, (_, i) => makePicture(kind, seed, from + i, options));

/** Precision, recall and F at IoU 0.5 of the trainer's weights as they are. */
async function evaluate(gpu: GPU, trainer: Trainer, shown: readonly LabelledPicture[]): Promise<Rates> {
  const detector = await TextDetector.create({ weights: await trainer.save(), gpu });
  try {
    const counts = [];
    for (const picture of shown) {
      const { width, height } = picture;
      const { regions } = await detector.detect(picture, { size: { width, height } });
      counts.push(
        matchImage(
          picture.polygons,
          regions.map(({ points }) => points),
        ),
      );
    }
    return rates(sumCounts(counts));
  } finally {
    detector.dispose();
  }
}

const show = ({ f, precision, recall }: Rates): string =>
  `F ${f.toFixed(3)} (precision ${precision.toFixed(3)}, recall ${recall.toFixed(3)})`;

/** Steps with a bar; gives the losses. */
async function train(
  trainer: Trainer,
  steps: number,
  batch: (step: number) => readonly TrainingSample[],
): Promise<number[]> {
  const bar = new SingleBar({
    format: '{bar} step {value} of {total}, loss {loss}, {duration_formatted}',
    barCompleteChar: '█',
    barIncompleteChar: '░',
    clearOnComplete: true,
    // Nothing but the verdicts where no one watches.
    noTTYOutput: false,
  });
  const losses: number[] = [];
  bar.start(steps, 0, { loss: '-' });
  try {
    for (let step = 0; step < steps; step++) {
      const { loss } = await trainer.step(batch(step));
      losses.push(loss);
      bar.update(step + 1, { loss: loss.toFixed(3) });
    }
  } finally {
    bar.stop();
  }
  return losses;
}

/** Random weights, three small pictures: the loss falls by 80 % at least, and every word is found. */
async function overfits(gpu: GPU): Promise<Verdict> {
  const size = 64;
  const shown = pictures('plain', 5, 0, 3, { size, words: [1, 2], height: [12, 16] });
  const samples = shown.map(sampleOf);
  const trainer = await Trainer.create({
    init: 'random',
    gpu,
    cropSize: size,
    seed: 1,
    augment: false,
    optimizer: { kind: 'adamw', learningRate: 1e-3, clipNorm: 5 },
  });
  try {
    const losses = await train(trainer, 60, () => samples);
    const found = await evaluate(gpu, trainer, shown);
    const fell = 1 - losses[losses.length - 1] / losses[0];
    return {
      passed: fell >= 0.8 && found.f === 1,
      text:
        `from random weights, 60 steps on 3 pictures of ${size}x${size}: the loss falls from ${losses[0].toFixed(2)} to ` +
        `${losses[losses.length - 1].toFixed(2)} (${(100 * fell).toFixed(1)} %, at least 80 % expected); ${show(found)}, F 1 expected`,
    };
  } finally {
    trainer.dispose();
  }
}

/** The shipped weights on dotted text: F on pictures that were held out rises by 0.2 at least. */
async function learnsAnotherKind(gpu: GPU): Promise<Verdict> {
  const options: PictureOptions = { size: 160, words: [1, 2], height: [20, 32] };
  const batch = 2;
  const heldOut = pictures('dotted', 99, 0, 16, options);
  const trainer = await Trainer.create({
    weights,
    gpu,
    cropSize: 160,
    seed: 1,
    augment: false,
    optimizer: { kind: 'adamw', learningRate: 2e-4, clipNorm: 5, warmupSteps: 5 },
  });
  try {
    const before = await evaluate(gpu, trainer, heldOut);
    await train(trainer, 60, (step) => pictures('dotted', 5, step * batch, batch, options).map(sampleOf));
    const after = await evaluate(gpu, trainer, heldOut);
    return {
      passed: after.f >= before.f + 0.2,
      text:
        `shipped weights, 60 steps on dotted text of 160x160, 16 pictures held out: before ${show(before)}, after ` +
        `${show(after)}; a rise of F by 0.2 expected`,
    };
  } finally {
    trainer.dispose();
  }
}

/** Two runs with the same seed, and one that is resumed half way, end in the same weights. */
async function repeats(gpu: GPU): Promise<Verdict> {
  const samples = pictures('plain', 5, 0, 2, { size: 96, words: [1, 2], height: [12, 16] }).map(sampleOf);
  const options: TrainerOptions = {
    weights,
    gpu,
    cropSize: 64,
    seed: 7,
    batchNorm: 'batch',
    optimizer: { kind: 'adamw', averageDecay: 0.9 },
  };
  const run = async (start: TrainerOptions, steps: number) => {
    const trainer = await Trainer.create(start);
    try {
      await train(trainer, steps, () => samples);
      return await trainer.saveState();
    } finally {
      trainer.dispose();
    }
  };
  const whole = await run(options, 4);
  const again = await run(options, 4);
  const resumed = await run({ resume: await run(options, 2), gpu }, 2);
  const same = (state: Uint8Array) =>
    state.length === whole.length && state.every((byte, i) => byte === whole[i]);
  const differing = [
    ...(same(again) ? [] : ['a second run']),
    ...(same(resumed) ? [] : ['a run resumed after 2 steps']),
  ];
  return {
    passed: differing.length === 0,
    text:
      differing.length === 0
        ? 'a second run with the same seed, and one resumed after 2 of 4 steps, give the same state bit for bit'
        : `expected the same state bit for bit, found another of ${differing.join(' and of ')}`,
  };
}

const { gpu, name } = await acquireGpu();
console.log(`Training is checked on ${name}.`);
let failed = 0;
for (const check of [overfits, learnsAnotherKind, repeats]) {
  const start = performance.now();
  const { passed, text } = await check(gpu);
  if (!passed) failed++;
  const minutes = ((performance.now() - start) / 60_000).toFixed(1);
  console.log(`${passed ? 'passed' : 'FAILED'} (${minutes} min): ${text}`);
}
process.exitCode = failed === 0 ? 0 : 1;
