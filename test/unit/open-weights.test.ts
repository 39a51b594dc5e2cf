/** @file Weights files told by their content: each kind under any name, and everything that is none of them. */

import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { DBNetError, type DBNetErrorCode } from '../../src/errors.ts';
import { openCheckpoint } from '../../src/models/checkpoint.ts';
import { openWeights } from '../../src/models/open-weights.ts';
import { writeSafetensors } from '../../src/safetensors/write.ts';
import { seededRandom } from '../helpers/random.ts';
import { rejectionOf } from './safetensors-helpers.ts';
import { join, le, pickle, torchFixture } from './torch-helpers.ts';

const read = (name: string) => new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));
const text = (content: string) => new TextEncoder().encode(content);

const files = {
  onnx: read('narrow-onnx-r18-named/r18_named.onnx'),
  folded: read('narrow-onnx-r18-folded/r18_folded.onnx'),
  legacy: read('narrow-authors-r18-dcn/authors_r18_dcn'),
  zip: read('narrow-authors-r50-dcn/authors_r50_dcn.zip.pth'),
  mmocr: read('narrow-mmocr-r18/mmocr_r18.pth'),
  safetensors: read('../../weights/db-resnet18.safetensors'),
};

describe('what is in the bytes decides', () => {
  it.each<[keyof typeof files, string, string[]]>([
    ['onnx', 'db-resnet18', ['P']],
    ['folded', 'db-resnet18', ['P']],
    ['legacy', 'db-resnet18-dcn', ['P', 'T', 'B']],
    ['zip', 'db-resnet50-dcn', ['P', 'T', 'B']],
    ['mmocr', 'db-resnet18', ['P', 'T', 'B']],
    ['safetensors', 'db-resnet18', ['P', 'T', 'B']],
  ])('%s', async (kind, architecture, outputs) => {
    const checkpoint = await openCheckpoint(files[kind]);
    expect([checkpoint.architecture, checkpoint.graph.outputs]).toEqual([architecture, outputs]);
  });

  /** A safetensors file whose header has this length, which is how it begins. */
  function headerOf(length: number): Uint8Array {
    const file = (pad: number) =>
      writeSafetensors(
        { x: { dtype: 'F32', shape: [1], data: Float32Array.of(1) } },
        { pad: 'p'.repeat(pad) },
      );
    const shortest = new DataView(file(0).buffer).getUint32(0, true);
    // The writer fills up to a multiple of 8 with spaces; so does this to any length.
    const base = file(Math.max(0, Math.floor((length - shortest) / 8) * 8));
    const found = new DataView(base.buffer).getUint32(0, true);
    const extra = ' '.repeat(length - found);
    return join(le(length, 8), base.subarray(8, 8 + found), extra, base.subarray(8 + found));
  }

  it.each([
    ['a pickle of protocol 2', 0x0280],
    ['a pickle of protocol 4', 0x0480],
    ['the first field of an ONNX file, and one after it', 0x0808],
    ['ONNX with a producer', 0x1012],
    ['a ZIP archive', 0x4b50],
  ])('safetensors whose length begins like %s', async (_, length) => {
    const bytes = headerOf(length);
    expect(new DataView(bytes.buffer).getUint32(0, true)).toBe(length);
    expect((await openWeights(bytes)).float32('x')).toEqual(Float32Array.of(1));
  });

  it('the readers are loaded when such a file is met, and not before', async () => {
    vi.resetModules();
    let loads = 0;
    vi.doMock('../../src/models/foreign.ts', () => {
      loads++;
      throw new Error('not served');
    });
    const fresh = await import('../../src/models/open-weights.ts');
    await fresh.openWeights(files.safetensors);
    await fresh.openWeights(text('<!doctype html>')).catch(() => {});
    expect(loads).toBe(0);
    for (const kind of ['onnx', 'zip', 'legacy'] as const) {
      const failed = await fresh.openWeights(files[kind]).catch((error) => error);
      expect(failed).toMatchObject({
        code: 'load-failed',
        message: expect.stringContaining('beside each other'),
      });
    }
    expect(loads).toBeGreaterThan(0);
    vi.doUnmock('../../src/models/foreign.ts');
    vi.resetModules();
  });
});

describe('what is no weights file', () => {
  const cut = (kind: keyof typeof files, part: number) =>
    files[kind].subarray(0, Math.floor(files[kind].length * part));

  it.each<[string, Uint8Array, DBNetErrorCode, string]>([
    ['nothing', new Uint8Array(0), 'invalid-safetensors', 'empty or cut off'],
    ['one byte', Uint8Array.of(0x80), 'invalid-safetensors', 'empty or cut off'],
    [
      'a page',
      text('<!DOCTYPE html><html><body>404</body></html>'),
      'invalid-safetensors',
      'HTML or XML page',
    ],
    [
      'a pointer',
      text('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'),
      'invalid-safetensors',
      'git lfs',
    ],
    ['JSON', text('{"error":"Not Found"}'), 'invalid-safetensors', 'plain JSON'],
    ['an empty archive', join('PK\x05\x06', new Uint8Array(18)), 'invalid-safetensors', 'ZIP archive'],
    ['the start of an archive', text('PK\x03\x04'), 'invalid-checkpoint', 'ZIP'],
    ['a pickle of a number', pickle.file(pickle.int(5)), 'invalid-checkpoint', 'not of torch.save'],
    [
      'a pickle of words',
      pickle.file(pickle.list(pickle.text('a'))),
      'invalid-checkpoint',
      'not of torch.save',
    ],
    ['a pickle of protocol 1', pickle.file(pickle.int(5)).with(1, 1), 'invalid-safetensors', 'Python pickle'],
    ['ONNX, half of it', cut('onnx', 0.5), 'invalid-onnx', 'cut off'],
    ['ONNX, ten bytes of it', files.onnx.subarray(0, 10), 'invalid-onnx', 'cut off'],
    ['a legacy checkpoint, half of it', cut('legacy', 0.5), 'invalid-checkpoint', 'cut off'],
    ['an archive, half of it', cut('zip', 0.5), 'invalid-checkpoint', 'cut off'],
    ['safetensors, half of it', cut('safetensors', 0.5), 'invalid-safetensors', 'cut off'],
    ['numbers of another network', torchFixture('training'), 'incompatible-weights', 'expected'],
  ])('%s', async (_, bytes, code, found) => {
    const { message } = await rejectionOf(code, openCheckpoint(bytes));
    expect(message).toContain(found);
    expect(message).not.toContain('convert it to safetensors');
  });

  it('5,000 starts of noise are refused by a typed error', async () => {
    const random = seededRandom(12);
    const starts = [
      [],
      [0x80, 2],
      [0x80, 4],
      [0x50, 0x4b, 3, 4],
      [8, 7, 18, 1],
      [8, 9, 58],
      [16, 0, 0, 0, 0, 0, 0, 0, 123],
    ];
    for (let round = 0; round < 5000; round++) {
      const start = starts[round % starts.length];
      const bytes = Uint8Array.from({ length: start.length + Math.floor(random() ** 2 * 400) }, (_, i) =>
        i < start.length ? start[i] : Math.floor(random() * 256),
      );
      const failed: unknown = await openCheckpoint(bytes).then(
        () => 'opened',
        (error) => error,
      );
      expect(failed, `round ${round}`).toBeInstanceOf(DBNetError);
      expect((failed as DBNetError).code, `round ${round}`).toMatch(
        /^(invalid-(safetensors|onnx|checkpoint)|incompatible-weights)$/,
      );
    }
  });
});
