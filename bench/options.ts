/** @file The command line of the benchmark. */

import { Command, InvalidArgumentError, Option } from 'commander';
import { messageOf } from '../src/describe.ts';
import {
  type BenchSettings,
  defaultSettings,
  parsePrecisions,
  parseSamples,
  parseSizes,
} from './settings.ts';

export interface BenchOptions {
  settings: BenchSettings;
  /** Where the JSON goes; `-` is standard output. */
  json?: string;
  /** Write the JSON into bench/baselines/, named by runtime and device. */
  baseline: boolean;
  /** An earlier report. */
  compare?: string;
  /** Print names only. */
  list: boolean;
  /** Every variant in the table. */
  all: boolean;
  /** Files of the user's own kernels. */
  kernels: string[];
  /** A weights file. */
  weights?: string;
  /** Run in a Chromium instead of here. */
  browser: boolean;
  /** Serve the page and wait. */
  page: boolean;
  /** Write the network's kernels into this file, and measure nothing. */
  dumpKernels?: string;
  /** Write the page into this folder. */
  writePage?: string;
}

/** What commander gives: options that were left out are undefined. */
interface Given extends Partial<Omit<BenchOptions, 'settings' | 'kernels'>>, Partial<BenchSettings> {
  precision?: BenchSettings['precisions'];
  kernel?: string[];
}

const examples = `
Examples:
  npm run bench -- --quick                          everyday use, under two minutes on a CPU
  npm run bench -- --filter "conv 3x3,db-head" --all  all variants of these
  npm run bench -- --filter ladder                  from the naive kernel to the best
  npm run bench -- --json now.json --compare then.json
  npm run bench -- --filter "conv 3x3" --kernel bench/examples/my-kernel.ts

Exit status: 0 all done, 1 a wrong result or a failure, 2 wrong usage. More in bench/README.md.`;

/** @throws CommanderError for wrong usage, and, with exit code 0, after help was shown. */
export function parseOptions(
  args: readonly string[],
  output: { out: (text: string) => void; error: (text: string) => void },
): BenchOptions {
  const program = new Command('bench')
    .description('Measures the kernels and the whole network on this device.')
    .option('--quick', 'small sizes, few variants')
    .option('--filter <text>', 'only what has all of these words in its name; commas separate alternatives')
    .option('--sizes <list>', 'sizes of the network input: 320x320,640x640', checked(parseSizes))
    .option('--precision <list>', 'f32, f16 or f32,f16', checked(parsePrecisions))
    .option('--samples <n>', 'samples of each candidate', checked(parseSamples))
    .addOption(
      new Option('--timer <method>', 'how GPU time is taken')
        .choices(['auto', 'timestamp', 'slope'])
        .default(defaultSettings.timer),
    )
    .option('--no-cold', 'no runs with rotated buffers')
    .option('--kernel <file>', 'a kernel of your own beside ours; may be repeated', collect)
    .option('--weights <file>', 'weights of the whole network (default: those of the package)')
    .option('--json <file>', 'the report as JSON; - for standard output, and then no table')
    .option('--baseline', 'the report as JSON into bench/baselines/, named by runtime and device')
    .option('--compare <file>', 'ratios to an earlier report')
    .option('--all', 'every variant in the table, not only the best and the default')
    .option('--browser', 'measure in Chromium instead of here')
    .option('--page', 'serve the page for any browser on this machine')
    .option('--write-page <folder>', 'write the page as static files that can be hosted')
    .option(
      '--dump-kernels <file>',
      "the network's kernels at --sizes as JSON, without a device; nothing else",
    )
    .option('--list', 'names of what would be measured, and nothing else')
    .addHelpText('after', examples)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeOut: output.out, writeErr: output.error, getOutHelpWidth: () => 100 });
  program.parse([...args], { from: 'user' });
  const { quick, filter, sizes, precision, samples, timer, cold, kernel, ...rest } = program.opts<Given>();
  const settings = { quick, filter, sizes, precisions: precision, samples, timer, cold };
  const given = Object.entries(settings).filter(([, value]) => value !== undefined);
  return {
    baseline: false,
    list: false,
    all: false,
    browser: false,
    page: false,
    ...rest,
    settings: { ...defaultSettings, ...Object.fromEntries(given) },
    kernels: kernel ?? [],
  };
}

const collect = (file: string, files: string[] = []) => [...files, file];

/** A parser's error as wrong usage. */
export function checked<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(messageOf(error));
    }
  };
}
