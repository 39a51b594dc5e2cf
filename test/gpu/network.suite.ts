/**
 * @file The whole network with the given weights, stage by stage, against PyTorch (f64): the backbone's C2..C5, the
 * neck's sums P5..P2, the concatenation, and the maps.
 */

import { type GpuContext, openDevice } from '../../src/gpu/device.ts';
import { PipelineCache } from '../../src/gpu/pipelines.ts';
import { chooseTile, chooseWinograd, defaultChoice } from '../../src/graph/choose-kernels.ts';
import { type Graph, probabilityAlone, steepnessOf } from '../../src/graph/graph.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { allFusions, fuse } from '../../src/graph/passes/index.ts';
import type { WinogradRule } from '../../src/graph/passes/winograd.ts';
import { readRecipe } from '../../src/input/recipe.ts';
import { gemmOf } from '../../src/kernels/convolution.ts';
import { maskUniforms } from '../../src/kernels/db-head.ts';
import type { Precision } from '../../src/kernels/wgsl.ts';
import { readCheckpoint } from '../../src/models/checkpoint.ts';
import { parseSafetensors, type Safetensors } from '../../src/safetensors/index.ts';
import { ppOcrV4, ppOcrV6 } from '../helpers/mobile-networks.ts';
import { smallNetwork, withRandomParameters } from '../helpers/networks.ts';
import { assert, assertEqual, maxDifference, randomFloats } from './assert.ts';
import { wrongLayers } from './check-graph.ts';
import { PlanRun } from './plan-run.ts';
import { precisionsOf } from './precision.ts';
import type { GpuTest, GpuTestContext } from './suite.ts';

const maps = ['P', 'T', 'B'] as const;
const stages = ['C2', 'C3', 'C4', 'C5', 'P5', 'P4', 'P3', 'P2', 'fuse'];

/**
 * Largest |difference|. Of a stage relative to its largest value; of the maps as they are, and of their log-odds as
 * well: on this image P stays below 0.06 and B below 1e-7, so that the maps alone would hide large errors.
 */
const tolerances = {
  f32: { stage: 1e-5, P: 1e-4, T: 1e-4, B: 5e-3, logOdds: 1e-3 },
  f16: { stage: 5e-3, P: 5e-3, T: 5e-3, B: 5e-2, logOdds: 0.5 },
} as const;

/** From PyTorch's [channels, height, width] to [height, width, channels]. */
function channelsLast(values: Float32Array, channels: number): Float32Array {
  const pixels = values.length / channels;
  return values.map((_, i) => values[(i % channels) * pixels + Math.floor(i / channels)]);
}

/** About the middle of P on this image; an f32. */
const maskThreshold = 1 / 64;

const logOdds = (p: number): number => Math.log(p / (1 - p));

/** The fixture's log-odds of each map; those of B are k (P - T). */
function expectedLogOdds(file: Safetensors, map: string, k: number): Float32Array {
  if (map !== 'B') return file.float32(`${map}logit`);
  const T = file.float32('T');
  return file.float32('P').map((p, i) => k * (p - T[i]));
}

async function check({ fixture }: GpuTestContext, context: GpuContext, precision: Precision): Promise<void> {
  const [file, weights] = await Promise.all(
    ['network.safetensors', 'weights/db-resnet18.safetensors'].map(async (name) =>
      parseSafetensors(await fixture(name)),
    ),
  );
  const recipe = readRecipe(weights.metadata);
  const checkpoint = readCheckpoint(weights);
  const pipelines = new PipelineCache(context);
  const [height, width] = file.tensors.get('image')!.shape;
  const size = { height, width };
  const image = { data: file.bytes('image').slice(), ...size, channels: 3 as const };

  const runs: PlanRun[] = [];
  /** Runs a graph on the image. */
  const compute = async (graph: Graph, keep: readonly string[] = []): Promise<PlanRun> => {
    const network = await PlanRun.ofGraph(context, graph, {
      image,
      size,
      input: recipe.input,
      choice: {
        precision,
        tile: (conv) => chooseTile(gemmOf(conv), context),
        headPixels: 4,
        quads: context.quads,
      },
      keep,
      pipelines,
    });
    runs.push(network);
    network.program.setShape(maskUniforms({ of: 'P', threshold: maskThreshold }));
    await network.run();
    return network;
  };

  const allowed = tolerances[precision];
  const failures: string[] = [];
  const compare = (what: string, actual: Float32Array, expected: Float32Array, tolerance: number) => {
    const { difference, index } = maxDifference(actual, expected);
    if (difference <= tolerance) return;
    failures.push(`${what}: |difference| ${difference} at index ${index}, tolerance ${tolerance}`);
  };
  const compareMap = (what: string, name: 'P' | 'T' | 'B', actual: Float32Array) => {
    compare(`${what}, ${name}`, actual, file.float32(name), allowed[name]);
    const expected = expectedLogOdds(file, name, steepnessOf(checkpoint.graph));
    compare(`${what}, log-odds of ${name}`, actual.map(logOdds), expected, allowed.logOdds);
  };

  const plain = foldBatchNorm(checkpoint.graph);
  const staged = await compute(plain, stages);
  for (const name of stages) {
    const expected = channelsLast(file.float32(name), file.tensors.get(name)!.shape[0]);
    const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    compare(name, await staged.read(name), expected, allowed.stage * largest);
  }
  for (const name of maps) compareMap('unfused', name, await staged.read(name));
  // From here on tensors share buffers.
  const fused = await compute(fuse(plain));
  for (const name of maps) compareMap('fused', name, await fused.read(name));
  const words = new Uint32Array(await fused.bytes('mask'));
  const wrong = (await fused.read('P')).findIndex(
    (value, i) => value > maskThreshold !== (((words[i >> 5] >>> (i & 31)) & 1) === 1),
  );
  if (wrong !== -1) failures.push(`mask: bit ${wrong} is wrong`);
  const alone = await compute(fuse(foldBatchNorm(probabilityAlone(checkpoint.graph))));
  compareMap('P alone', 'P', await alone.read('P'));

  for (const network of runs) network.destroy();
  assert(failures.length === 0, `${precision}: ${failures.join('; ')}`);
}

const tests: GpuTest[] = [
  {
    name: 'every stage and map of the unfused network, the maps of the fused one, and P alone, against PyTorch',
    async run(test) {
      const context = await openDevice({ device: test.device });
      for (const precision of await precisionsOf(context)) await check(test, context, precision);
    },
  },
  ...[
    { what: 'a small DBNet', network: smallNetwork(true, { width: 16, k: 5 }) },
    // Channels that fill no vec4 in most layers.
    { what: 'PP-OCRv4 with few channels', network: ppOcrV4(7) },
    { what: 'PP-OCRv6 with few channels', network: ppOcrV6(4) },
  ].map(
    ({ what, network }): GpuTest => ({
      name: `every layer of ${what}, fused, gives what it is defined to, by Winograd as well`,
      async run({ device }) {
        const context = await openDevice({ device });
        const pipelines = new PipelineCache(context);
        const size = { width: 64, height: 32 };
        const data = Uint8Array.from(randomFloats(3 * 64 * 32, 1, 0, 256));
        const input = { channelOrder: 'rgb', mean: [110, 120, 130], std: [60, 50, 40] } as const;
        const image = { data, ...size, channels: 3 as const };
        const graph = foldBatchNorm(withRandomParameters(network, 1));
        for (const precision of await precisionsOf(context)) {
          for (const software of [true, false]) {
            const choice = defaultChoice({ software }, precision);
            // Channels are too few for the rule of GPUs.
            const rule: WinogradRule = (operation) =>
              chooseWinograd(operation, { software: true }, precision);
            const form = fuse(graph, allFusions, rule);
            const wrong = await wrongLayers(context, form, { image, size, input, choice, pipelines });
            assertEqual([...wrong], [], `${precision}, tiles for ${software ? 'software' : 'GPUs'}`);
          }
        }
      },
    }),
  ),
];

export default tests;
