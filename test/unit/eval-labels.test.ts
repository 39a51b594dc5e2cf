/** @file Label files: what is read, and what is refused with file and line. */

import { describe, expect, test } from 'vitest';
import { DBNetError } from '../../src/errors.ts';
import { parseJsonLabels, parseTextLabels } from '../../src/eval/labels.ts';

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

  test('byte-order mark, CRLF, empty lines and no last newline', () => {
    const labels = parseTextLabels(`\ufeff${quad},Genaxis Theatre\r\n\r\n  \r\n${quad},[06]`, 'gt_img_1.txt');
    expect(labels).toEqual([
      { points, text: 'Genaxis Theatre', ignore: false },
      { points, text: '[06]', ignore: false },
    ]);
  });

  test('an empty file has no labels', () => {
    expect(parseTextLabels('', 'gt.txt')).toEqual([]);
    expect(parseTextLabels('\ufeff\n', 'gt.txt')).toEqual([]);
  });

  test('don’t care is ### or *', () => {
    const ignored = ['###', '*', ' ###', '##', '#', '**', '###1'].map(
      (text) => parseTextLabels(`${quad},${text}`, 'gt.txt')[0].ignore,
    );
    expect(ignored).toEqual([true, true, true, false, false, false, false]);
  });

  test.each([
    ['a, b, c', 'a, b, c'],
    ['1990', '1990'],
    ['5,000', '5,000'],
    ['12,34', '12,34'],
    ['9,00 Euro', '9,00 Euro'],
    ['', ''],
    [',', ','],
  ])('transcription %j after four points', (text, expected) => {
    const [label] = parseTextLabels(`${quad},${text}`, 'gt.txt');
    expect(label.points).toEqual(points);
    expect(label.text).toBe(expected);
  });

  test('four points without a transcription', () => {
    expect(parseTextLabels(quad, 'gt.txt')).toEqual([{ points, text: '', ignore: false }]);
  });

  test('more points, spaces and decimals', () => {
    const [label] = parseTextLabels('0, 0, 10.5, -1, 20, 0, 20, 8, 10, 9, 0, 8, arc', 'gt.txt');
    expect(label).toEqual({
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

  test('a broken line is named', () => {
    const error = refusal(() => parseTextLabels(`${quad},ok\n\n1,2,3,x,5,6,7,8,word\n`, 'labels/gt_a.txt'));
    expect(error.code).toBe('invalid-labels');
    expect(error.message).toMatch(/^labels\/gt_a\.txt, line 3: expected at least 4 points .*"x" .*3 of 8/);
  });

  test('too few numbers, and a coordinate that no image has', () => {
    expect(refusal(() => parseTextLabels('1,2,3,4', 'gt.txt')).message).toMatch(/ends after 4 of 8 numbers/);
    const far = refusal(() => parseTextLabels('1,2,3,4,5,6,7,99999999999,a', 'gt.txt'));
    expect(far.message).toMatch(/line 1: coordinates must be pixels .* \(7, 99999999999\)/);
  });
});

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
      { image: 'c.jpg', polygons: [{ points }, { points, text: '###' }], extra: 1 },
    ])}`;
    expect(parseJsonLabels(text, 'labels.json')).toEqual([
      { image: 'a/b.jpg', width: 640, height: 480, polygons: [{ points, text: 'x', ignore: true }] },
      {
        image: 'c.jpg',
        width: undefined,
        height: undefined,
        polygons: [
          { points, text: '', ignore: false },
          { points, text: '###', ignore: true },
        ],
      },
    ]);
  });

  test('text that is not JSON is refused with its line', () => {
    const error = refusal(() => parseJsonLabels('[\n  {"image": "a.jpg",\n  polygons}\n]', 'labels.json'));
    expect(error.code).toBe('invalid-labels');
    expect(error.message).toMatch(/^labels\.json, line 3: not JSON/);
    expect(refusal(() => parseJsonLabels('', 'labels.json')).message).toMatch(/^labels\.json.*not JSON/);
  });

  test.each([
    [{}, /^labels\.json: expected an array of images, found \{\}/],
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
