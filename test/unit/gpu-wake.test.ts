/** @file Results are read without delay in Firefox, which looks for them seldom unless something is submitted. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openDevice } from '../../src/gpu/device.ts';
import { ReadbackPool } from '../../src/gpu/readback.ts';

const firefox = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0';
const chrome = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36';

/** A promise that the test ends. */
function pending<T>() {
  let resolve!: (value: T) => void;
  let reject!: (reason: Error) => void;
  const promise = new Promise<T>((resolved, rejected) => {
    resolve = resolved;
    reject = rejected;
  });
  return { promise, resolve, reject };
}

/** A device whose mappings the test ends. */
function fakeDevice() {
  const mapping = pending<undefined>();
  const lost = pending<GPUDeviceLostInfo>();
  const submits: number[] = [];
  const buffer = {
    size: 4,
    mapState: 'unmapped',
    mapAsync: () => mapping.promise,
    getMappedRange: () => new ArrayBuffer(4),
    unmap() {},
    destroy: () => mapping.reject(new Error('destroyed while it is mapped')),
  };
  const device = {
    lost: lost.promise,
    queue: {
      submit(commands: unknown[]) {
        expect(commands).toEqual([]);
        submits.push(performance.now());
      },
    },
    createBuffer: () => buffer,
    pushErrorScope() {},
    popErrorScope: async () => null,
  };
  return { device: device as unknown as GPUDevice, mapping, lost, submits };
}

async function startReading(userAgent: string) {
  vi.stubGlobal('navigator', { userAgent });
  const fake = fakeDevice();
  const context = await openDevice({ device: fake.device });
  const pool = new ReadbackPool(context);
  const start = performance.now();
  const read = pool.map(await pool.acquire(4), 4);
  read.catch(() => {});
  return { ...fake, context, pool, read, times: () => fake.submits.map((time) => time - start) };
}

describe('waiting for a result', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it('submits nothing in other browsers', async () => {
    const { mapping, read, submits } = await startReading(chrome);
    await vi.advanceTimersByTimeAsync(200);
    mapping.resolve(undefined);
    expect((await read).byteLength).toBe(4);
    expect(submits).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('submits nothing now and then in Firefox, at most an eighth of the wait apart', async () => {
    const { mapping, read, times } = await startReading(firefox);
    await vi.advanceTimersByTimeAsync(200);
    const submitted = times();
    expect(submitted.length).toBeGreaterThan(20);
    for (const [i, time] of submitted.entries()) {
      const before = submitted[i - 1] ?? 0;
      expect(time - before).toBeLessThanOrEqual(Math.max(2, before / 8) + 1);
    }
    mapping.resolve(undefined);
    expect((await read).byteLength).toBe(4);
    await vi.advanceTimersByTimeAsync(1000);
    expect(times().length).toBe(submitted.length);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('leaves long waits to the browser', async () => {
    const { mapping, read, times } = await startReading(firefox);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(times().at(-1)).toBeLessThan(1000);
    expect(times().length).toBeLessThan(60);
    expect(vi.getTimerCount()).toBe(0);
    mapping.resolve(undefined);
    await read;
  });

  it('ends with the mapping: device lost', async () => {
    const { mapping, lost, read, times } = await startReading(firefox);
    await vi.advanceTimersByTimeAsync(20);
    const before = times().length;
    lost.resolve({ reason: 'unknown', message: 'gone' } as GPUDeviceLostInfo);
    mapping.reject(new Error('mapping failed'));
    await expect(read).rejects.toMatchObject({ code: 'device-lost' });
    await vi.advanceTimersByTimeAsync(1000);
    expect(times().length).toBe(before);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('ends with the mapping: memory freed', async () => {
    const { context, read, times } = await startReading(firefox);
    await vi.advanceTimersByTimeAsync(20);
    const before = times().length;
    context.close();
    await vi.advanceTimersByTimeAsync(100);
    await expect(read).rejects.toMatchObject({ code: 'disposed' });
    await vi.advanceTimersByTimeAsync(1000);
    expect(times().length).toBe(before);
    expect(vi.getTimerCount()).toBe(0);
  });
});
