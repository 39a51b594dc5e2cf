/**
 * @file Every parameter and option of every public function, given what it cannot be: a `DBNetError`, or a meaning that
 * is stated here; never another error, and never no end.
 */

import { describe, expect, it } from 'vitest';
import {
  findFaults,
  matchImage,
  parseJsonLabels,
  parseTextLabels,
  rates,
  sumCounts,
} from '../../src/eval/index.ts';
import { DBNetError, readingOrder, rectify, TextDetector } from '../../src/index.ts';
import * as labels from '../../src/labels/index.ts';
import * as postprocess from '../../src/postprocess/index.ts';
import * as safetensors from '../../src/safetensors/index.ts';
import { augment, Random, Trainer } from '../../src/train/index.ts';
import { resolveSettings } from '../../src/train/settings.ts';
import { hostile, isAccepted } from '../helpers/hostile.ts';

/** A parameter: a call with everything right but that one; the hostile values that are right for it. */
type Case = [name: string, call: (value: unknown) => unknown, accepted?: string[]];

const nothing = ['{}', 'no prototype'];

function table(title: string, cases: Case[]): void {
  describe(title, () => {
    it.each(cases)('%s', async (_, call, accepted = []) => {
      const taken: string[] = [];
      for (const [word, value] of Object.entries(hostile))
        if (await isAccepted(() => call(value))) taken.push(word);
      expect(taken).toEqual(accepted);
    });
  });
}

/** The options of a call, each hostile in its turn; `undefined` counts as left out for all. */
const options = (
  call: string,
  run: (options: object) => unknown,
  accepted: Record<string, string[]>,
): Case[] =>
  Object.entries(accepted).map(([name, words]) => [
    `${call}, option ${name}`,
    (value) => run({ [name]: value }),
    ['undefined', ...words],
  ]);

const numbers = (...words: string[]) => words;
const square = Int32Array.of(0, 0, 10, 0, 10, 10, 0, 10);
const map = { data: new Float32Array(64).fill(0.9), width: 8, height: 8 };
const rect = postprocess.minAreaRect(square);
const corners = rect.corners;

table('postprocess', [
  ['signedArea', (v) => postprocess.signedArea(v as Int32Array)],
  ['perimeter', (v) => postprocess.perimeter(v as Int32Array)],
  ['convexHull', (v) => postprocess.convexHull(v as Int32Array)],
  ['minAreaRect', (v) => postprocess.minAreaRect(v as Int32Array)],
  ['orderQuad', (v) => postprocess.orderQuad(v as postprocess.Point[])],
  ['orderQuad, a corner', (v) => postprocess.orderQuad([...corners.slice(1), v as postprocess.Point])],
  ['growRect, rect', (v) => postprocess.growRect(v as postprocess.RotatedRect, 1)],
  [
    'growRect, distance',
    (v) => postprocess.growRect(rect, v as number),
    numbers('-1', 'zero', '0.5', '1e300'),
  ],
  ['unclipRect, rect', (v) => postprocess.unclipRect(v as postprocess.RotatedRect, 1)],
  ['unclipRect, ratio', (v) => postprocess.unclipRect(rect, v as number), numbers('zero', '0.5', '1e300')],
  ['unclip, points', (v) => postprocess.unclip(v as Int32Array, 1.5)],
  ['unclip, ratio', (v) => postprocess.unclip(square, v as number), numbers('zero', '0.5')],
  ['simplifyClosed, points', (v) => postprocess.simplifyClosed(v as Int32Array, 1)],
  [
    'simplifyClosed, epsilon',
    (v) => postprocess.simplifyClosed(square, v as number),
    numbers('zero', '0.5', '1e300'),
  ],
  ['findContours, mask', (v) => postprocess.findContours(v as Uint8Array, 8, 8)],
  ['findContours, width', (v) => postprocess.findContours(new Uint8Array(64), v as number, 8)],
  ['findContours, height', (v) => postprocess.findContours(new Uint8Array(64), 8, v as number)],
  [
    'findContours, scratch',
    (v) => postprocess.findContours(new Uint8Array(64), 8, 8, v as postprocess.ContourScratch),
    ['undefined'],
  ],
  ['polygonScore, map', (v) => postprocess.polygonScore(v as postprocess.ScoreMap, square)],
  ['polygonScore, data', (v) => postprocess.polygonScore({ ...map, data: v as Float32Array }, square)],
  ['polygonScore, points', (v) => postprocess.polygonScore(map, v as Int32Array)],
  [
    'polygonScore, scratch',
    (v) => postprocess.polygonScore(map, square, v as postprocess.ScoreScratch),
    ['undefined'],
  ],
  ['regionDefaults', (v) => postprocess.regionDefaults(v as 'quad'), ['undefined']],
  ['resolveRegionOptions', (v) => postprocess.resolveRegionOptions(v as object), ['undefined', ...nothing]],
  ['findRegions, map', (v) => postprocess.findRegions(v as postprocess.ProbabilityMap)],
  ['findRegions, data', (v) => postprocess.findRegions({ ...map, data: v as Float32Array })],
  ['findRegions, width', (v) => postprocess.findRegions({ ...map, width: v as number })],
  ['findRegions, mask', (v) => postprocess.findRegions({ ...map, mask: v as Uint8Array }), ['undefined']],
  [
    'findRegions, content',
    (v) => postprocess.findRegions({ ...map, content: v as typeof map }),
    ['undefined'],
  ],
  [
    'findRegions, content.height',
    (v) => postprocess.findRegions({ ...map, content: { width: 8, height: v as number } }),
  ],
  ['findRegions, options', (v) => postprocess.findRegions(map, v as object), ['undefined', ...nothing]],
  [
    'findRegions, scratch',
    (v) => postprocess.findRegions(map, {}, v as postprocess.RegionScratch),
    ['undefined'],
  ],
  [
    'findRegions, target.width',
    (v) => postprocess.findRegions(map, { target: { width: v as number, height: 8 } }),
  ],
  ...options('findRegions', (o) => postprocess.findRegions(map, o), {
    target: [],
    shape: [],
    score: [],
    threshold: numbers('zero', '0.5'),
    boxThreshold: numbers('zero', '0.5'),
    unclipRatio: numbers('zero', '0.5'),
    maxCandidates: [],
    minSize: numbers('zero', '0.5', '1e300'),
    simplify: numbers('zero', '0.5'),
  }),
]);

const shown = { data: new Uint8Array(64 * 64), width: 64, height: 64, channels: 1 as const };
const region = { points: corners };

table('regions', [
  ['readingOrder, regions', (v) => readingOrder(v as []), ['[]']],
  ['readingOrder, a region', (v) => readingOrder([region, v as typeof region])],
  ['readingOrder, points', (v) => readingOrder([{ points: v as postprocess.Point[] }])],
  ['readingOrder, a point', (v) => readingOrder([{ points: [...corners, v as postprocess.Point] }])],
  ['rectify, image', (v) => rectify(v as typeof shown, region)],
  ['rectify, image.data', (v) => rectify({ ...shown, data: v as Uint8Array }, region)],
  ['rectify, image.width', (v) => rectify({ ...shown, width: v as number }, region)],
  ['rectify, region', (v) => rectify(shown, v as typeof region)],
  ['rectify, points', (v) => rectify(shown, { points: v as postprocess.Point[] })],
  ['rectify, a point', (v) => rectify(shown, { points: [...corners, v as postprocess.Point] })],
  ['rectify, options', (v) => rectify(shown, region, v as object), ['undefined', ...nothing]],
  ...options('rectify', (o) => rectify(shown, region, o), {
    height: [],
    maxWidth: [],
    turnVertical: ['true'],
    background: [],
  }),
]);

const size = { width: 16, height: 16 };
const box: labels.Point[] = [
  [2, 2],
  [12, 2],
  [12, 12],
  [2, 12],
];
const polygon = { points: box };

table('labels', [
  ['polygons', (v) => labels.labelMaps(v as labels.LabelPolygon[], size), ['[]']],
  ['a polygon', (v) => labels.labelMaps([v as labels.LabelPolygon], size)],
  ['points', (v) => labels.labelMaps([{ points: v as labels.Point[] }], size)],
  ['a point', (v) => labels.labelMaps([{ points: [...box, v as labels.Point] }], size)],
  [
    'a coordinate',
    (v) => labels.labelMaps([{ points: [...box, [3, v as number]] }], size),
    numbers('-1', 'zero', '0.5'),
  ],
  ['ignore', (v) => labels.labelMaps([{ points: box, ignore: v as boolean }], size), ['undefined', 'true']],
  ['size', (v) => labels.labelMaps([polygon], v as typeof size)],
  ['size.width', (v) => labels.labelMaps([polygon], { width: v as number, height: 16 })],
  ['size.height', (v) => labels.labelMaps([polygon], { width: 16, height: v as number })],
  ['options', (v) => labels.labelMaps([polygon], size, v as object), ['undefined', ...nothing]],
  [
    'into.threshold',
    (v) => {
      const into = labels.labelMaps([], size);
      labels.labelMaps([polygon], size, { into: { ...into, threshold: v as Float32Array } });
    },
  ],
  ...options('labelMaps', (o) => labels.labelMaps([polygon], size, o), {
    shrinkRatio: numbers('zero', '0.5'),
    thresholdMin: numbers('zero', '0.5'),
    thresholdMax: numbers('0.5'),
    minimumSize: numbers('zero', '0.5', '1e300'),
    distance: [],
    clipping: [],
    into: [],
    scratch: [],
  }),
]);

const tensor: safetensors.TensorData = { dtype: 'F32', shape: [2], data: new Float32Array(2) };
const file = safetensors.writeSafetensors({ a: tensor });

table('safetensors', [
  ['parseSafetensors', (v) => safetensors.parseSafetensors(v as Uint8Array)],
  ['float32', (v) => safetensors.parseSafetensors(file).float32(v as string)],
  ['bytes', (v) => safetensors.parseSafetensors(file).bytes(v as string)],
  [
    'writeSafetensors, tensors',
    (v) => safetensors.writeSafetensors(v as []),
    ['[]', ...nothing, 'Uint8Array(0)'],
  ],
  ['writeSafetensors, a pair', (v) => safetensors.writeSafetensors([v as [string, typeof tensor]])],
  ['writeSafetensors, a name', (v) => safetensors.writeSafetensors([[v as string, tensor]]), ["''", "'x'"]],
  ['writeSafetensors, a tensor', (v) => safetensors.writeSafetensors({ a: v as typeof tensor })],
  ['writeSafetensors, dtype', (v) => safetensors.writeSafetensors({ a: { ...tensor, dtype: v as 'F32' } })],
  ['writeSafetensors, shape', (v) => safetensors.writeSafetensors({ a: { ...tensor, shape: v as [] } })],
  [
    'writeSafetensors, data',
    (v) => safetensors.writeSafetensors({ a: { ...tensor, data: v as Float32Array } }),
  ],
  [
    'writeSafetensors, metadata',
    (v) => safetensors.writeSafetensors({}, v as Record<string, string>),
    ['undefined', ...nothing],
  ],
  ['writeSafetensors, a value', (v) => safetensors.writeSafetensors({}, { a: v as string }), ["''", "'x'"]],
  ['loadBytes, source', (v) => safetensors.loadBytes(v as string), ['Uint8Array(0)']],
  ['loadBytes, options', (v) => safetensors.loadBytes(file, v as object), ['undefined', ...nothing]],
  ...options('loadBytes', (o) => safetensors.loadBytes(file, o), {
    onProgress: ['a function'],
    signal: [],
  }),
]);

const picture = { data: new Uint8Array(64 * 64 * 3), width: 64, height: 64, channels: 3 as const };
const text = {
  points: [
    [8, 8],
    [56, 8],
    [56, 40],
    [8, 40],
  ] as labels.Point[],
};
const cut = (value: object, polygons: unknown = [text], random: unknown = new Random(1)) =>
  augment(picture, polygons as [typeof text], random as Random, { cropSize: 32, ...value });

table('augment and Random', [
  ['picture', (v) => augment(v as typeof picture, [], new Random(1))],
  ['picture.data', (v) => augment({ ...picture, data: v as Uint8Array }, [], new Random(1))],
  ['picture.width', (v) => augment({ ...picture, width: v as number }, [], new Random(1))],
  ['picture.channels', (v) => augment({ ...picture, channels: v as 3 }, [], new Random(1))],
  ['polygons', (v) => cut({}, v), ['undefined', '[]']],
  ['a polygon', (v) => cut({}, [v])],
  ['points', (v) => cut({}, [{ points: v }])],
  ['a point', (v) => cut({}, [{ points: [...text.points, v] }])],
  ['a coordinate', (v) => cut({}, [{ points: [...text.points, [3, v]] }]), numbers('-1', 'zero', '0.5')],
  ['random', (v) => cut({}, [text], v), ['undefined']],
  [
    'random, without augmentation',
    (v) => augment(picture, [text], v as Random, { augment: false }),
    Object.keys(hostile),
  ],
  ['options', (v) => augment(picture, [], new Random(1), v as object), ['undefined', ...nothing]],
  ...options('augment', cut, {
    cropSize: [],
    augment: ['true'],
    flip: numbers('zero', '0.5'),
    rotate: [],
    scale: [],
    crop: ['true'],
    minCropSide: numbers('zero', '0.5'),
    cropTries: ['zero'],
    fill: [],
  }),
  ['Random, seed', (v) => new Random(v as number), ['zero']],
  ['Random, a key', (v) => new Random(1, v as number), ['zero']],
  [
    'uniform, low',
    (v) => new Random(1).uniform(v as number, 1),
    numbers('undefined', '-1', 'zero', '0.5', '1e300'),
  ],
  [
    'uniform, high',
    (v) => new Random(1).uniform(0, v as number),
    numbers('undefined', '-1', 'zero', '0.5', '1e300'),
  ],
  ['integer', (v) => new Random(1).integer(v as number)],
  ['chance', (v) => new Random(1).chance(v as number), numbers('zero', '0.5')],
  ['pick', (v) => new Random(1).pick(v as []), ['[null]', '[NaN, NaN]', 'a hole']],
  ['shuffle', (v) => new Random(1).shuffle(v as []), ['[]', '[null]', '[NaN, NaN]', 'a hole']],
]);

/** A file that is none of a network: whoever gets that far is refused there, before a device is asked for. */
const weights = safetensors.writeSafetensors({});
const creation = (call: string, create: (options: object) => unknown, names: string[]): Case[] =>
  names.map((name) => [`${call}, option ${name}`, (value) => create({ weights, [name]: value })]);

table('create() of the detector and the trainer', [
  ['TextDetector.create', (v) => TextDetector.create(v as { weights: Uint8Array })],
  ...creation('TextDetector.create', (o) => TextDetector.create(o as { weights: Uint8Array }), [
    'weights',
    'gpu',
    'device',
    'input',
    'precision',
    'tune',
    'onProgress',
    'signal',
  ]),
  ['Trainer.create', (v) => Trainer.create(v as object)],
  ...creation('Trainer.create', Trainer.create, [
    'weights',
    'init',
    'resume',
    'gpu',
    'device',
    'input',
    'onProgress',
    'signal',
    'optimizer',
    'loss',
    'batchNorm',
    'cropSize',
    'seed',
    'augment',
    'labels',
  ]),
]);

const poly = { kind: 'poly', steps: 9 };
const rate = numbers('zero', '0.5', '1e300');
const adamw = (o: object) => resolveSettings({ optimizer: { kind: 'adamw', ...o } });

table('what a run is made of', [
  ...options('AdamW', adamw, {
    learningRate: rate,
    weightDecay: rate,
    warmupSteps: rate,
    clipNorm: numbers('0.5', '1e300'),
    averageDecay: numbers('zero', '0.5'),
    beta1: numbers('zero', '0.5'),
    beta2: numbers('zero', '0.5'),
    epsilon: numbers('0.5'),
    schedule: [],
  }),
  ['AdamW, kind', (v) => resolveSettings({ optimizer: { kind: v as 'adamw' } })],
  ['AdamW, momentum', (v) => adamw({ momentum: v })],
  ['a schedule, kind', (v) => adamw({ schedule: { ...poly, kind: v } })],
  ['a schedule, steps', (v) => adamw({ schedule: { ...poly, steps: v } }), ['1e300']],
  ['a schedule, power', (v) => adamw({ schedule: { ...poly, power: v } }), rate],
  ...options('loss', (o) => resolveSettings({ loss: o }), {
    weights: nothing,
    binary: [],
    negativeRatio: rate,
  }),
  ...options('weights of the loss', (o) => resolveSettings({ loss: { weights: o as never } }), {
    probability: rate,
    binary: rate,
    threshold: rate,
  }),
]);

it.each(['weights', 'resume'])('%s null does not start from random weights', async (name) => {
  const options = { [name]: null } as object;
  const error: unknown = await Trainer.create(options).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'invalid-argument', message: expect.stringContaining('not as null') });
});

describe('a WebGPU that refuses', () => {
  const refusing = async (gpu: object) => {
    const options = { weights: 'weights/db-resnet18.safetensors', gpu: gpu as GPU };
    const error: unknown = await TextDetector.create(options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DBNetError);
    expect(error).toMatchObject({ code: 'no-webgpu', cause: expect.anything() });
    return (error as DBNetError).message;
  };
  const fail = (reason: unknown) => () => Promise.reject(reason);

  it('an adapter', async () => {
    expect(await refusing({ requestAdapter: fail(new TypeError('no entry')) })).toContain('no entry');
  });

  it('a device', async () => {
    const adapter = { limits: {}, features: new Set(), requestDevice: fail(new Error('too many devices')) };
    expect(await refusing({ requestAdapter: async () => adapter })).toContain('too many devices');
    expect(await refusing({ requestAdapter: async () => ({}) })).toContain('a device');
  });
});

const label = { points: box, ignore: false };
const counts = { matched: 1, labels: 1, detections: 1 };

table('evaluation', [
  ['parseTextLabels, files', (v) => parseTextLabels(v as []), ['[]']],
  ['parseTextLabels, a file', (v) => parseTextLabels([v as { name: string; text: string }])],
  ['parseTextLabels, name', (v) => parseTextLabels([{ name: v as string, text: '' }]), ["''", "'x'"]],
  ['parseTextLabels, text', (v) => parseTextLabels([{ name: 'a', text: v as string }], 'icdar'), ["''"]],
  ['parseTextLabels, format', (v) => parseTextLabels([], v as 'icdar'), ['undefined']],
  ['parseTextLabels, option', (v) => parseTextLabels([], 'icdar', v as string), ['undefined', "''", "'x'"]],
  ['parseJsonLabels, text', (v) => parseJsonLabels(v as string, 'a.json')],
  ['parseJsonLabels, file', (v) => parseJsonLabels('[]', v as string), ["''", "'x'"]],
  ['findFaults, labels', (v) => findFaults(v as [], size), ['[]']],
  ['findFaults, a label', (v) => findFaults([v as typeof label], size)],
  ['findFaults, picture', (v) => findFaults([label], v as typeof size)],
  ['findFaults, width', (v) => findFaults([label], { width: v as number, height: 8 })],
  ['matchImage, labels', (v) => matchImage(v as [], []), ['[]']],
  ['matchImage, a label', (v) => matchImage([v as typeof label], [])],
  ['matchImage, points of a label', (v) => matchImage([{ ...label, points: v as labels.Point[] }], [])],
  ['matchImage, ignore', (v) => matchImage([{ ...label, ignore: v as boolean }], []), ['undefined', 'true']],
  ['matchImage, detections', (v) => matchImage([label], v as []), ['[]']],
  ['matchImage, a detection', (v) => matchImage([label], [v as labels.Point[]])],
  ['sumCounts', (v) => sumCounts(v as []), ['[]']],
  ['sumCounts, an image', (v) => sumCounts([v as typeof counts])],
  ['rates', (v) => rates(v as typeof counts)],
  ['rates, matched', (v) => rates({ ...counts, matched: v as number }), ['zero']],
]);
