/** @file `dbnet-webgpu convert`: weights of any format as safetensors that bring their network along. */

import { resolve } from 'node:path';
import { parameterShapes } from '../src/graph/graph.ts';
import { readRecipe } from '../src/input/recipe.ts';
import type { InputRecipe, SizeRule } from '../src/input/types.ts';
import { type Checkpoint, openCheckpoint } from '../src/models/checkpoint.ts';
import { convertCheckpoint } from '../src/models/convert.ts';
import { loadBytes } from '../src/safetensors/load.ts';
import { EXIT } from './failure.ts';
import { weightsSource } from './options.ts';
import { checkDistinct, checkFile, displayPath } from './outputs.ts';
import { createProgressView } from './progress.ts';
import { replaceFile } from './replace-file.ts';
import type { Services } from './services.ts';

/** Arguments of the command. */
export interface ConvertArguments {
  half?: boolean;
  quiet?: boolean;
}

/**
 * Converts one file and says what is in it.
 *
 * @returns The exit status.
 * @throws UsageError, or the error of a failure.
 */
export async function runConvert(
  source: string,
  target: string,
  { half = false, quiet = false }: ConvertArguments,
  { cwd, signal, stdout, stderr, now }: Services,
): Promise<number> {
  const path = resolve(cwd, target);
  checkFile(path, 'The converted file');
  checkDistinct([path], [source], cwd);
  const view = createProgressView(stderr, now, quiet);
  view.start('loading');
  const bytes = await loadBytes(weightsSource(source, cwd), {
    onProgress: ({ done, total }) => view.report({ stage: 'weights', done, total: total ?? done }),
    signal,
  }).finally(() => view.clear());
  const checkpoint = await openCheckpoint(bytes);
  const lines = report(checkpoint);
  const converted = convertCheckpoint(checkpoint, { half });
  signal.throwIfAborted();
  await replaceFile(path, converted);
  stdout.write(`${lines}\n`);
  const megabytes = (converted.length / 1e6).toFixed(1);
  view.note(`Written to ${displayPath(path, cwd)}: ${megabytes} MB, ${half ? 'f16' : 'f32'}.`);
  return EXIT.done;
}

/** What a file holds, and how it is used. @throws DBNetError `incompatible-weights` where it says what cannot be followed. */
function report(checkpoint: Checkpoint): string {
  const { name, architecture, parameterCount, graph, dropped, metadata } = checkpoint;
  const { input, size, postprocess } = readRecipe(metadata);
  const stated = Object.entries(postprocess).map(([key, value]) => `${key} ${value}`);
  const rows = {
    // A network that the file brings is known by nothing else.
    network: name.includes(architecture) ? architecture : `${name} (${architecture})`,
    maps: graph.outputs.join(', '),
    tensors: `${parameterShapes(graph).size}, ${(parameterCount / 1e6).toFixed(2)} M parameters`,
    dropped: describeDropped(dropped),
    input: describeInput(input),
    size: describeSize(size),
    regions: stated.length === 0 ? 'the defaults' : stated.join(', '),
  };
  return Object.entries(rows)
    .map(([key, value]) => `${key.padEnd(8)} ${value}`)
    .join('\n');
}

/** What is dropped by its names, but by number and kind what there is many of: counters of batch norms, arrays of an optimizer. */
function describeDropped(dropped: readonly string[]): string {
  const groups = new Map<string, string[]>();
  for (const name of dropped) {
    const group = name.endsWith(counter) ? counter.slice(1) : `${name.split('.', 2).join('.')}.*`;
    groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  const described = [...groups].flatMap(([group, names]) =>
    names.length > mostNames || group === counter.slice(1) ? [`${names.length} ${group}`] : names,
  );
  return described.join(', ') || 'nothing';
}

const counter = '.num_batches_tracked';
const mostNames = 8;

function describeInput({ channelOrder, mean, std }: InputRecipe): string {
  const list = (values: readonly number[]) => values.map((value) => Number(value.toFixed(8))).join(' ');
  return `${channelOrder.toUpperCase()}, minus ${list(mean)}, over ${list(std)}`;
}

function describeSize(rule: SizeRule): string {
  switch (rule.rule) {
    case 'shortSide':
      return `short side scaled to ${rule.value}`;
    case 'fit':
      return `scaled to fit ${rule.longSide} by ${rule.shortSide}, padded to multiples of 32`;
    case 'limit':
      return rule.side === 'long'
        ? `long side at most ${rule.value}`
        : `short side at least ${rule.value}, long side at most ${rule.longest}`;
    case 'fixed':
      return `stretched to ${rule.width}x${rule.height}`;
  }
}
