/** @file Label files: what is read, and what is refused with file and line. */

import { describe, expect, test } from 'vitest';
import { DBNetError } from '../../src/errors.ts';
import { parseJsonLabels } from '../../src/eval/labels.ts';
import { type LabelFormat, parseTextLabels } from '../../src/eval/text-labels.ts';
import { seededRandom } from '../helpers/random.ts';

function refusal(run: () => unknown): DBNetError {
  try {
    run();
  } catch (error) {
    if (error instanceof DBNetError) return error;
    throw error;
  }
  throw new Error('expected a DBNetError');
}

describe('text labels', () => {
  const quad = '377,117,463,117,465,130,378,130';
  const points = [
    [377, 117],
    [463, 117],
    [465, 130],
    [378, 130],
  ];
  /** Two corners above and two below the middle of a text, as an outline of six goes on. */
  const arc = '0,10,20,0,40,10,40,30,20,20,0,30';
  const read = (format: LabelFormat | undefined, ...texts: string[]) =>
    parseTextLabels(
      texts.map((text, i) => ({ name: `gt_${i}.txt`, text })),
      format,
      '--label-format',
    );
  const only = (text: string, format?: LabelFormat) => read(format, text).labels[0][0];

  test('byte-order mark, CRLF, empty lines and no last newline', () => {
    const { format, labels } = read(undefined, `\ufeff${quad},Genaxis Theatre\r\n\r\n  \r\n${quad},[06]`);
    expect(format).toBe('icdar');
    expect(labels).toEqual([
      [
        { points, text: 'Genaxis Theatre', ignore: false },
        { points, text: '[06]', ignore: false },
      ],
    ]);
  });

  test('an empty file has no labels', () => {
    expect(read(undefined, '', '\ufeff\n').labels).toEqual([[], []]);
  });

  test('don’t care is ### or *, in quotes or not', () => {
    const texts = ['###', '*', ' ###', '"###"', ' "###" ', '"*"', '##', '#', '**', '###1', '"##"', '"###'];
    const ignored = texts.map((text) => only(`${quad},${text}`).ignore);
    expect(ignored.map(Number)).toEqual([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
  });

  test('quotes are no part of the text', () => {
    expect(only(`${quad},"He said \\"a, \\\\b\\""`).text).toBe('He said "a, \\b"');
    expect(only(`${quad},12" pipe`).text).toBe('12" pipe');
  });

  test.each([
    ['a, b, c', 'a, b, c'],
    ['1990', '1990'],
    ['5,000', '5,000'],
    ['12,34', '12,34'],
    ['12,5,2014', '12,5,2014'],
    ['1,299.00,-', '1,299.00,-'],
    ['9,00 Euro', '9,00 Euro'],
    ['', ''],
    [',', ','],
  ])('transcription %j after four points', (text, expected) => {
    // Said or found out, alone or among others.
    for (const label of [
      only(`${quad},${text}`),
      only(`${quad},${text}`, 'icdar'),
      read(undefined, `${quad},word`, `${quad},${text}\n${quad},other`).labels[1][0],
    ]) {
      expect(label).toEqual({ points, text: expected, ignore: false });
    }
  });

  test('four points without a transcription', () => {
    expect(only(quad)).toEqual({ points, text: '', ignore: false });
  });

  test('more points, spaces and decimals', () => {
    const { format, labels } = read(undefined, '0, 0, 10.5, -1, 20, 0, 20, 8, 10, 9, 0, 8, arc');
    expect(format).toBe('polygons');
    expect(labels[0][0]).toEqual({
      points: [
        [0, 0],
        [10.5, -1],
        [20, 0],
        [20, 8],
        [10, 9],
        [0, 8],
      ],
      text: 'arc',
      ignore: false,
    });
  });

  test('polygons: one outline of more than four corners tells for all files', () => {
    const { format, labels } = read(
      undefined,
      `${quad},a`,
      `${arc},b\n0,0,9,0,12,4,9,8,0,8,c`,
      `${arc},7,00`,
    );
    expect(format).toBe('polygons');
    expect(labels.map((each) => each.map(({ points: { length }, text }) => [length, text]))).toEqual([
      [[4, 'a']],
      [
        [6, 'b'],
        [5, 'c'],
      ],
      [[6, '7,00']],
    ]);
  });

  test('polygons: #### stands before the text in files of CTW1500', () => {
    const { format, labels } = read(undefined, `${arc},####1990, 5\n${arc},#######\n${quad},####a`);
    expect(format).toBe('polygons');
    expect(labels[0].map(({ points: { length }, text, ignore }) => [length, text, ignore])).toEqual([
      [6, '1990, 5', false],
      [6, '###', true],
      [4, 'a', false],
    ]);
  });

  test('MLT: each line names a script', () => {
    const text = `${quad},Latin,Hello, you\n${quad},Arabic,###\n${quad},None,"###"\n${quad},Symbols,5,000`;
    const { format, labels } = read(undefined, text);
    expect(format).toBe('mlt');
    expect(labels[0].map((label) => [label.text, label.ignore])).toEqual([
      ['Hello, you', false],
      ['###', true],
      ['###', true],
      ['5,000', false],
    ]);
    expect(read(undefined, `${quad},Mixed, grill\n${quad},Menu`).format).toBe('icdar');
  });

  test('lines that may be read in two ways want the option', () => {
    // A fifth corner where one may be, and a text where it may be none.
    const near = '0,0,20,0,20,8,0,8,-4,4,8';
    const error = refusal(() => read(undefined, `${quad},word`, `\n${near}`));
    expect(error.code).toBe('invalid-labels');
    expect(error.message).toBe(
      'gt_1.txt, line 2: these may be 4 corners and the text "-4,4,8", or 5 corners and the text "8": say how the ' +
        'lines are to be read with --label-format (icdar, mlt, polygons).',
    );
    expect(only(near, 'icdar')).toMatchObject({ points: { length: 4 }, text: '-4,4,8' });
    expect(only(near, 'polygons')).toMatchObject({ points: { length: 5 }, text: '8' });
    // Other lines tell.
    expect(read(undefined, near, `${quad},12,5,2014`).format).toBe('icdar');
    expect(read(undefined, near, `${arc},a`).format).toBe('polygons');
  });

  test('lines that no format fits together are named', () => {
    const mixed = refusal(() => read(undefined, `${arc},a`, `${quad},12,5,2014`));
    expect(mixed.message).toMatch(/Not "x1,y1,\.\.\.,x4,y4,text": gt_0\.txt, line 1: .* an outline of 6\./);
    expect(mixed.message).toMatch(/Not "x1,y1,\.\.\.,xn,yn,text": gt_1\.txt, line 1: .*\(12, 5\)/);
    expect(mixed.message).toMatch(/--label-format/);
    // A script that is not known.
    const script = refusal(() => read(undefined, `${quad},Latin,a\n${quad},Tamil,###`));
    expect(script.message).toMatch(/gt_0\.txt, line 2: ### stands behind a field/);
    expect(only(`${quad},Tamil,###`, 'mlt').ignore).toBe(true);
  });

  test('a line that is not as it is said to be is named', () => {
    expect(refusal(() => read('mlt', `${quad},Latin,a\n${quad},word`)).message).toMatch(
      /^gt_0\.txt, line 2: expected the name of a script .*found "word"/,
    );
  });

  test('a broken line is named', () => {
    const error = refusal(() => read(undefined, '', `${quad},ok\n\n1,2,3,x,5,6,7,8,word\n`));
    expect(error.code).toBe('invalid-labels');
    expect(error.message).toMatch(/^gt_1\.txt, line 3: expected at least 4 points .*"x" .*3 of 8/);
  });

  test('too few numbers, and a coordinate that no image has', () => {
    expect(refusal(() => only('1,2,3,4')).message).toMatch(/ends after 4 of 8 numbers/);
    const far = refusal(() => only('1,2,3,4,5,6,7,99999999999,a'));
    expect(far.message).toMatch(/line 1: coordinates must be pixels .* \(7, 99999999999\)/);
  });

  test('an outline that crosses itself without end', () => {
    const random = seededRandom(3);
    const scribble = Array.from({ length: 6000 }, () => Math.floor(1000 * random())).join();
    const error = refusal(() => only(`${scribble},a`, 'polygons'));
    expect(error.code).toBe('invalid-labels');
    expect(error.message).toMatch(/^gt_0\.txt, line 1: .*crosses itself at most 1000 times, found more/);
    const long = Array.from({ length: 20_002 }, (_, i) => i).join();
    expect(refusal(() => only(`${long},a`, 'polygons')).message).toMatch(/at most 10000 points, found 10001/);
  });
});

/** Random corners, each edge of which crosses a third of the others. */
function scribble(): [number, number][] {
  const random = seededRandom(4);
  return Array.from({ length: 3000 }, () => [1000 * random(), 1000 * random()]);
}

describe('JSON labels', () => {
  const points = [
    [0, 0],
    [9, 0],
    [9, 5.5],
  ];
  const parse = (value: unknown) => parseJsonLabels(JSON.stringify(value), 'labels.json');

  test('images with polygons', () => {
    const text = `\ufeff${JSON.stringify([
      { image: 'a/b.jpg', width: 640, height: 480, polygons: [{ points, text: 'x', ignore: true }] },
      { image: 'c.jpg', polygons: [{ points }, { points, text: '"###"' }], extra: 1 },
    ])}`;
    expect(parseJsonLabels(text, 'labels.json')).toEqual([
      { image: 'a/b.jpg', width: 640, height: 480, polygons: [{ points, text: 'x', ignore: true }] },
      {
        image: 'c.jpg',
        width: undefined,
        height: undefined,
        polygons: [
          { points, text: '', ignore: false },
          { points, text: '"###"', ignore: true },
        ],
      },
    ]);
  });

  test('what `detect --json` writes: an image per line', () => {
    const region = { points, score: 0.9 };
    const line = (image: string) =>
      JSON.stringify({ image, width: 64, height: 32, truncated: false, regions: [region, region] });
    const labels = parseJsonLabels(`${line('a.jpg')}\n${line('b.jpg')}\n\n`, 'regions.json');
    const polygon = { points, text: '', ignore: false };
    expect(labels).toEqual(
      ['a.jpg', 'b.jpg'].map((image) => ({ image, width: 64, height: 32, polygons: [polygon, polygon] })),
    );
    // Alone, in order for the eye, and without any region.
    const alone = JSON.stringify({ image: 'a.jpg', regions: [] }, null, 2);
    expect(parseJsonLabels(alone, 'regions.json')).toMatchObject([{ image: 'a.jpg', polygons: [] }]);
    const broken = refusal(() => parseJsonLabels(`${line('a.jpg')}\n{"image":"b.jp`, 'regions.json'));
    expect(broken.message).toMatch(/^regions\.json, line 2: not JSON/);
    const wrong = refusal(() => parseJsonLabels(`${line('a.jpg')}\n{"image":"b.jpg"}`, 'regions.json'));
    expect(wrong.message).toMatch(/^regions\.json, line 2, polygons: expected an array, found nothing/);
  });

  test('text that is not JSON is refused with its line', () => {
    const error = refusal(() => parseJsonLabels('[\n  {"image": "a.jpg",\n  polygons}\n]', 'labels.json'));
    expect(error.code).toBe('invalid-labels');
    expect(error.message).toMatch(/^labels\.json, line 3: not JSON/);
    expect(refusal(() => parseJsonLabels('', 'labels.json')).message).toMatch(/^labels\.json.*not JSON/);
  });

  test.each([
    [{}, /^labels\.json, image: expected a path, found nothing/],
    [5, /^labels\.json: expected an array of images, found 5/],
    [[{ image: 'a', polygons: [], regions: [] }], /, \[0\]: expected polygons or regions, not both/],
    [[{ image: 'a', regions: [{ points: 5 }] }], /, \[0\]\.regions\[0\]\.points: expected an array/],
    [
      [{ image: 'a', width: 65504, height: 65504, polygons: [] }],
      /, \[0\]: expected an image of at most 268435456 pixels, found \{"width":65504,"height":65504\}/,
    ],
    [
      [{ image: 'a', polygons: [{ points: scribble() }] }],
      /\[0\]\.points: .*crosses itself at most 1000 times/,
    ],
    [[7], /, \[0\]: expected an object .*found 7/],
    [[{ polygons: [] }], /, \[0\]\.image: expected a path, found nothing/],
    [[{ image: 'a' }], /, \[0\]\.polygons: expected an array, found nothing/],
    [[{ image: 'a', width: 0, polygons: [] }], /, \[0\]\.width: expected a positive whole number, found 0/],
    [[{ image: 'a', polygons: [null] }], /, \[0\]\.polygons\[0\]: expected an object/],
    [[{ image: 'a', polygons: [{ points: [[1, 2]] }] }], /\.points: expected an array of at least 3 points/],
    [[{ image: 'a', polygons: [{ points: [[1], [2], [3]] }] }], /\.points\[0\]: expected a pair/],
    [[{ image: 'a', polygons: [{ points: [...points, [1, null]] }] }], /\.points\[3\]: .*found \[1,null\]/],
    [[{ image: 'a', polygons: [{ points: [...points, [1, 1e300]] }] }], /\.points\[3\]: coordinates must be/],
    [[{ image: 'a', polygons: [{ points, text: 5 }] }], /\.text: expected a string, found 5/],
    [[{ image: 'a', polygons: [{ points, ignore: 1 }] }], /\.ignore: expected a boolean, found 1/],
  ])('a wrong value is named: %j', (value, message) => {
    const error = refusal(() => parse(value));
    expect(error.code).toBe('invalid-labels');
    expect(error.message).toMatch(message);
  });
});
