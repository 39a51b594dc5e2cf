/** @file The command line: options, help, exit statuses, interruptions. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../../cli/program.ts';
import { Interruption } from '../../cli/services.ts';
import { DBNetError } from '../../src/errors.ts';
import { type FakeOptions, fakeServices, temporaryFolder } from './cli-fakes.ts';

let picture: Uint8Array;
beforeAll(async () => {
  picture = await sharp({ create: { width: 64, height: 32, channels: 3, background: '#777' } })
    .png()
    .toBuffer();
});

/** A folder with `a.png`, and services that work there. */
function setUp(options: Omit<FakeOptions, 'cwd'> = {}) {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, 'a.png'), picture);
  const fakes = fakeServices({ cwd, ...options });
  return {
    cwd,
    ...fakes,
    run: (line: string) => runProgram(line.split(' ').filter(Boolean), fakes.services),
  };
}

describe('help and version', () => {
  test.each([
    ['--help', /Usage: dbnet-webgpu .*Commands:.*detect.*eval.*Exit status/s],
    [
      'detect --help',
      /\[images\.\.\.\].*--from.*--shard.*--overlay.*--maps.*--ignore-orientation.*--weights.*--box-threshold/s,
    ],
    ['eval --help', /--images.*--labels.*--short-side.*gt_<image>\.txt/s],
    [
      'train --help',
      /--images.*--labels.*--init.*--steps.*--eval-every.*--out.*--resume.*\.state\.safetensors/s,
    ],
    ['label-maps --help', /\[image\].*--labels.*--size.*--out.*--shrink-ratio.*--distance.*gt_<image>\.txt/s],
    ['--version', /^\d+\.\d+\.\d+\S*\n$/],
  ])('%s goes to stdout, status 0', async (line, text) => {
    const { run, stdout, stderr, calls } = setUp();
    expect(await run(line)).toBe(0);
    expect(stdout.text()).toMatch(text);
    expect(stderr.text()).toBe('');
    expect(calls.create).toEqual([]);
  });
});

describe('wrong usage: status 2, a message on stderr, nothing computed', () => {
  test.each([
    ['', /Usage: dbnet-webgpu/],
    ['find a.png', /unknown command 'find'/],
    ['detect', /expected images, or a list of them with --from/],
    ['detect a.png --colour', /unknown option '--colour'/],
    ['detect a.png --threshold', /argument missing/],
    ['detect a.png --threshold 1.5', /--threshold.*from 0 to 1/],
    ['detect a.png --threshold NaN', /from 0 to 1/],
    ['detect a.png --box-threshold -0.1', /--box-threshold.*from 0 to 1/],
    ['detect a.png --unclip-ratio 101', /--unclip-ratio.*from 0 to 100/],
    ['detect a.png --unclip-ratio Infinity', /from 0 to 100/],
    ['detect a.png --max-candidates 0', /--max-candidates.*whole number, 1 or more/],
    ['detect a.png --max-candidates 2.5', /whole number/],
    ['detect a.png --min-size -1', /--min-size.*0 or more/],
    ['detect a.png --shape box', /--shape.*Allowed choices are quad, polygon/],
    ['detect a.png --score mean', /Allowed choices are fast, slow/],
    ['detect a.png --binarize T', /Allowed choices are P, B/],
    ['detect a.png --input grb', /Allowed choices are rgb, bgr/],
    ['detect a.png --size 100x64', /--size.*multiple of 32/],
    ['detect a.png --size 0x64', /multiple of 32/],
    ['detect a.png --size 64', /WIDTHxHEIGHT/],
    ['detect a.png --short-side 31', /--short-side.*whole number, 32 to 65504/],
    ['detect a.png --size 65536x64', /multiple of 32/],
    ['detect a.png --size 64x64 --short-side 64', /cannot be used with/],
    ['detect a.png --size 64x64 --max-long-side 64', /cannot be used with/],
    ['detect a.png --overlay a.txt', /--overlay writes \.png/],
    ['detect a.png --overlay a.png', /a\.png would be overwritten: it is an input/],
    ['detect a.png --json no/such/x.json', /--json: the folder .* does not exist/],
    ['eval --images .', /required option '--labels/],
    ['eval --labels .', /required option '--images/],
    ['eval --images nowhere --labels .', /--images expects a folder; nowhere is none/],
    ['eval --images . --labels nowhere', /nowhere does not exist/],
  ])('%s', async (line, text) => {
    const { run, stdout, stderr, calls } = setUp();
    expect(await run(line)).toBe(2);
    expect(stderr.text()).toMatch(text);
    expect(stdout.text()).toBe('');
    expect(calls.create).toEqual([]);
  });
});

describe('what is misspelt is told with the nearest name and where help is, without all options', () => {
  test.each([
    ['detect a.png --short-sid 64', 'option', '--short-sid', '--short-side', ' detect'],
    ['train --lables x', 'option', '--lables', '--labels', ' train'],
    ['dtect a.png', 'command', 'dtect', 'detect', ''],
  ])('%s', async (line, what, given, meant, command) => {
    const { run, stderr } = setUp();
    expect(await run(line)).toBe(2);
    expect(stderr.text()).toBe(
      `error: unknown ${what} '${given}'\n(Did you mean ${meant}?)\nSee dbnet-webgpu${command} --help.\n`,
    );
  });

  test('help of the command that was asked wrongly', async () => {
    const { run, stderr } = setUp();
    expect(await run('eval --images nowhere --labels .')).toBe(2);
    expect(stderr.text()).toMatch(/\nSee dbnet-webgpu eval --help\.\n$/);
  });
});

describe('options reach the detector', () => {
  test('nothing that was not given', async () => {
    const { run, calls } = setUp({ software: false });
    expect(await run('detect a.png --no-overlay')).toBe(0);
    const { onProgress, signal, ...rest } = calls.detect[0].options;
    expect(rest).toEqual({});
    expect(calls.create[0].weights).toMatch(/weights[\\/]db-resnet18\.safetensors$/);
    expect(calls.create[0]).not.toHaveProperty('input');
    expect(calls.disposed).toBe(1);
  });

  test('all of them', async () => {
    const { run, calls, cwd } = setUp();
    const line =
      'detect a.png --no-overlay --weights w.safetensors --input bgr --shape polygon --threshold .25 ' +
      '--box-threshold 0.5 --unclip-ratio 1.8 --max-candidates 20 --min-size 4.5 --score slow --simplify 0.1 ' +
      '--binarize B --short-side 480 --max-long-side 1024 --max-scale 2.5';
    expect(await run(line)).toBe(0);
    expect(calls.create[0]).toMatchObject({
      weights: join(cwd, 'w.safetensors'),
      input: { channelOrder: 'bgr' },
    });
    const { onProgress, signal, ...rest } = calls.detect[0].options;
    expect(rest).toEqual({
      shape: 'polygon',
      threshold: 0.25,
      boxThreshold: 0.5,
      unclipRatio: 1.8,
      maxCandidates: 20,
      minSize: 4.5,
      score: 'slow',
      simplify: 0.1,
      binarize: 'B',
      size: { shortSide: 480, maxLongSide: 1024, maxScale: 2.5 },
    });
  });

  test('a fixed size, and weights from the web', async () => {
    const { run, calls } = setUp();
    const line = 'detect a.png --no-overlay --size 960x736 --weights https://example.org/w.safetensors';
    expect(await run(line)).toBe(0);
    expect(calls.detect[0].options.size).toEqual({ width: 960, height: 736 });
    expect(calls.create[0].weights).toBe('https://example.org/w.safetensors');
  });
});

describe('failures that concern everything', () => {
  test('no adapter: status 1, one message', async () => {
    const { run, stderr } = setUp({
      create: () => {
        throw new DBNetError('no-webgpu', 'WebGPU finds no adapter.');
      },
    });
    expect(await run('detect a.png')).toBe(1);
    expect(stderr.text()).toMatch(/^error: WebGPU finds no adapter\.$/m);
    expect(stderr.text()).not.toMatch(/at .*\.ts/);
  });

  test('an error that nobody foresaw shows its stack', async () => {
    const { run, stderr } = setUp({
      create: () => {
        throw new TypeError('a bug');
      },
    });
    expect(await run('detect a.png')).toBe(1);
    expect(stderr.text()).toMatch(/TypeError: a bug\n\s+at /);
  });

  test('--binarize B needs the threshold head', async () => {
    const { run, stderr, calls } = setUp({ hasThresholdHead: false });
    expect(await run('detect a.png --binarize B')).toBe(1);
    expect(stderr.text()).toContain(
      'error: --binarize B needs the threshold map, but these weights give the probability map alone: use weights with ' +
        'both heads, or leave the option out.',
    );
    expect(calls.detect).toEqual([]);
    expect(calls.disposed).toBe(1);
  });

  test('a lost device ends the run', async () => {
    const { run, calls, stderr } = setUp({
      find: () => {
        throw new DBNetError('device-lost', 'The device was lost.');
      },
    });
    expect(await run('detect a.png a.png a.png --no-overlay')).toBe(1);
    expect(calls.detect).toHaveLength(1);
    expect(calls.disposed).toBe(1);
    expect(stderr.text()).toContain('error: The device was lost.');
  });
});

describe('interruptions', () => {
  test.each([
    ['Interrupted.', 130],
    ['', 141],
  ])('%j: status %i, no further image, detector disposed', async (message, status) => {
    const { run, controller, calls, stderr } = setUp({
      find: () => {
        controller.abort(new Interruption(message, status));
        controller.signal.throwIfAborted();
        return [];
      },
    });
    expect(await run('detect a.png a.png --no-overlay --quiet')).toBe(status);
    expect(calls.detect).toHaveLength(1);
    expect(calls.disposed).toBe(1);
    expect(stderr.text()).toBe(message === '' ? '' : `${message}\n`);
  });
});
