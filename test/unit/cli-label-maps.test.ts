/** @file The command `label-maps`: which labels it takes, what it draws, what it refuses. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../../cli/program.ts';
import { parseTextLabels } from '../../src/eval/text-labels.ts';
import { labelMaps } from '../../src/labels/index.ts';
import { box, fakeServices, temporaryFolder } from './cli-fakes.ts';

const [WIDTH, HEIGHT] = [64, 48];
let picture: Uint8Array;
let turned: Uint8Array;
beforeAll(async () => {
  const plain = sharp({ create: { width: WIDTH, height: HEIGHT, channels: 3, background: '#777' } });
  picture = await plain.clone().png().toBuffer();
  turned = await plain.clone().jpeg().withMetadata({ orientation: 6 }).toBuffer();
});

function setUp(files: Record<string, string | Uint8Array>) {
  const cwd = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), content);
  }
  const fakes = fakeServices({ cwd });
  return { cwd, ...fakes, run: (line: string) => runProgram(line.split(' '), fakes.services) };
}

/** A PNG of one channel. */
async function readGrey(path: string) {
  const { width, height, channels, depth } = await sharp(path).metadata();
  return {
    width,
    height,
    channels,
    depth,
    data: new Uint8Array(await sharp(path).extractChannel(0).raw().toBuffer()),
  };
}

const { points } = box(10, 10, 40, 20);
const TEXT = '10,10,50,10,50,30,10,30,word\n0,40,9,40,9,47,0,47,###\n2,2,60,2,60,6,2,6,thin\n';
const json = (...entries: object[]) => JSON.stringify(entries);
const entry = (image: string, extra: object = {}) => ({ image, ...extra, polygons: [{ points }] });
const PICTURES = ['probability', 'probability-mask', 'threshold', 'threshold-mask'];

describe('what is drawn', () => {
  test('four maps in grey, and the labels over the image', async () => {
    const { run, cwd, stdout, stderr, calls } = setUp({ 'a.png': picture, 'gt_a.txt': TEXT });
    expect(await run('label-maps a.png --labels gt_a.txt')).toBe(0);
    expect(stdout.text()).toBe('a.png: 64 x 48, 3 labels, 1 of them text; ignored: 2 (ignore); 3 (size)\n');
    expect(stderr.text()).toMatch(/^Probability: a\.probability\.png$/m);
    expect(stderr.text()).toMatch(/^Labels: a\.labels\.png$/m);
    expect(calls.create).toEqual([]);

    const polygon = (flat: number[], ignore = false) => ({
      points: [0, 1, 2, 3].map((i): [number, number] => [flat[2 * i], flat[2 * i + 1]]),
      ignore,
    });
    const maps = labelMaps(
      [
        polygon([10, 10, 50, 10, 50, 30, 10, 30]),
        polygon([0, 40, 9, 40, 9, 47, 0, 47], true),
        polygon([2, 2, 60, 2, 60, 6, 2, 6]),
      ],
      { width: WIDTH, height: HEIGHT },
    );
    const expected = [maps.probability, maps.probabilityMask, maps.threshold, maps.thresholdMask];
    for (const [i, name] of PICTURES.entries()) {
      const grey = await readGrey(join(cwd, `a.${name}.png`));
      expect(grey).toMatchObject({ width: WIDTH, height: HEIGHT, channels: 1, depth: 'uchar' });
      expect(grey.data).toEqual(Uint8Array.from(expected[i], (value) => Math.round(255 * value)));
    }
    const overview = await sharp(join(cwd, 'a.labels.png')).raw().toBuffer({ resolveWithObject: true });
    expect(overview.info).toMatchObject({ width: WIDTH, height: HEIGHT });
    // The outline of the first label is bright yellow.
    const at = overview.info.channels * (30 * WIDTH + 30);
    expect([...overview.data.subarray(at, at + 3)].map((v) => v > 128)).toEqual([true, true, false]);
  });

  test('how the labels were read is said; the option says it for them', async () => {
    const line = '10,10,50,10,50,30,10,30,5,20,2014\n';
    const found = setUp({ 'a.png': picture, 'gt_a.txt': TEXT });
    expect(await found.run('label-maps a.png --labels gt_a.txt')).toBe(0);
    expect(found.stderr.text()).toMatch(
      /^Labels read as icdar \(x1,y1,\.\.\.,x4,y4,text\): 2 words and 1 don't care in 1 image\.$/m,
    );
    for (const [format, corners] of [
      ['icdar', 4],
      ['polygons', 5],
    ] as const) {
      const { run, stderr } = setUp({ 'a.png': picture, 'gt_a.txt': line });
      expect(await run(`label-maps a.png --labels . --label-format ${format}`)).toBe(0);
      expect(stderr.text()).toContain(`Labels read as ${format} (`);
      const { labels } = parseTextLabels([{ name: 'gt_a.txt', text: line }], format, '--label-format');
      expect(labels[0][0].points).toHaveLength(corners);
    }
  });

  test('options reach the maps', async () => {
    const { run, cwd } = setUp({ 'a.png': picture, 'gt_a.txt': TEXT });
    const options = '--shrink-ratio 0.8 --threshold-min 0.1 --threshold-max 0.8 --minimum-size 3';
    expect(
      await run(
        `label-maps a.png --labels gt_a.txt ${options} --distance segment --clipping exact --json m.json`,
      ),
    ).toBe(0);
    expect(JSON.parse(readFileSync(join(cwd, 'm.json'), 'utf8'))).toEqual({
      image: 'a.png',
      width: WIDTH,
      height: HEIGHT,
      polygons: 3,
      text: 2,
      ignored: [{ index: 1, reason: 'ignore' }],
    });
    const { data } = await readGrey(join(cwd, 'a.threshold.png'));
    expect([Math.min(...data), Math.max(...data)]).toEqual([26, 204]);
  });

  test('without an image: no overview, named after the labels', async () => {
    const { run, cwd, stdout, stderr } = setUp({ 'gt_b.txt': TEXT });
    expect(await run('label-maps --labels gt_b.txt --size 61x50 --out maps/new --quiet --json -')).toBe(0);
    expect(readdirSync(join(cwd, 'maps/new')).sort()).toEqual(PICTURES.map((name) => `b.${name}.png`).sort());
    expect(JSON.parse(stdout.text())).toMatchObject({
      image: 'gt_b.txt',
      width: 61,
      height: 50,
      polygons: 3,
    });
    expect(stderr.text()).toBe('');
  });

  test('the size that JSON labels state is enough', async () => {
    const { run, stdout } = setUp({ 'l.json': json(entry('a.png', { width: 70, height: 40 })) });
    expect(await run('label-maps --labels l.json')).toBe(0);
    expect(stdout.text()).toBe('l.json: 70 x 40, 1 label, 1 of them text\n');
  });

  test('labels count in the turned picture, with --ignore-orientation in the stored one', async () => {
    const { run, stdout, cwd } = setUp({ 'a.jpg': turned, 'gt_a.txt': TEXT });
    expect(await run('label-maps a.jpg --labels gt_a.txt')).toBe(0);
    expect(stdout.text()).toContain(`a.jpg: ${HEIGHT} x ${WIDTH}`);
    const { width, height } = await sharp(readFileSync(join(cwd, 'a.labels.png'))).metadata();
    expect([width, height]).toEqual([HEIGHT, WIDTH]);
    expect(await run('label-maps a.jpg --labels gt_a.txt --ignore-orientation')).toBe(0);
    expect(stdout.text()).toContain(`a.jpg: ${WIDTH} x ${HEIGHT}`);
  });
});

describe('the labels of an image', () => {
  const other = { image: 'c.png', polygons: [] };
  test.each([
    ['the text file of a folder', 'i/a.png', 'gt', { 'gt/gt_a.txt': TEXT, 'gt/gt_c.txt': '' }, 3],
    ['the entry whose path leads there', 'i/a.png', 'l.json', { 'l.json': json(entry('i/a.png'), other) }, 1],
    [
      'that one rather than one of the same name',
      'i/a.png',
      'l.json',
      {
        'l.json': json({ image: 'j/a.png', polygons: [] }, entry('i/a.png')),
      },
      1,
    ],
    ['the only entry of that name', 'i/a.png', 'x/l.json', { 'x/l.json': json(other, entry('j\\A.png')) }, 1],
  ])('%s', async (_, image, labels, files, count) => {
    const { run, stdout } = setUp({ [image]: picture, ...files } as Record<string, string | Uint8Array>);
    expect(await run(`label-maps ${image} --labels ${labels} --json -`)).toBe(0);
    expect(JSON.parse(stdout.text()).polygons).toBe(count);
  });
});

describe('refusals', () => {
  const files = () => ({
    'a.png': picture,
    'gt_a.txt': TEXT,
    'two.json': json(entry('x/b.png'), entry('y/b.png')),
    'size.json': json(entry('a.png', { width: 32, height: 48 })),
    'none.json': json(entry('a.png')),
    'large.json': json(entry('a.png', { width: 65504, height: 65504 })),
    'dates/gt_a.txt': '10,10,50,10,50,30,10,30,word\n',
    'dates/gt_near.txt': '10,10,50,10,50,30,10,30,5,20,2014\n',
    'b.png': picture,
    'bad.png': 'no picture',
    'gt_bad.txt': '1,2,3,word',
  });

  test.each([
    [2, 'a.png', /required option '--labels/],
    [2, 'a.png --labels nowhere.txt', /--labels: nowhere\.txt does not exist/],
    [2, 'b.png --labels .', /--labels: gt_b\.txt does not exist/],
    [2, '--labels .', /expects a file where no image is given; \. is a folder/],
    [2, '--labels gt_a.txt', /do not say for which size they are: give the image, or --size/],
    [2, '--labels gt_a.txt --size 0x5', /--size.*each 1 to 65504/],
    [2, 'a.png --labels gt_a.txt --size 64x48', /--size is for labels without an image/],
    [2, 'a.png --labels gt_a.txt --shrink-ratio 1.5', /--shrink-ratio.*from 0 to 1/],
    [2, 'a.png --labels gt_a.txt --shrink-ratio 1', /shrinkRatio: expected a number from 0 to below 1/],
    [2, 'a.png --labels gt_a.txt --threshold-min 0.8', /thresholdMax: expected/],
    [2, 'a.png --labels gt_a.txt --minimum-size -1', /--minimum-size.*0 or more/],
    [2, 'a.png --labels gt_a.txt --distance true', /Allowed choices are authors, segment/],
    [2, 'a.png --labels gt_a.txt --clipping off', /Allowed choices are authors, exact/],
    [2, 'a.png --labels gt_a.txt --out b.png', /--out expects a folder; b\.png is none/],
    [2, 'a.png --labels gt_a.txt --json gt_a.txt', /gt_a\.txt would be overwritten: it is an input/],
    [
      2,
      'a.png --labels gt_a.txt --json a.labels.png',
      /a\.labels\.png would be overwritten: it is written twice/,
    ],
    [
      2,
      '--labels gt_a.txt --size 65504x65504',
      /Option size: expected at most 268435456 pixels, found 65504 x 65504\./,
    ],
    [1, '--labels large.json', /^error: large\.json, \[0\]: expected an image of at most 268435456 pixels/],
    [2, 'a.png --labels none.json --label-format icdar', /--label-format is for labels in text; none\.json/],
    [2, 'a.png --labels gt_a.txt --label-format pascal', /Allowed choices are icdar, mlt, polygons/],
    [
      1,
      'a.png --labels gt_a.txt --label-format mlt',
      /^error: gt_a\.txt, line 1: expected the name of a script/,
    ],
    [1, 'a.png --labels gt_a.txt --labels dates', /^error: .*gt_near\.txt, line 1: .*--label-format/],
    [1, 'a.png --labels gt_bad.txt', /^error: gt_bad\.txt, line 1: expected at least 4 points/],
    [1, 'b.png --labels two.json', /^error: two\.json: expected one entry for b\.png, found 2\./],
    [1, 'b.png --labels none.json', /^error: none\.json: expected one entry for b\.png, found none\./],
    [1, '--labels two.json', /expected one entry, or an image that says which, found 2\./],
    [
      1,
      'a.png --labels size.json',
      /^error: a\.png: the labels are for 32 x 48 pixels, the image has 64 x 48\./m,
    ],
    [1, 'gone.png --labels gt_a.txt', /^error: gone\.png: expected an image file, found no such file\./m],
    [1, 'bad.png --labels gt_a.txt', /^error: bad\.png: expected a whole JPEG/m],
  ])('status %i: %s', async (status, line, message) => {
    const { run, cwd, stdout, stderr } = setUp(files());
    const before = readdirSync(cwd);
    expect(await run(`label-maps ${line}`)).toBe(status);
    expect(stderr.text()).toMatch(message);
    expect(stdout.text()).toBe('');
    expect(readdirSync(cwd)).toEqual(before);
  });
});
