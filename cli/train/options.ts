/** @file The options of `train`. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { LabelFormat } from '../../src/eval/text-labels.ts';
import {
  addInputOptions,
  between,
  type InputArguments,
  labelFormatOption,
  positive,
  quietOption,
  wholeNumber,
} from '../options.ts';

/** Arguments of the command. What is not given is not there, so that a resumed run knows what was. */
export interface TrainArguments extends InputArguments {
  images: string;
  labels: string;
  labelFormat?: LabelFormat;
  out: string;
  init?: string;
  steps?: number;
  batch?: number;
  crop?: number;
  learningRate?: number;
  optimizer?: 'sgd' | 'adamw';
  schedule?: 'poly' | 'constant';
  loss?: 'authors' | 'paper';
  batchNorm?: 'frozen' | 'batch';
  clipNorm?: number;
  average?: number;
  seed?: number;
  /** `false` for `--no-augment`. */
  augment: boolean;
  /** `false` for `--no-flip`. */
  flip: boolean;
  evalImages?: string;
  evalLabels?: string;
  evalLabelFormat?: LabelFormat;
  evalEvery?: number;
  evalShortSide?: number;
  checkpointEvery?: number;
  resume?: boolean;
  overwrite?: boolean;
  /** `false` for `--no-plot`. */
  plot?: string | false;
  log?: string;
  quiet?: boolean;
}

/** Adds the options to the command. */
export function addTrainOptions(command: Command): Command {
  const data = command
    .optionsGroup('Data:')
    .requiredOption('--images <folder>', 'folder of images')
    .requiredOption('--labels <folder|file>', 'folder of gt_<image>.txt, or a JSON file')
    .addOption(labelFormatOption('--label-format'))
    .option(
      '--no-augment',
      'whole images, fitted to the crop, instead of turned and mirrored crops between texts',
    )
    .option('--no-flip', 'no mirror images');
  return addInputOptions(data)
    .optionsGroup('Training:')
    .option(
      '--init <file>',
      'weights to start from: safetensors or PyTorch, told by content; or "random" (default: those of the package)',
    )
    .option('--steps <n>', 'steps in all; needed unless a run is resumed', wholeNumber(1))
    .option('--batch <n>', 'crops per step (default: 8)', wholeNumber(1, 1024))
    .option('--crop <px>', 'side of the crops, a multiple of 32 from 64 (default: 640)', parseCrop)
    .addOption(
      new Option('--optimizer <kind>', 'default: adamw; sgd with momentum is what the authors use').choices([
        'adamw',
        'sgd',
      ]),
    )
    .option('--learning-rate <r>', 'at the first step (default: 0.0002 for adamw, 0.007 for sgd)', positive)
    .addOption(
      new Option(
        '--schedule <kind>',
        'the learning rate falls to 0 by (1 - step / steps) ^ 0.9, or stays (default: poly)',
      ).choices(['poly', 'constant']),
    )
    .addOption(
      new Option('--loss <kind>', "as in the authors' code, or as in the paper (default: authors)").choices([
        'authors',
        'paper',
      ]),
    )
    .addOption(
      new Option(
        '--batch-norm <mode>',
        'statistics of the weights, or of each batch (default: frozen; batch for random weights)',
      ).choices(['frozen', 'batch']),
    )
    .option('--clip-norm <x>', 'scale longer gradients down to this norm (default: no limit)', positive)
    .option(
      '--average <decay>',
      'write the moving average of the weights, with this decay, such as 0.999 (default: none)',
      between(0, 0.9999999),
    )
    .option('--seed <n>', 'of random weights, order and augmentation (default: 0)', wholeNumber(0))
    .optionsGroup('Evaluation:')
    .option('--eval-images <folder>', 'labelled images to evaluate on, not those that are trained on')
    .option('--eval-labels <folder|file>', 'their labels')
    .addOption(labelFormatOption('--eval-label-format'))
    .option(
      '--eval-every <n>',
      'steps between evaluations (default: only before the first and after the last)',
      wholeNumber(1),
    )
    .option(
      '--eval-short-side <px>',
      "scale the short side of evaluated images to this (default: the weights' own, else 736)",
      wholeNumber(32, 65504),
    )
    .optionsGroup('Output:')
    .requiredOption('--out <file>', 'the trained weights, safetensors')
    .option(
      '--checkpoint-every <n>',
      'steps between checkpoints (default: 100, and after 10 minutes at the latest)',
      wholeNumber(1),
    )
    .option('--resume', 'go on from the checkpoint beside --out, if there is one')
    .addOption(
      new Option('--overwrite', 'begin anew although there is a checkpoint beside --out').conflicts('resume'),
    )
    .option('--plot <file>', 'losses and F as a picture, SVG (default: <out>.loss.svg)')
    .option('--no-plot', 'draw no picture')
    .option('--log <file>', 'losses and evaluations as JSON lines (default: <out>.log.jsonl)')
    .addOption(quietOption());
}

function parseCrop(text: string): number {
  const side = /^\d+$/.test(text) ? Number(text) : 0;
  if (side < 64 || side > 8192 || side % 32 !== 0) {
    throw new InvalidArgumentError('Expected a multiple of 32, 64 to 8192.');
  }
  return side;
}
