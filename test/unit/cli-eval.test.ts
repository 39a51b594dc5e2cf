/** @file The command `eval`: data sets in folders, rows, totals, failures. */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../../cli/program.ts';
import { box, type FakeOptions, fakeServices, temporaryFolder } from './cli-fakes.ts';

let turned: Uint8Array;
const pictures = new Map<number, Uint8Array>();
beforeAll(async () => {
  const make = (width: number) => sharp({ create: { width, height: 32, channels: 3, background: '#777' } });
  for (const width of [64, 65, 66]) pictures.set(width, await make(width).png().toBuffer());
  turned = await make(64).jpeg().withMetadata({ orientation: 6 }).toBuffer();
});

function setUp(files: Record<string, string | Uint8Array>, options: Omit<FakeOptions, 'cwd'> = {}) {
  const cwd = temporaryFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), content);
  }
  const fakes = fakeServices({ cwd, ...options });
  return { cwd, ...fakes, run: (line: string) => runProgram(line.split(' '), fakes.services) };
}

const rows = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
const points = (x: number) => box(x, 3, 20, 8).points;
const entry = (image: string, size: object = {}) => ({ image, ...size, polygons: [{ points: points(2) }] });

describe('text labels', () => {
  test('rows and totals; images without labels are mentioned', async () => {
    const { run, stdout, stderr } = setUp(
      {
        'images/img_1.png': pictures.get(64)!,
        'images/img_2.PNG': pictures.get(65)!,
        'images/img_10.png': pictures.get(66)!,
        'images/extra.png': pictures.get(64)!,
        'gt/gt_img_1.txt': '2,3,22,3,22,11,2,11,word\n40,3,60,3,60,11,40,11,other\n',
        'gt/gt_img_2.txt': '\ufeff2,3,22,3,22,11,2,11,###\r\n',
        'gt/gt_img_10.txt': '',
        'gt/readme.md': 'no labels',
      },
      { find: (image) => (image.width === 66 ? [] : [box(2, 3, 20, 8)]) },
    );
    expect(await run('eval --images images --labels gt --json -')).toBe(0);
    expect(rows(stdout.text())).toEqual([
      {
        image: 'img_1.png',
        precision: 1,
        recall: 0.5,
        f: 2 / 3,
        matched: 1,
        labels: 2,
        detections: 1,
        dontCare: 0,
        leftOut: 0,
        faulty: [],
      },
      {
        image: 'img_2.PNG',
        precision: 1,
        recall: 1,
        f: 1,
        matched: 0,
        labels: 0,
        detections: 0,
        dontCare: 1,
        leftOut: 1,
        faulty: [],
      },
      {
        image: 'img_10.png',
        precision: 1,
        recall: 1,
        f: 1,
        matched: 0,
        labels: 0,
        detections: 0,
        dontCare: 0,
        leftOut: 0,
        faulty: [],
      },
      {
        total: {
          precision: 1,
          recall: 0.5,
          f: 2 / 3,
          matched: 1,
          labels: 2,
          detections: 1,
          images: 3,
          failed: 0,
          faulty: 0,
        },
      },
    ]);
    expect(stderr.text()).toContain('Images without labels, left out: 1.');
    expect(stderr.text()).toContain(
      "Labels read as icdar (x1,y1,...,x4,y4,text): 2 words and 1 don't care in 3 images.\n",
    );
  });

  test('don’t care in quotes and behind a script, a price behind four corners', async () => {
    const quads = (...texts: string[]) => texts.map((text) => `2,3,22,3,22,11,2,11,${text}\n`).join('');
    for (const [text, format, ignored] of [
      [quads('"###"'), 'icdar', true],
      [quads('Latin,###'), 'mlt', true],
      [quads('1,299.00,-'), 'icdar', false],
    ] as const) {
      const { run, stderr, stdout } = setUp({ 'a.png': pictures.get(64)!, 'gt_a.txt': text });
      expect(await run('eval --images . --labels . --json -'), text).toBe(0);
      expect(stderr.text()).toContain(`Labels read as ${format} (`);
      expect(rows(stdout.text())[0]).toMatchObject({ labels: ignored ? 0 : 1, dontCare: ignored ? 1 : 0 });
    }
  });

  test('labels that cannot be found are counted and named', async () => {
    const { run, stdout, stderr } = setUp({
      'a.png': pictures.get(64)!,
      'b.png': pictures.get(65)!,
      'gt_a.txt':
        '2,3,22,3,22,11,2,11,word\n2,3,22,11,22,3,2,11,crossed\n5,5,9,5,5,5,9,5,line\n' +
        '0,20,64,20,64,30,0,30,BANNER\n',
      // Four times too large.
      'gt_b.txt': '8,12,88,12,88,44,8,44,in part\n160,12,240,12,240,44,160,44,away\n',
    });
    expect(await run('eval --images . --labels . --json -')).toBe(0);
    expect(rows(stdout.text()).map(({ faulty, total }) => faulty ?? total.faulty)).toEqual([
      [
        { index: 1, reason: 'crossing' },
        { index: 2, reason: 'area' },
      ],
      [{ index: 1, reason: 'outside' }],
      3,
    ]);
    expect(stderr.text()).toMatch(
      /^warning: 3 labels that can hardly be found, but count: 1 with an outline that crosses itself \(.*\), 1 outside of the image \(.*\), 1 without area\. By image and number: a\.png 2 \(crossing\), a\.png 3 \(area\), b\.png 2 \(outside\)\.$/m,
    );
  });

  test('totals for people', async () => {
    const { run, stdout, cwd } = setUp({
      'a.png': pictures.get(64)!,
      'gt_a.txt': '2,3,22,3,22,11,2,11,word\n',
    });
    expect(await run('eval --images . --labels . --json rows.ndjson')).toBe(0);
    expect(stdout.text()).toBe(
      'precision 1.0000   1 of 1 detections are right\n' +
        'recall    1.0000   1 of 1 labels are found\n' +
        'F         1.0000   ICDAR 2015 protocol, 1 image\n',
    );
    expect(rows(readFileSync(join(cwd, 'rows.ndjson'), 'utf8'))).toHaveLength(2);
  });

  test('missing, doubled and damaged images fail; the rest counts', async () => {
    const { run, stdout, stderr, calls } = setUp({
      'i/a.png': pictures.get(64)!,
      'i/two.png': pictures.get(64)!,
      'i/two.jpg': turned,
      'i/bad.jpg': 'no picture',
      'gt/gt_a.txt': '2,3,22,3,22,11,2,11,word\n',
      'gt/gt_two.txt': '',
      'gt/gt_bad.txt': '',
      'gt/gt_gone.txt': '',
    });
    expect(await run('eval --images i --labels gt')).toBe(1);
    expect(stderr.text()).toMatch(
      /^error: Labels of 1 of 4 images: expected their images in i, found none for gone\.$/m,
    );
    expect(stderr.text()).toMatch(
      /^error: two: expected one image for gt_two\.txt, found two\.(png|jpg) and/m,
    );
    expect(stderr.text()).toMatch(/^error: bad\.jpg: expected a whole JPEG/m);
    expect(stderr.text()).toMatch(/^3 of 4 images failed and are not part of the totals\.$/m);
    expect(stdout.text()).toContain('ICDAR 2015 protocol, 1 image\n');
    expect(calls.detect).toHaveLength(1);
  });

  test('many labels without an image: one line, with the first of their names', async () => {
    const gone = Array.from({ length: 12 }, (_, i) => [`gt/gt_${i}.txt`, '']);
    const { run, stderr, calls } = setUp({
      'i/a.png': pictures.get(64)!,
      'gt/gt_a.txt': '',
      ...Object.fromEntries(gone),
    });
    expect(await run('eval --images i --labels gt')).toBe(1);
    expect(stderr.text().match(/^error: .*$/gm)).toEqual([
      'error: Labels of 12 of 13 images: expected their images in i, found none for 0, 1, 2, 3, 4, and 7 more.',
    ]);
    expect(stderr.text()).toMatch(/^12 of 13 images failed/m);
    expect(calls.detect).toHaveLength(1);
  });

  test('labels that cannot be read end the run before the weights are loaded', async () => {
    const files = { 'a.png': pictures.get(64)!, 'gt_a.txt': '1,2,3,4,word\n' };
    const broken = setUp(files);
    expect(await broken.run('eval --images . --labels .')).toBe(1);
    expect(broken.stderr.text()).toMatch(/^error: gt_a\.txt, line 1: expected at least 4 points/);
    expect(broken.calls.create).toEqual([]);

    const latin = setUp({ 'a.png': pictures.get(64)!, 'gt_a.txt': new Uint8Array([0x31, 0xe9]) });
    expect(await latin.run('eval --images . --labels .')).toBe(1);
    expect(latin.stderr.text()).toMatch(/gt_a\.txt: expected UTF-8 text/);

    const none = setUp({ 'a.png': pictures.get(64)! });
    expect(await none.run('eval --images . --labels .')).toBe(1);
    expect(none.stderr.text()).toMatch(/expected files named gt_<image>\.txt, found none/);

    const single = setUp(files);
    expect(await single.run('eval --images . --labels gt_a.txt')).toBe(2);
    expect(single.stderr.text()).toMatch(/is one text file/);
  });
});

describe('JSON labels', () => {
  const json = (...entries: object[]) => JSON.stringify(entries);

  test.each([
    ['relative to the file', 'set/labels.json', 'images/a.png', 'set/images/a.png', 'set/images'],
    ['relative to the file, which lies below', 'set/gt/l.json', '../images/a.png', 'set/images/a.png', 'set'],
    ['relative to the images folder', 'labels.json', 'a.png', 'set/images/a.png', 'set/images'],
    ['leading folders dropped for another copy', 'set/labels.json', 'images/a.png', 'copy/a.png', 'copy'],
    ['Windows separators', 'set/labels.json', 'images\\a.png', 'set/images/a.png', 'set/images'],
  ])('image paths %s', async (_, labels, image, file, images) => {
    const { run, calls } = setUp({ [labels]: json(entry(image)), [file]: pictures.get(65)! });
    expect(await run(`eval --images ${images} --labels ${labels}`)).toBe(0);
    expect(calls.detect.map(({ image: { width } }) => width)).toEqual([65]);
  });

  test('another copy of the images is not passed over for the original', async () => {
    const { run, calls } = setUp({
      'set/labels.json': json(entry('images/a.png')),
      'set/images/a.png': pictures.get(64)!,
      'copy/a.png': pictures.get(66)!,
    });
    expect(await run('eval --images copy --labels set/labels.json')).toBe(0);
    expect(calls.detect[0].image.width).toBe(66);
  });

  test('the place relative to the file comes first', async () => {
    const { run, calls } = setUp({
      'set/gt/labels.json': json(entry('a.png')),
      'set/gt/a.png': pictures.get(64)!,
      'set/a.png': pictures.get(65)!,
    });
    expect(await run('eval --images set --labels set/gt/labels.json')).toBe(0);
    expect(calls.detect[0].image.width).toBe(64);
  });

  test('an image outside of the images folder is not taken', async () => {
    const { run, stderr, calls } = setUp({
      'set/labels.json': json(entry('../secret/a.png'), entry('b.png')),
      'secret/a.png': pictures.get(64)!,
      'set/images/b.png': pictures.get(64)!,
    });
    expect(await run('eval --images set/images --labels set/labels.json')).toBe(1);
    expect(stderr.text()).toMatch(
      /^error: Labels of 1 of 2 images: expected their images in set\/images, found none for \.\.\/secret\/a\.png\.$/m,
    );
    expect(calls.detect).toHaveLength(1);
  });

  test('a photo is evaluated as `detect` sees it: turned, or with --ignore-orientation as it is stored', async () => {
    const photo = { 'a.jpg': turned };
    const upright = setUp(photo);
    expect(await upright.run('detect a.jpg --no-overlay --quiet')).toBe(0);
    const { width, height } = upright.calls.detect[0].image;
    expect([width, height]).toEqual([32, 64]);

    const labels = json(entry('a.jpg', { width, height }));
    const { run, calls } = setUp({ 'labels.json': labels, ...photo });
    expect(await run('eval --images . --labels labels.json')).toBe(0);
    expect(calls.detect[0].image).toMatchObject({ width, height });

    const stored = setUp({ 'labels.json': json(entry('a.jpg', { width: 64, height: 32 })), ...photo });
    expect(await stored.run('eval --images . --labels labels.json --ignore-orientation')).toBe(0);
    expect(stored.calls.detect[0].image).toMatchObject({ width: 64, height: 32 });
    expect(await stored.run('eval --images . --labels labels.json')).toBe(1);
    expect(stored.stderr.text()).toMatch(
      /^error: a\.jpg: the labels are for 64 x 32 pixels, the image has 32 x 64\. Labels are in pixels of the picture as its EXIF orientation turns it; with --ignore-orientation in those that are stored\.$/m,
    );
  });

  test('what `detect --json` wrote are labels', async () => {
    const { run, stdout, stderr } = setUp({
      'photos/a.png': pictures.get(64)!,
      'photos/b.png': pictures.get(65)!,
    });
    expect(await run('detect photos/a.png photos/b.png --no-overlay --json regions.json')).toBe(0);
    expect(await run('eval --images photos --labels regions.json --json -')).toBe(0);
    const [total] = rows(stdout.text().trimEnd().split('\n').at(-1)!);
    expect(total).toMatchObject({ total: { matched: 2, labels: 2, f: 1, images: 2 } });
    expect(stderr.text()).toContain("Labels read as JSON: 2 words and 0 don't care in 2 images.\n");
    expect(await run('label-maps photos/b.png --labels regions.json --out maps')).toBe(0);
    expect(await run('eval --images photos --labels regions.json --label-format mlt')).toBe(2);
  });

  test('labels for another size are a failure, not a bad score', async () => {
    const { run, stderr } = setUp({
      'labels.json': json(entry('a.png', { width: 128, height: 64 })),
      'a.png': pictures.get(64)!,
    });
    expect(await run('eval --images . --labels labels.json')).toBe(1);
    expect(stderr.text()).toMatch(
      /^error: a\.png: the labels are for 128 x 64 pixels, the image has 64 x 32\.$/m,
    );
  });

  test('says which images were shrunk too far', async () => {
    const files = { 'labels.json': json(entry('a.png')), 'a.png': pictures.get(64)! };
    const warning = { code: 'text-shrunk' as const, message: '', scale: 0.1, sufficientLongSide: 9600 };
    const { run, stderr } = setUp(files, { warnings: [warning] });
    expect(await run('eval --images . --labels labels.json --quiet')).toBe(0);
    expect(stderr.text()).toMatch(/^warning: a\.png: .*--max-long-side 9600/m);
  });

  test('options reach the detector, labels are never overwritten', async () => {
    const files = { 'labels.json': json(entry('a.png')), 'a.png': pictures.get(64)! };
    const { run, calls } = setUp(files);
    expect(await run('eval --images . --labels labels.json --short-side 480 --threshold 0.35')).toBe(0);
    expect(calls.detect[0].options).toMatchObject({ size: { shortSide: 480 }, threshold: 0.35 });
    const own = setUp(files);
    expect(await own.run('eval --images . --labels labels.json')).toBe(0);
    // Also on a software adapter, where `detect` takes less.
    expect(own.calls.detect[0].options.size).toBeUndefined();
    const clash = setUp(files);
    expect(await clash.run('eval --images . --labels labels.json --json labels.json')).toBe(2);
    expect(clash.calls.create).toEqual([]);
  });
});
