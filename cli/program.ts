/** @file The command line: commands, options, help, and what a run ends with. */

import { Command, CommanderError, Option } from 'commander';
import { LABEL_FORMATS } from '../src/eval/text-labels.ts';
import { type ConvertArguments, runConvert } from './convert.ts';
import { type DetectArguments, runDetect } from './detect.ts';
import { type DetectListArguments, runDetectList } from './detect-list.ts';
import { type EvalArguments, runEval } from './eval.ts';
import { describeError, EXIT, exitStatusOf, UsageError } from './failure.ts';
import { parseShard } from './image-list.ts';
import { type LabelMapsArguments, runLabelMaps } from './label-maps.ts';
import {
  addImageSizeOption,
  addInputOptions,
  addLabelMapOptions,
  addModelOptions,
  addNetworkOptions,
  addOrientationOption,
  jsonOption,
  labelFormatOption,
  parseSeconds,
  quietOption,
} from './options.ts';
import { packageVersion } from './package-files.ts';
import type { Need } from './packages.ts';
import { Interruption, type Services } from './services.ts';
import { watchOutput } from './standard-output.ts';
import { addTrainOptions, type TrainArguments } from './train/options.ts';
import { runTrain } from './train.ts';
import { runTune, type TuneArguments } from './tune.ts';

const EXIT_STATUS_HELP = `
Files are written whole or not at all, and never over an input. JSON of a run that fails or is interrupted holds what was done.
Exit status: 0 all done, 1 some failed, 2 wrong usage, 130 interrupted, 143 terminated.`;

const DETECT_HELP = `
One image: --overlay and --maps name a file or an existing folder. Several images: a folder, which is made.
Overlays are .png, .jpg or .webp, without numbers where the text is small; maps are safetensors with P and, if the weights have it, T and B, [height, width], f32.
JSON: one line per image, {image, width, height, truncated, runsOn, regions: [{points, score}]}, in pixels.
--from writes lines of JSON alone: --json FILE, line by line, and {image, error: {code, message}} for an image that fails.
The same command again goes on where the file ends: what is done is not done again, what failed is tried again. Paths
count from the current folder; blank lines and repeated ones are passed over.
${EXIT_STATUS_HELP}`;

const LABEL_FORMATS_HELP = `Lines of text: ${Object.entries(LABEL_FORMATS)
  .map(([name, line]) => `${name} "${line}"`)
  .join(', ')}. Without
--label-format it is the format that all lines of all files fit.`;

const EVAL_HELP = `
Labels: a folder of gt_<image>.txt (text ### means don't care), or a JSON file: what detect --json wrote, or
[{image, width, height, polygons: [{points, text, ignore}]}], paths relative to it or to --images.
${LABEL_FORMATS_HELP}
JSON: one line per image, {image, precision, recall, f, matched, labels, detections, ...}, then {total}.
Labels are in pixels of the picture as its EXIF orientation turns it; with --ignore-orientation in those stored.
${EXIT_STATUS_HELP}`;

const TUNE_HELP = `
Measures which tiles make the network's layers the fastest on this adapter and keeps them in the cache folder;
detect, eval and the library then use them. Every candidate's output is checked before its time counts.
JSON: one line {adapter, software, precision, classes: [{name, layers, tile, ms, gflops, standard}], ...}.
${EXIT_STATUS_HELP}`;

const CONVERT_HELP = `
Reads safetensors, ONNX and PyTorch checkpoints, told by their content, and writes safetensors whose metadata hold the
network, the input recipe, the size rule and the thresholds: such a file loads without a reader for the other format.
Prints the network, its tensors, what was dropped, and how images are read.
${EXIT_STATUS_HELP}`;

const TRAIN_HELP = `
Labels as for eval. The same command with --resume goes on: a run that was killed loses the steps since its last
checkpoint and nothing else, and ends with the weights of one that was not, bit for bit on the same adapter.
Ctrl-C finishes the step and writes a checkpoint; a second one leaves at once.
Beside --out FILE.safetensors lie FILE.state.safetensors (the checkpoint), FILE.log.jsonl and FILE.loss.svg.
Log: {step, loss, parts, gradientNorm, learningRate, pixels, timings} per step, {step, evaluation} per evaluation.
F is that of the ICDAR 2015 protocol (IoU above 0.5).
${EXIT_STATUS_HELP}`;

const LABEL_MAPS_HELP = `
Labels: a file gt_<image>.txt or a folder of them (text ### means don't care), or a JSON file: what detect --json
wrote, or [{image, width, height, polygons: [{points, text, ignore}]}]. They count in pixels of the
picture as its EXIF orientation turns it; with --ignore-orientation in those stored.
${LABEL_FORMATS_HELP}
Writes <image>.probability.png, .probability-mask.png, .threshold.png, .threshold-mask.png (grey, value = pixel / 255)
and, where an image is given, <image>.labels.png: the polygons over it, numbered where they are not small.
JSON: one line {image, width, height, polygons, text, ignored: [{index, reason}]}, index from 0; reasons are ignore,
outside, area (below 1 square pixel), size (see --minimum-size) and shrink (nothing was left).
${EXIT_STATUS_HELP}`;

/**
 * Runs the program.
 *
 * @param args Arguments without the interpreter and the script.
 * @returns The exit status; errors are printed, never thrown.
 */
export async function runProgram(args: readonly string[], services: Services): Promise<number> {
  const output = watchOutput(services.stdout);
  const signal = AbortSignal.any([services.signal, output.signal]);
  let status: number = EXIT.done;
  let failure: unknown;
  const end = (ended: number) => {
    status = ended;
  };
  const program = buildProgram({ ...services, signal }, end);
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    failure = error;
  }
  await output.drained();
  // Results that were lost are no success, whatever became of the rest.
  const isInterrupted = output.signal.aborted || (failure !== undefined && signal.aborted);
  if (isInterrupted) return endInterrupted(signal, services);
  if (failure === undefined) return status;
  const command = program.commands.find((one) => one.name() === args[0]) ?? program;
  return endFailed(failure, command, services);
}

function endInterrupted({ reason }: AbortSignal, { stderr }: Services): number {
  const interruption = reason instanceof Interruption ? reason : new Interruption('', EXIT.interrupted);
  if (interruption.message !== '') stderr.write(`${interruption.message}\n`);
  return interruption.exitStatus;
}

function endFailed(error: unknown, command: Command, { stderr }: Services): number {
  // Its message has been written.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.wrongUsage;
  stderr.write(`error: ${describeError(error)}\n`);
  if (error instanceof UsageError) stderr.write(`${helpLine(command)}\n`);
  return exitStatusOf(error);
}

/** The images themselves, or a list of them. */
function detectIn(
  images: readonly string[],
  args: DetectArguments & Partial<DetectListArguments>,
  services: Services,
): Promise<number> {
  const { from } = args;
  if (from !== undefined && images.length > 0) {
    throw new UsageError(`Give images or a list of them with --from, not both; found ${images[0]}.`);
  }
  if (from !== undefined) return runDetectList({ ...args, from }, services);
  if (args.shard !== undefined) throw new UsageError('--shard takes a part of a list: give one with --from.');
  if (images.length === 0) throw new UsageError('expected images, or a list of them with --from.');
  return runDetect(images, args, services);
}

function buildProgram(services: Services, end: (status: number) => void): Command {
  const { stdout, stderr } = services;
  const program = new Command('dbnet-webgpu')
    .description('Finds text in photos: DBNet in hand-written WebGPU compute shaders.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: (text) => void stderr.write(text),
      getOutHelpWidth: () => stdout.columns ?? 100,
      getErrHelpWidth: () => stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText('after', EXIT_STATUS_HELP);
  program.showHelpAfterError(helpLine(program));

  const detect = program
    .command('detect')
    .description('find the regions of text in images: JPEG, PNG, WebP')
    .argument('[images...]', 'image files')
    .optionsGroup('Many images:')
    .option('--from <file>', 'take the images from this list, a path a line; - for standard input')
    .addOption(new Option('--shard <i/n>', 'and of them the i-th of n parts, from 1').argParser(parseShard))
    .optionsGroup('Output:')
    .option(
      '--overlay <file>',
      'picture with the regions (default: <image>.regions.png in the current folder)',
    )
    .option('--no-overlay', 'write no picture')
    .addOption(jsonOption('regions'))
    .option('--maps <file>', 'the maps P, T and B as safetensors; P alone if the weights have no T')
    .addOption(quietOption());
  addModelOptions(addInputOptions(detect))
    .addHelpText('after', DETECT_HELP)
    .action(async (images: string[]) => end(await detectIn(images, detect.opts(), services)));

  const evaluate = program
    .command('eval')
    .description('precision, recall and F on labelled images, ICDAR 2015 protocol')
    .optionsGroup('Data:')
    .requiredOption('--images <folder>', 'folder of images')
    .requiredOption('--labels <folder|file>', 'folder of gt_<image>.txt, or a JSON file')
    .addOption(labelFormatOption('--label-format'))
    .optionsGroup('Output:')
    .addOption(jsonOption('rows per image'))
    .addOption(quietOption());
  addModelOptions(addInputOptions(evaluate))
    .addHelpText('after', EVAL_HELP)
    .action(async () => end(await runEval(evaluate.opts<EvalArguments>(), services)));

  const train = program
    .command('train')
    .description('train the network, or fine-tune it, on labelled images');
  addTrainOptions(train)
    .addHelpText('after', TRAIN_HELP)
    .action(async () => end(await runTrain(train.opts<TrainArguments>(), services)));

  const tune = program
    .command('tune')
    .description('find the fastest tiles for this adapter, and keep them')
    .option(
      '--budget <seconds>',
      'begin no new candidate after this time (default: 2 on a GPU, 60 without)',
      parseSeconds,
    )
    .optionsGroup('Output:')
    .addOption(jsonOption('what was measured'))
    .addOption(quietOption());
  addNetworkOptions(tune)
    .addHelpText('after', TUNE_HELP)
    .action(async () => end(await runTune(tune.opts<TuneArguments>(), services)));

  const convert = program
    .command('convert')
    .description('weights of any format as safetensors that bring their network along')
    .argument('<weights>', 'safetensors, ONNX or PyTorch file, or its URL')
    .argument('<file>', 'where the safetensors go')
    .optionsGroup('Output:')
    .option('--half', 'numbers of 16 bits: half as large; statistics of batch norms stay f32')
    .addOption(quietOption())
    .addHelpText('after', CONVERT_HELP)
    .action(async (source: string, target: string) =>
      end(await runConvert(source, target, convert.opts<ConvertArguments>(), services)),
    );

  const labels = program
    .command('label-maps')
    .description('draw the maps that labels stand for in training')
    .argument('[image]', 'the image; for its size')
    .optionsGroup('Data:')
    .requiredOption('--labels <file|folder>', 'labels of the image: text or JSON')
    .addOption(labelFormatOption('--label-format'));
  addImageSizeOption(addOrientationOption(labels))
    .optionsGroup('Output:')
    .option('--out <folder>', 'folder for the pictures; is made (default: the current folder)')
    .addOption(jsonOption('what became of the labels'))
    .option('-q, --quiet', 'no notes on stderr, only errors');
  addLabelMapOptions(labels)
    .addHelpText('after', LABEL_MAPS_HELP)
    .action(async (image: string | undefined) =>
      end(await runLabelMaps(image, labels.opts<LabelMapsArguments>(), services)),
    );

  for (const command of program.commands) {
    const checkOptions = takeRequiredOptions(command);
    command.showHelpAfterError(helpLine(command)).hook('preAction', () => {
      checkOptions();
      services.requirePackages(NEEDS[command.name()]);
    });
  }
  return program;
}

/**
 * Commander looks for required options first. To one that is misspelt it would say that it is missing, and not that there
 * is another of nearly that name.
 *
 * @returns What looks for them.
 */
function takeRequiredOptions(command: Command): () => void {
  const required = command.options.filter(({ mandatory }) => mandatory);
  for (const option of required) option.makeOptionMandatory(false);
  return () => {
    const missing = required.find((option) => command.getOptionValue(option.attributeName()) === undefined);
    if (missing !== undefined) command.error(`error: required option '${missing.flags}' not specified`);
  };
}

/** What commands do that takes packages which are not brought along. */
const NEEDS: Record<string, readonly Need[]> = {
  detect: ['gpu', 'pictures'],
  eval: ['gpu', 'pictures'],
  train: ['gpu', 'pictures'],
  tune: ['gpu'],
  convert: [],
  'label-maps': ['pictures'],
};

/** Where help is. */
function helpLine(command: Command): string {
  const path = command.parent === null ? command.name() : `${command.parent.name()} ${command.name()}`;
  return `See ${path} --help.`;
}
