/** @file The comparison with other libraries, as far as it needs neither them nor a browser. */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkMap, checkReference } from '../../bench/peers/check.ts';
import type { Outcome } from '../../bench/peers/measure.ts';
import { addRatios, formatMarkdown, formatReport, makeRow } from '../../bench/peers/report.ts';
import { startServer } from '../../bench/peers/server.ts';

describe('the check', () => {
  const map = (...values: number[]) => Float32Array.from(values);

  it('gives the greatest difference, and holds it to the tolerance', () => {
    expect(checkMap(map(0.5, 0.75), map(0.5, 0.7505), 1e-3)).toBeCloseTo(5e-4, 6);
    expect(() => checkMap(map(0.5, 0.26), map(0.5, 0.25), 1e-3)).toThrow(/wrong P: .*off by 0\.0100/);
  });

  it('refuses NaN, and missing numbers', () => {
    expect(() => checkMap(map(0, Number.NaN), map(0, 0), 1)).toThrow(/wrong P: NaN at index 1/);
    expect(() => checkMap(map(0), map(0, 0), 1)).toThrow(/expected 2 values, found 1/);
  });

  it('refuses a reference that zeros would agree with', () => {
    expect(() => checkReference(map(0.5, 0.5))).toThrow(/all but constant/);
    expect(() => checkReference(map(0.5, Number.NaN))).toThrow(/NaN/);
    expect(() => checkReference(map(0.5, 0.9))).not.toThrow();
  });
});

describe('the report', () => {
  const outcome = (id: string, run: number, total: number, more: Partial<Outcome> = {}): Outcome => ({
    spec: { id, name: `name of ${id}`, package: 'p', page: '/' },
    cold: [{ load: 1, create: 2, first: total - 3, total }],
    steady: [{ prepare: 1, run }],
    fetched: [],
    ...more,
  });
  const bytes = (gzip: number) => ({ code: [{ file: 'a.js', raw: 2 * gzip, gzip }], weights: [] });
  const rows = addRatios([
    makeRow(outcome('ours', 100, 1000), '0.1.0', bytes(50_000)),
    makeRow(outcome('ours-detect', 90, 800), '0.1.0', bytes(50_000)),
    makeRow(outcome('ort-webgpu', 700, 4000), '1.2.3', bytes(6_000_000)),
    makeRow(outcome('ort-wasm', 0, 3, { error: 'no adapter', cold: [], steady: [] }), '4.5.6', bytes(0)),
  ]);

  it('divides by ours', () => {
    expect(rows[2].ratios).toEqual({ latency: 7, coldStart: 4, codeGzip: 120 });
    expect(rows[0].ratios?.latency).toBe(1);
  });

  it('keeps a contender that failed, with its reason', () => {
    expect(rows[3]).toEqual({
      id: 'ort-wasm',
      name: 'name of ort-wasm',
      version: '4.5.6',
      status: 'error',
      error: 'no adapter',
    });
  });

  it('is a table to paste', () => {
    const noted = rows.map((row) => (row.id === 'ort-webgpu' ? { ...row, note: 'a note' } : row));
    const lines = formatMarkdown(['some adapter'], noted).split('\n');
    expect(lines.slice(0, 3)).toEqual([
      '- some adapter',
      '- name of ort-webgpu: a note',
      '- name of ort-wasm: error: no adapter',
    ]);
    const table = lines.filter((line) => line.startsWith('|'));
    expect(table[1]).toMatch(/^\| --- \| ---: \|/);
    expect(table.slice(2)).toHaveLength(3);
    expect(table[4]).toMatch(/^\| name of ort-webgpu 1\.2\.3 \| 700 \| .* \| 7\.00 \| 4000 \| 1 \| 4\.00 \|/);
    // As many cells in every row.
    const bars = table.map((line) => line.replaceAll('\\|', '').split('|').length);
    expect(new Set(bars).size).toBe(1);
  });

  it('is a table for people', () => {
    const text = formatReport({
      format: 'dbnet-webgpu-peers/2',
      date: '',
      size: { width: 64, height: 32 },
      weights: 'some.onnx',
      image: 'sign.jpg',
      digests: { weights: '', pixels: '' },
      adapter: { name: 'some adapter', software: true },
      browser: { version: 'Chrome/1', flags: [] },
      machine: { platform: 'x', cpu: 'some cpu', cores: 2, loadBefore: 0, loadAfter: 1 },
      versions: {},
      tolerance: 1e-3,
      samples: { least: 2, most: 10, budgetSeconds: 60 },
      rows,
    });
    expect(text).toMatch(/some adapter \(software: these are times of a CPU\)/);
    expect(text).toMatch(/name of ort-webgpu 1\.2\.3 .* 700 .* 7\.00 .* 4000 .* 4\.00/);
    expect(text).toMatch(/name of ort-wasm: error: no adapter/);
  });
});

it('serves isolated pages without caching, and records what was fetched', async () => {
  const server = await startServer(new Map([['/code/a.mjs', 'export {};']]));
  try {
    const response = await fetch(`${server.origin}/code/a.mjs?x=1`);
    expect(await response.text()).toBe('export {};');
    expect(response.headers.get('cross-origin-opener-policy')).toBe('same-origin');
    expect(response.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
    expect(response.headers.get('cache-control')).toBe('no-store');
    expect((await fetch(`${server.origin}/other`)).status).toBe(404);
    expect(server.takeFetched()).toEqual(['/code/a.mjs']);
    expect(server.takeFetched()).toEqual([]);
  } finally {
    await server.close();
  }
});

it('says what to install where the peers are missing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'peers-'));
  try {
    const start = join(folder, 'bench/peers/start.mjs');
    cpSync(fileURLToPath(new URL('../../bench/peers/start.mjs', import.meta.url)), start, {
      recursive: true,
    });
    const { status, stderr } = spawnSync(process.execPath, [start], { encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toMatch(/onnxruntime-web/);
    expect(stderr).toMatch(/npm --prefix bench\/peers ci/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
