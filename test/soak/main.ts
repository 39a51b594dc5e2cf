/**
 * @file `npm run soak -- --minutes N`: does anything grow? Rounds of frames, streams and lost devices ({@link Soak}), after each of
 * which what is held is compared with what was held after the first. Exit status 1 if something grew or was wrong.
 */

import { readdirSync } from 'node:fs';
import { getHeapSnapshot } from 'node:v8';
import { Command, InvalidArgumentError } from 'commander';
import { alignColumns } from '../../bench/report/text.ts';
import { acquireGpu } from '../../src/platform/gpu.ts';
import { Soak, type SoakRound } from './soak.ts';

/** How much the JS heap may differ from that after the first round. */
const heapTolerance = 0.02;

/** What is held by the process, and the GPU's share. */
interface Sample extends SoakRound {
  /** Bytes of objects on the JS heap after a forced collection. */
  heap: number;
  /** Open files, and what keeps the process alive. */
  handles: number;
  /** Bytes that the process holds in memory, native libraries included. */
  rss: number;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new InvalidArgumentError('expected a number above 0');
  return value;
}

function countOrNone(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0)
    throw new InvalidArgumentError('expected 0 or a whole number above');
  return value;
}

function parse(args: readonly string[]) {
  return new Command('soak')
    .description('Runs detectors for long and tells whether anything grows.')
    .option('--minutes <n>', 'ends after so long (default: 5, unless --frames is given)', positive)
    .option('--frames <n>', 'ends after so many frames', positive)
    .option('--seed <n>', 'of the moments at which devices are lost', positive, 1)
    .option('--repetitions <n>', 'frames of each size in each round', positive, 10)
    .option('--losses <n>', 'devices lost in each round', countOrNone, 2)
    .option(
      '--warmup <n>',
      'rounds before the first that counts, while the engine still compiles',
      countOrNone,
      2,
    )
    .parse(args, { from: 'user' })
    .opts<{
      minutes?: number;
      frames?: number;
      seed: number;
      repetitions: number;
      losses: number;
      warmup: number;
    }>();
}

/** Everything that can be freed is freed, also what waits for a finalizer. */
async function collect(): Promise<void> {
  const { gc } = globalThis as { gc?: () => void };
  if (!gc) throw new Error('expected node --expose-gc: use `npm run soak`');
  for (let i = 0; i < 4; i++) {
    gc();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function countHandles(): number {
  const files = process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0;
  return files + process.getActiveResourcesInfo().length;
}

/** What stands on the JS heap for code and the engine's own use: it grows while functions are optimized anew. */
const engineTypes = ['hidden', 'code'];

/** Bytes of objects, arrays, strings and closures on the JS heap. */
async function objectBytes(): Promise<number> {
  const chunks: Buffer[] = [];
  for await (const chunk of getHeapSnapshot()) chunks.push(chunk);
  const { snapshot, nodes } = JSON.parse(Buffer.concat(chunks).toString());
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, size] = ['type', 'self_size'].map((field) => fields.indexOf(field));
  let sum = 0;
  for (let i = 0; i < nodes.length; i += fields.length) {
    if (!engineTypes.includes(types[type][nodes[i + type]])) sum += nodes[i + size];
  }
  return sum;
}

async function sample(round: SoakRound): Promise<Sample> {
  await collect();
  return { ...round, heap: await objectBytes(), handles: countHandles(), rss: process.memoryUsage.rss() };
}

/** What is more, or less, than after the first round. */
function differences(first: Sample, now: Sample): string[] {
  const exact = (['gpuBytes', 'gpuObjects', 'statedBytes', 'handles'] as const)
    .filter((name) => first[name] !== now[name])
    .map((name) => `${name}: ${first[name]} after the first round, ${now[name]} now`);
  const growth = now.heap / first.heap - 1;
  const heap = `heap: ${(100 * growth).toFixed(1)} % more than after the first round`;
  return growth > heapTolerance ? [...exact, heap] : exact;
}

const columns = ['round', 'frames', 'losses', 'failed', 'GPU kB', 'objects', 'heap kB', 'handles', 'RSS MB'];
const kilo = (bytes: number) => (bytes / 1000).toFixed(1);

const row = (index: number, now: Sample): string[] => [
  ...[index, now.frames, now.losses, now.failed].map(String),
  ...[kilo(now.gpuBytes), String(now.gpuObjects), kilo(now.heap), String(now.handles)],
  (now.rss / 1e6).toFixed(1),
];

/** The first rounds, some in the middle, and the last. */
function shown(rows: readonly string[][]): string[][] {
  const step = Math.ceil(rows.length / 20);
  return rows.filter((_, i) => i < 2 || i % step === 0 || i === rows.length - 1);
}

async function main(args: readonly string[]): Promise<boolean> {
  const { frames, minutes = frames ? undefined : 5, seed, repetitions, losses, warmup } = parse(args);
  const { gpu, name } = await acquireGpu();
  console.log(`${name}, Node ${process.versions.node}`);
  const soak = await Soak.open(gpu, { seed, repetitions, losses, detectors: [20, 20, 2] });
  const started = performance.now();
  const samples: Sample[] = [];
  const problems: string[] = [];
  const isOver = () =>
    (frames !== undefined && (samples.at(-1)?.frames ?? 0) >= frames) ||
    (minutes !== undefined && performance.now() - started > 60_000 * minutes);
  for (let i = 0; i < warmup; i++) await sample(await soak.round());
  do {
    const now = await sample(await soak.round());
    samples.push(now);
    console.error(row(samples.length, now).join(' '));
    problems.push(...differences(samples[0], now).map((text) => `round ${samples.length}: ${text}`));
  } while (!isOver() || samples.length < 2);
  soak.dispose();
  const rows = shown(samples.map((now, i) => row(i + 1, now)));
  console.log(alignColumns([columns, ...rows], 0).join('\n'));
  for (const problem of problems) console.log(problem);
  const { frames: done, losses: lost } = samples.at(-1)!;
  const time = ((performance.now() - started) / 60_000).toFixed(1);
  const verdict = problems.length === 0 ? 'nothing grew' : 'SOMETHING GREW';
  console.log(`${done} frames, ${lost} devices lost, ${samples.length} rounds in ${time} min: ${verdict}`);
  return problems.length === 0;
}

process.exit((await main(process.argv.slice(2))) ? 0 : 1);
