/** @file `dbnet-webgpu convert`: what is written, what is printed, and what is refused. */

import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../../cli/program.ts';
import { Interruption } from '../../cli/services.ts';
import { readRecipe } from '../../src/input/recipe.ts';
import { openCheckpoint } from '../../src/models/checkpoint.ts';
import { parseSafetensors } from '../../src/safetensors/parse.ts';
import { writeSafetensors } from '../../src/safetensors/write.ts';
import { resolveSettings } from '../../src/train/settings.ts';
import { writeState } from '../../src/train/state-file.ts';
import { fakeServices, temporaryFolder } from './cli-fakes.ts';
import { createTestServer } from './safetensors-server.ts';

const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const shipped = fileURLToPath(new URL('../../weights/db-resnet18.safetensors', import.meta.url));
const bytesOf = (path: string) => new Uint8Array(readFileSync(path));

const sources = {
  'named.onnx': fixture('narrow-onnx-r18-named/r18_named.onnx'),
  'folded.onnx': fixture('narrow-onnx-r18-folded/r18_folded.onnx'),
  'mmocr.pth': fixture('narrow-mmocr-r18/mmocr_r18.pth'),
  ic15_resnet18: fixture('narrow-authors-r18-dcn/authors_r18_dcn'),
  'r50.pth': fixture('narrow-authors-r50-dcn/authors_r50_dcn.zip.pth'),
  'ours.safetensors': shipped,
};
type Source = keyof typeof sources;
const names = Object.keys(sources) as Source[];

function setUp(...files: Source[]) {
  const cwd = temporaryFolder();
  for (const name of files) copyFileSync(sources[name], join(cwd, name));
  const fakes = fakeServices({ cwd });
  const run = (line: string) => runProgram(`convert ${line}`.split(' ').filter(Boolean), fakes.services);
  const written = (name = 'out.safetensors') => bytesOf(join(cwd, name));
  return { cwd, ...fakes, run, written };
}

describe('what is written', () => {
  test.each(names)('%s: the same network, numbers and recipe', async (name) => {
    const { run, written, stderr } = setUp(name);
    expect(await run(`${name} out.safetensors`), stderr.text()).toBe(0);
    const before = await openCheckpoint(bytesOf(sources[name]));
    const file = parseSafetensors(written());
    expect(file.metadata).toMatchObject({ architecture: before.architecture, network: expect.any(String) });
    expect(readRecipe(file.metadata)).toEqual(readRecipe(before.metadata));
    const after = await openCheckpoint(written());
    expect([after.architecture, after.graph.outputs]).toEqual([before.architecture, before.graph.outputs]);
    expect(after.graph.operations).toEqual(before.graph.operations);
    expect(after.dropped).toEqual([]);
    for (const tensor of file.tensors.keys()) {
      const expected = Float32Array.from(before.graph.parameters(tensor));
      expect(
        file.float32(tensor).every((value, i) => value === expected[i]),
        tensor,
      ).toBe(true);
    }
  });

  test.each(names)('%s, converted again: the same bytes', async (name) => {
    const { run, written } = setUp(name);
    await run(`${name} out.safetensors -q`);
    expect(await run('out.safetensors again.safetensors -q')).toBe(0);
    expect(Buffer.compare(written('again.safetensors'), written())).toBe(0);
  });

  test.each(names)('%s --half: half as large, rounded to 11 bits', async (name) => {
    const { run, written } = setUp(name);
    await run(`${name} out.safetensors -q`);
    await run(`${name} half.safetensors -q --half`);
    const [whole, half] = [parseSafetensors(written()), parseSafetensors(written('half.safetensors'))];
    expect(half.metadata).toEqual(whole.metadata);
    for (const [tensor, { dtype, byteLength }] of half.tensors) {
      // A variance of the shipped weights is 3.4e6, beyond all halves.
      if (/\.running_(mean|var)$/.test(tensor)) {
        expect(Buffer.compare(half.bytes(tensor), whole.bytes(tensor)), tensor).toBe(0);
        continue;
      }
      expect([dtype, byteLength * 2]).toEqual(['F16', whole.tensors.get(tensor)!.byteLength]);
      const exact = whole.float32(tensor);
      const worst = half.float32(tensor).reduce((most, value, i) => {
        // Below 2^-14 halves are 2^-24 apart.
        const unit = Math.max(Math.abs(exact[i]), 2 ** -14) * 2 ** -11;
        return Math.max(most, Math.abs(value - exact[i]) / unit);
      }, 0);
      expect(worst, tensor).toBeLessThanOrEqual(1);
    }
    await run('half.safetensors again.safetensors -q --half');
    expect(Buffer.compare(written('again.safetensors'), written('half.safetensors'))).toBe(0);
  });

  /** The shipped weights with other numbers, or other metadata. */
  function ours(cwd: string, change: { first?: number; metadata?: Record<string, string> }) {
    const file = parseSafetensors(bytesOf(shipped));
    const tensors = [...file.tensors].map(([name, { shape }], i) => {
      const data = file.float32(name);
      if (i === 0 && change.first !== undefined) data[0] = change.first;
      return [name, { dtype: 'F32' as const, shape, data }] as const;
    });
    const metadata = { ...file.metadata, ...change.metadata };
    writeFileSync(join(cwd, 'in.safetensors'), writeSafetensors(tensors, metadata));
    return { name: tensors[0][0], tensors, metadata };
  }

  test('a number too large for halves is refused by its tensor', async () => {
    const { cwd, run, stderr } = setUp();
    const { name } = ours(cwd, { first: 70000 });
    expect(await run('in.safetensors out.safetensors --half')).toBe(1);
    expect(stderr.text()).toContain(`tensor '${name}': expected numbers up to 65504 for halves, found 70000`);
    expect(readdirSync(cwd)).toEqual(['in.safetensors']);
    expect(await run('in.safetensors out.safetensors')).toBe(0);
  });

  test('a recipe that nobody can follow is refused before anything is written', async () => {
    const { cwd, run, stderr, stdout } = setUp();
    ours(cwd, { metadata: { input: '{"channelOrder":"grb"}' } });
    expect(await run('in.safetensors out.safetensors')).toBe(1);
    expect(stderr.text()).toContain('channelOrder');
    expect(stdout.text()).toBe('');
    expect(readdirSync(cwd)).toEqual(['in.safetensors']);
  });

  test('of a state of training what is weights, and what was dropped in a few words', async () => {
    const { cwd, run, stdout, written } = setUp();
    const { tensors, metadata } = ours(cwd, {});
    const moments = tensors.map(([name, tensor]) => [`training.first_moment.${name}`, tensor] as const);
    const state = await writeState([...tensors, ...moments], metadata, {
      step: 3,
      settings: resolveSettings({}),
    });
    writeFileSync(join(cwd, 'in.safetensors'), state);
    expect(await run('in.safetensors out.safetensors -q')).toBe(0);
    expect(stdout.text()).toContain(`dropped  ${moments.length} training.first_moment.*\n`);
    const file = parseSafetensors(written());
    expect(Object.keys(file.metadata).filter((key) => key.startsWith('training'))).toEqual([]);
    expect([...file.tensors.keys()].filter((key) => key.startsWith('training'))).toEqual([]);
  });
});

describe('what is printed', () => {
  test.each(names)('%s', async (name) => {
    const { run, stdout, stderr } = setUp(name);
    expect(await run(`${name} out.safetensors`)).toBe(0);
    expect(stdout.text()).toMatchSnapshot();
    expect(stderr.text()).toMatch(/^loading: .*\nWritten to out\.safetensors: [\d.]+ MB, f32\.\n$/);
  });

  test('--quiet: the report alone', async () => {
    const { run, stdout, stderr } = setUp('mmocr.pth');
    expect(await run('mmocr.pth out.safetensors --quiet')).toBe(0);
    expect(stdout.text()).toContain('network ');
    expect(stderr.text()).toBe('');
  });
});

describe('refused', () => {
  test.each([
    ['', /missing required argument 'weights'/],
    ['mmocr.pth', /missing required argument 'file'/],
    ['mmocr.pth out.safetensors third', /too many arguments/],
    ['mmocr.pth out.safetensors --f16', /unknown option '--f16'/],
    ['mmocr.pth folder', /expects a file; .*folder is a folder/],
    ['mmocr.pth no/out.safetensors', /the folder .*no does not exist/],
    ['mmocr.pth mmocr.pth', /would be overwritten: it is an input/],
    ['mmocr.pth ./folder/../mmocr.pth', /would be overwritten: it is an input/],
    [`mmocr.pth ${shipped}`, /would be overwritten: it holds the weights of the package/],
  ])('wrong usage: "%s"', async (line, message) => {
    const { cwd, run, stderr, stdout } = setUp('mmocr.pth');
    mkdirSync(join(cwd, 'folder'));
    expect(await run(line)).toBe(2);
    expect(stderr.text()).toMatch(message);
    expect(stdout.text()).toBe('');
    expect(readdirSync(cwd).sort()).toEqual(['folder', 'mmocr.pth']);
    expect(Buffer.compare(bytesOf(join(cwd, 'mmocr.pth')), bytesOf(sources['mmocr.pth']))).toBe(0);
  });

  test.each<[string, string | Uint8Array, RegExp]>([
    ['a page', '<!doctype html><p>Log in', /HTML or XML page/],
    [
      'a picture',
      Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0, 0, 13),
      /Not a valid safetensors/,
    ],
    ['nothing', '', /is empty/],
    ['half a checkpoint', bytesOf(sources['r50.pth']).subarray(0, 500_000), /cut off/],
    ['half an ONNX file', bytesOf(sources['named.onnx']).subarray(0, 100_000), /cut off/],
    [
      'weights of another network',
      writeSafetensors({ weight: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } }),
      /nearest of those known/,
    ],
  ])('%s: status 1, and a file that was there stays', async (_, content, message) => {
    const { cwd, run, stderr, stdout, written } = setUp();
    writeFileSync(join(cwd, 'in'), content);
    writeFileSync(join(cwd, 'out.safetensors'), 'old');
    expect(await run('in out.safetensors')).toBe(1);
    expect(stderr.text()).toMatch(message);
    expect(stderr.text()).not.toMatch(/\n {4}at /);
    expect(stdout.text()).toBe('');
    expect(new TextDecoder().decode(written())).toBe('old');
    expect(readdirSync(cwd).sort()).toEqual(['in', 'out.safetensors']);
  });

  test('a file that is not there', async () => {
    const { run, stderr } = setUp();
    expect(await run('none.onnx out.safetensors')).toBe(1);
    expect(stderr.text()).toMatch(/none\.onnx: there is no such file/);
  });
});

describe('from a server', () => {
  const server = createTestServer(bytesOf(sources['mmocr.pth']));
  let origin: string;
  beforeAll(async () => {
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test('the same bytes as from a file', async () => {
    const { run, written } = setUp('mmocr.pth');
    expect(await run(`${origin}/file out.safetensors -q`)).toBe(0);
    await run('mmocr.pth local.safetensors -q');
    expect(Buffer.compare(written(), written('local.safetensors'))).toBe(0);
  });

  test('an address without the file', async () => {
    const { cwd, run, stderr } = setUp();
    expect(await run(`${origin}/404 out.safetensors`)).toBe(1);
    expect(stderr.text()).toMatch(/found 404/);
    expect(readdirSync(cwd)).toEqual([]);
  });

  test('Ctrl-C while it loads', async () => {
    const { cwd, run, controller, stderr } = setUp();
    const ended = run(`${origin}/stalls out.safetensors -q`);
    setTimeout(() => controller.abort(new Interruption('interrupted', 130)), 50);
    expect(await ended).toBe(130);
    expect(stderr.text()).toBe('interrupted\n');
    expect(readdirSync(cwd)).toEqual([]);
  });
});
