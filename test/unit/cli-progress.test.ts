/** @file Progress: bars for terminals, few lines for logs. */

import { expect, test } from 'vitest';
import { createProgressView } from '../../cli/progress.ts';
import { captureStream } from './cli-fakes.ts';

test('without a terminal: plain lines, not too often', () => {
  let time = 0;
  const stderr = captureStream();
  const view = createProgressView(stderr, () => time, false);
  view.start('weights');
  view.report({ stage: 'weights', done: 5e6, total: 2e7 });
  view.start('a.png');
  for (let done = 0; done <= 10; done++) {
    time += 2000;
    view.report({ stage: 'network', done, total: 10 });
  }
  view.note('done');
  expect(stderr.text()).toBe(
    'weights: 5.0 of 20.0 MB 25 %\na.png: network 40 %\na.png: network 90 %\ndone\n',
  );
});

test('on a terminal: a bar that leaves before a message', () => {
  const stderr = captureStream(true);
  const view = createProgressView(stderr, () => 0, false);
  view.start('a.png');
  view.report({ stage: 'network', done: 1, total: 4 });
  view.report({ stage: 'network', done: 3, total: 4 });
  const before = stderr.text();
  expect(before).toMatch(/a\.png █+░+ 25 % {2}network/);
  view.warn('error: b.png');
  const after = stderr.text().slice(before.length);
  expect(after.endsWith('error: b.png\n')).toBe(true);
  // The bar is erased and leaves no line of its own.
  expect(after).toContain('\x1b[');
  expect(after.match(/\n/g)).toHaveLength(1);
});

test('quiet: no progress and no notes, but warnings', () => {
  const stderr = captureStream(true);
  const view = createProgressView(stderr, () => 0, true);
  view.start('a.png');
  view.report({ stage: 'network', done: 1, total: 4 });
  view.note('note');
  view.warn('error');
  expect(stderr.text()).toBe('error\n');
});
