/** @file Tuning tables between sessions: what is kept, what is refused, and that a bad cache is no failure. */

import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Conv2dOperation } from '../../src/graph/operations/conv2d.ts';
import type { Conv2d } from '../../src/kernels/conv2d.ts';
import type { Tile } from '../../src/kernels/tile.ts';
import {
  browserName,
  databaseStore,
  loadEntries,
  runtimeName,
  storeEntries,
  type TableStore,
  tuningKey,
} from '../../src/tuning/cache.ts';
import { findTile, findWinograd, readTable, type TuningEntries } from '../../src/tuning/table.ts';
import { libraryVersion } from '../../src/version.ts';

const direct: Tile = { kind: 'direct', pixels: 8, channels: 4 };
const workgroup: Tile = {
  kind: 'workgroup',
  blockPixels: 64,
  blockChannels: 64,
  blockDepth: 16,
  pixels: 8,
  channels: 8,
};
const entries: TuningEntries = {
  'f32 3x3 64 > 64, 2^13 px': { tile: workgroup, ms: 0.25, gflops: 1900, winograd: { size: 4, ms: 0.2 } },
  'f32 3x3 64 > 64, 2^15 px': { tile: direct, ms: 1, gflops: 1800 },
};
const adapter = { vendor: 'maker', architecture: 'arch', device: '0x1', description: 'Adapter One' };
const key = tuningKey(adapter, 'f32');
const table = { version: 3, key: 'key', entries };

const limits = {
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeWorkgroupsPerDimension: 65535,
};

function conv(side: number): Conv2d {
  return {
    label: 'layer',
    sources: [
      { height: side, width: side, channels: 64, kernel: 3, stride: 1, padding: { top: 1, left: 1 } },
    ],
    outHeight: side,
    outWidth: side,
    outChannels: 64,
    bias: true,
    residuals: [],
    activation: 'relu',
  };
}

describe('readTable', () => {
  test('gives back what was written', () => {
    expect(readTable(JSON.parse(JSON.stringify(table)), 'key')).toEqual(table);
  });

  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 7],
    ['a list', [table]],
    ['another version', { ...table, version: 2 }],
    ['another key', { ...table, key: 'other' }],
    ['no entries', { version: 3, key: 'key' }],
    ['a list of entries', { ...table, entries: [] }],
  ])('refuses %s', (_, value) => {
    expect(readTable(value, 'key')).toBeUndefined();
  });

  const good = { tile: direct, ms: 1, gflops: 1 };
  test.each([
    ['null', null],
    ['no tile', { ms: 1, gflops: 1 }],
    ['no time', { tile: direct, gflops: 1 }],
    ['a time of 0', { ...good, ms: 0 }],
    ['a time that is text', { ...good, ms: '1' }],
    ['an infinite rate', { ...good, gflops: Number.POSITIVE_INFINITY }],
    ['an unknown kind', { ...good, tile: { ...direct, kind: 'winograd' } }],
    ['channels that fill no vector', { ...good, tile: { ...direct, channels: 6 } }],
    ['no pixels', { ...good, tile: { ...direct, pixels: 0 } }],
    ['half a pixel', { ...good, tile: { ...direct, pixels: 1.5 } }],
    ['more sums than any device has registers for', { ...good, tile: { ...direct, pixels: 128 } }],
    ['a block that threads do not divide', { ...good, tile: { ...workgroup, blockPixels: 60 } }],
    ['no depth', { ...good, tile: { ...workgroup, blockDepth: 0 } }],
    ['slices that do not divide the depth', { ...good, tile: { ...workgroup, slices: 3 } }],
    ['pixels that fill no vector in workgroup memory', { ...good, tile: { ...workgroup, pixels: 2 } }],
    ['a depth that fills no vector', { ...good, tile: { ...workgroup, blockDepth: 6 } }],
    ['an unknown size of Winograd', { ...good, winograd: { size: 3, ms: 1 } }],
    ['no time for Winograd', { ...good, winograd: { size: 2 } }],
    ['a list for Winograd', { ...good, winograd: [2, 1] }],
    ['a huge block', { ...good, tile: { ...workgroup, blockChannels: 4096 } }],
  ])('leaves out an entry with %s', (_, entry) => {
    const found = readTable({ ...table, entries: { bad: entry, good } }, 'key');
    expect(found?.entries).toEqual({ good });
  });
});

describe('findTile', () => {
  test('takes the class, else the one of twice or half as many pixels', () => {
    expect(findTile(entries, conv(80), 'f32', { limits })).toEqual(workgroup);
    expect(findTile(entries, conv(160), 'f32', { limits })).toEqual(direct);
    expect(findTile(entries, conv(128), 'f32', { limits })).toEqual(direct);
    expect(findTile(entries, conv(64), 'f32', { limits })).toEqual(workgroup);
    expect(findTile(entries, conv(40), 'f32', { limits })).toBeUndefined();
    expect(findTile(entries, conv(80), 'f16', { limits })).toBeUndefined();
  });

  test('ignores a tile that the device cannot run, or that does not divide the channels', () => {
    const small = { limits: { ...limits, maxComputeWorkgroupStorageSize: 8000 } };
    expect(findTile(entries, conv(80), 'f32', small)).toBeUndefined();
    const misfit = {
      'f32 3x3 64 > 64, 2^13 px': { tile: { ...workgroup, blockDepth: 48 }, ms: 1, gflops: 1 },
    };
    expect(findTile(misfit, conv(80), 'f32', { limits })).toBeUndefined();
    const tile = { ...direct, kind: 'quad' as const };
    const quads = { 'f32 3x3 64 > 64, 2^13 px': { tile, ms: 1, gflops: 1 } };
    expect(findTile(quads, conv(80), 'f32', { limits })).toBeUndefined();
    expect(findTile(quads, conv(80), 'f32', { limits, quads: true })).toEqual(tile);
  });
});

describe('findWinograd', () => {
  const good = { tile: direct, ms: 1, gflops: 1 };
  const operation: Pick<Conv2dOperation, 'sources' | 'outChannels'> = {
    sources: [
      {
        tensor: 'x',
        weight: 'w',
        inChannels: 64,
        kernel: 3,
        stride: 1,
        padding: { top: 1, left: 1, bottom: 1, right: 1 },
      },
    ],
    outChannels: 64,
  };
  const found = (entries: TuningEntries) => findWinograd(entries, operation, 'f32');

  test('is the size where it was faster, for the windows and channels', () => {
    const at = (ms: number) => found({ 'f32 3x3 64 > 64, 2^13 px': { ...good, winograd: { size: 2, ms } } });
    expect([at(0.9), at(1.1), at(1)]).toEqual([2, 'direct', 'direct']);
    const other = { 'f32 3x3 64 > 640, 2^13 px': { ...good, winograd: { size: 2, ms: 0.5 } } } as const;
    expect(found(other)).toBeUndefined();
  });

  test('is what the largest size that was measured says, whatever the times', () => {
    const small = { ...good, ms: 9, winograd: { size: 2, ms: 3 } } as const;
    const large = { ...good, ms: 2, winograd: { size: 4, ms: 1 } } as const;
    expect(found({ 'f32 3x3 64 > 64, 2^9 px': small, 'f32 3x3 64 > 64, 2^13 px': large })).toBe(4);
    expect(found({ 'f32 3x3 64 > 64, 2^13 px': large, 'f32 3x3 64 > 64, 2^9 px': small })).toBe(4);
    expect(
      found({ 'f32 3x3 64 > 64, 2^9 px': small, 'f32 3x3 64 > 64, 2^13 px': { ...large, ms: 0.5 } }),
    ).toBe('direct');
  });

  test('is unknown where no Winograd was measured, or in f16', () => {
    expect(found({ 'f32 3x3 64 > 64, 2^13 px': good })).toBeUndefined();
    expect(findWinograd(entries, operation, 'f16')).toBeUndefined();
    // Of the sizes where it was.
    expect(found(entries)).toBe(4);
  });
});

describe('the key', () => {
  test('holds adapter, runtime, library and precision', () => {
    const node = tuningKey(adapter, 'f16', { name: 'node', version: '20.1 webgpu 0.6.2' });
    expect(node.key).toBe(
      `node | 20.1 webgpu 0.6.2 | maker / arch / 0x1 / Adapter One | dbnet-webgpu ${libraryVersion} | f16`,
    );
    expect(node.slot).toBe('node | maker / arch / 0x1 / Adapter One | f16');
  });

  test('names this runtime with the version of Dawn', () => {
    expect(runtimeName()).toEqual({
      name: 'node',
      version: expect.stringMatching(`^${process.versions.node} webgpu \\d+\\.\\d+`),
    });
  });

  test.each([
    [
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36',
      'Chrome',
      '147',
    ],
    [
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/147.0.0.0 Safari/537.36',
      'Chrome',
      '147',
    ],
    [
      'Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/146.0.0.0 Safari/537.36 Edg/146.0.1.2',
      'Edg',
      '146',
    ],
    [
      'Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.1 Safari/605.1.15',
      'Version',
      '26',
    ],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:148.0) Gecko/20100101 Firefox/148.0', 'Firefox', '148'],
    ['something new', 'browser', 'something new'],
  ])('knows browsers: %s', (userAgent, name, version) => {
    expect(browserName(userAgent)).toEqual({ name, version });
  });

  test('has the version of package.json', () => {
    const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    expect(libraryVersion).toBe(manifest.version);
  });
});

describe('the cache folder', () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'dbnet-tuning-'));
    vi.stubEnv('XDG_CACHE_HOME', home);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    chmodSync(home, 0o700);
    rmSync(home, { recursive: true });
  });
  const folder = () => join(home, 'dbnet-webgpu/tuning');

  test('keeps one file per adapter and precision, and nothing else', async () => {
    const stored = await storeEntries(key, entries);
    expect(stored?.startsWith(folder())).toBe(true);
    expect(await loadEntries(key)).toEqual(entries);
    await storeEntries(tuningKey(adapter, 'f16'), {});
    await storeEntries(key, entries);
    expect(readdirSync(folder())).toHaveLength(2);
    if (process.platform !== 'win32') expect(statSync(stored!).mode & 0o077).toBe(0);
  });

  test('adds new classes to the old ones', async () => {
    await storeEntries(key, entries);
    const more: TuningEntries = {
      'f32 3x3 64 > 64, 2^15 px': { tile: workgroup, ms: 2, gflops: 5 },
      'f32 1x1 64 > 64, 2^4 px': { tile: direct, ms: 3, gflops: 6 },
    };
    await storeEntries(key, more);
    expect(await loadEntries(key)).toEqual({ ...entries, ...more });
  });

  test.each([
    ['cut off', (text: string) => text.slice(0, text.length / 2)],
    ['empty', () => ''],
    [
      'of an older library',
      (text: string) => text.replace(`dbnet-webgpu ${libraryVersion}`, 'dbnet-webgpu 0.0.1'),
    ],
    ['of another adapter', (text: string) => text.replace('Adapter One', 'Adapter Two')],
  ])('ignores a file that is %s, and replaces it', async (_, spoil) => {
    const file = await storeEntries(key, entries);
    const text = readFileSync(file!, 'utf8');
    expect(spoil(text)).not.toBe(text);
    writeFileSync(file!, spoil(text));
    expect(await loadEntries(key)).toEqual({});
    const one = { 'f32 3x3 64 > 64, 2^13 px': entries['f32 3x3 64 > 64, 2^13 px'] };
    expect(await storeEntries(key, one)).toBe(file);
    expect(await loadEntries(key)).toEqual(one);
  });

  test('that cannot be written is no failure', async () => {
    writeFileSync(join(home, 'file'), '');
    vi.stubEnv('XDG_CACHE_HOME', join(home, 'file'));
    expect(await storeEntries(key, entries)).toBeUndefined();
    expect(await loadEntries(key)).toEqual({});
  });

  test('is that of the platform', async () => {
    vi.stubEnv('XDG_CACHE_HOME', '');
    vi.stubEnv('LOCALAPPDATA', join(home, 'Local'));
    vi.stubEnv('HOME', join(home, 'user'));
    mkdirSync(join(home, 'user'));
    const places: Record<string, string> = {};
    for (const platform of ['linux', 'darwin', 'win32']) {
      const spy = vi.spyOn(process, 'platform', 'get').mockReturnValue(platform as NodeJS.Platform);
      places[platform] = (await storeEntries(key, entries))!.slice(home.length + 1).replaceAll('\\', '/');
      spy.mockRestore();
    }
    const file = expect.stringMatching(/^[0-9a-f]{16}\.json$/);
    expect(Object.fromEntries(Object.entries(places).map(([name, path]) => [name, path.split('/')]))).toEqual(
      {
        linux: ['user', '.cache', 'dbnet-webgpu', 'tuning', file],
        darwin: ['user', 'Library', 'Caches', 'dbnet-webgpu', 'tuning', file],
        win32: ['Local', 'dbnet-webgpu', 'tuning', file],
      },
    );
  });

  test('is not asked for where Deno would have to ask the user', async () => {
    const asked: unknown[] = [];
    vi.stubGlobal('Deno', {
      version: { deno: '2.9.6' },
      permissions: {
        querySync(descriptor: unknown) {
          asked.push(descriptor);
          return { state: 'prompt' };
        },
      },
    });
    try {
      expect(await storeEntries(key, entries)).toBeUndefined();
      expect(asked).toContainEqual({ name: 'env', variable: 'XDG_CACHE_HOME' });
      expect(readdirSync(home)).toEqual([]);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});

describe('a store that fails', () => {
  const failing: TableStore = {
    read: () => Promise.reject(new Error('no')),
    write: () => Promise.reject(new Error('no')),
  };

  test('is as good as none', async () => {
    expect(await loadEntries(key, failing)).toEqual({});
    expect(await storeEntries(key, entries, failing)).toBeUndefined();
  });

  test('a database that refuses or never answers rejects', async () => {
    vi.useFakeTimers();
    try {
      const request = { error: new Error('refused') } as { onerror?: () => void; error: Error };
      vi.stubGlobal('indexedDB', { open: () => request });
      const silent = databaseStore()!
        .read('slot')
        .catch((error: Error) => error.message);
      await vi.advanceTimersByTimeAsync(5000);
      expect(await silent).toBe('IndexedDB does not answer');
      const refused = databaseStore()!
        .read('slot')
        .catch((error: Error) => error.message);
      request.onerror!();
      expect(await refused).toBe('refused');
    } finally {
      vi.useRealTimers();
      vi.unstubAllGlobals();
    }
  });
});
