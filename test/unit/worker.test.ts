/** @file The detector in a worker: what crosses in both directions, what is given away, and that nothing hangs. */

import { afterEach, describe, expect, it, vi } from 'vitest';
import type { CreateOptions, DetectOptions, OnProgress } from '../../src/detect/types.ts';
import { DBNetError } from '../../src/errors.ts';
import type { RawImage } from '../../src/input/types.ts';
import { libraryVersion } from '../../src/version.ts';
import {
  createWorkerDetector,
  type WorkerCreateOptions,
  type WorkerDetector,
} from '../../src/worker/index.ts';
import type { ServedDetector } from '../../src/worker/serve.ts';
import { FakeWorker, fakeWorker } from '../helpers/fake-worker.ts';
import { hostile, isAccepted } from '../helpers/hostile.ts';

const pixels = (): RawImage => ({ data: Uint8Array.of(1, 2, 3, 4), width: 2, height: 2, channels: 1 });

type Hooks = { onProgress?: OnProgress; signal?: AbortSignal };

/** A call that the worker's detector was asked for. */
interface Asked {
  image: RawImage;
  options: DetectOptions & Hooks;
  resolve(result: object): void;
  reject(error: unknown): void;
}

const adapter = { vendor: 'v', architecture: 'a', device: 'd', description: 'first' };

/** A detector that answers when it is told to. */
class ManualDetector {
  readonly calls: Asked[] = [];
  created: CreateOptions | undefined;
  memory = { weights: 1, activations: 2, readback: 3, input: 4 };
  info = { adapter, software: false, runsOn: 'first' };

  detect = (image: RawImage, options: DetectOptions & Hooks) =>
    new Promise<object>((resolve, reject) => {
      this.calls.push({ image, options, resolve, reject });
    });
  maps = this.detect;
  tune = (size: unknown, options: Hooks) => this.detect(size as RawImage, options);
  warmup = (size: unknown, options: Hooks) => this.detect(size as RawImage, options);

  /** The call to come, or the last. */
  async asked(count = this.calls.length + 1): Promise<Asked> {
    await vi.waitFor(() => expect(this.calls.length).toBeGreaterThanOrEqual(count));
    return this.calls[count - 1];
  }
}

const open: WorkerDetector[] = [];
afterEach(() => {
  for (const detector of open.splice(0)) detector.dispose();
});

async function start(options: Partial<WorkerCreateOptions> = {}) {
  const served = new ManualDetector();
  let worker!: FakeWorker;
  const detector = await createWorkerDetector({
    weights: 'weights.safetensors',
    worker: () => {
      worker = fakeWorker(async (given: CreateOptions) => {
        served.created = given;
        return served as unknown as ServedDetector;
      });
      return worker as unknown as Worker;
    },
    ...options,
  });
  open.push(detector);
  return { detector, served, worker };
}

const outcome = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

describe('calls', () => {
  it('detect, maps, warmup, tune and memory do in the worker what they are asked for', async () => {
    const { detector, served } = await start();
    expect(detector.info).toEqual(served.info);

    const found = detector.detect(pixels(), { size: { shortSide: 64 }, threshold: 0.4 });
    const { image, options, resolve } = await served.asked();
    expect(image).toEqual(pixels());
    expect(options).toMatchObject({
      size: { shortSide: 64 },
      threshold: 0.4,
      signal: expect.any(AbortSignal),
    });
    resolve({ regions: [1] });
    expect(await found).toEqual({ regions: [1] });

    const maps = detector.maps(pixels());
    (await served.asked()).resolve({ P: Float32Array.of(0.5), width: 1, height: 1 });
    expect(await maps).toEqual({ P: Float32Array.of(0.5), width: 1, height: 1 });

    const warm = detector.warmup({ width: 32, height: 32 }, { outputs: 'PTB' });
    const warmed = await served.asked();
    expect([warmed.image, warmed.options]).toEqual([{ width: 32, height: 32 }, { outputs: 'PTB' }]);
    warmed.resolve({});
    expect(await warm).toBeUndefined();

    const tuned = detector.tune(undefined, { budgetMs: 5 });
    const tuning = await served.asked();
    expect(tuning.options).toMatchObject({ budgetMs: 5 });
    tuning.resolve({ classes: 1 });
    expect(await tuned).toEqual({ classes: 1 });

    expect(await detector.memory()).toEqual(served.memory);
  });

  it('overlap, and each gets its own answer', async () => {
    const { detector, served } = await start();
    const both = [detector.detect(pixels()), detector.detect(pixels())];
    const second = await served.asked(2);
    second.resolve({ width: 2 });
    served.calls[0].resolve({ width: 1 });
    expect(await Promise.all(both)).toEqual([{ width: 1 }, { width: 2 }]);
  });

  it('progress crosses; what its listener throws ends the call, there too', async () => {
    const { detector, served } = await start();
    const heard: unknown[] = [];
    const found = outcome(
      detector.detect(pixels(), {
        onProgress: (progress) => {
          heard.push(progress);
          if (progress.done === 2) throw new RangeError('enough');
        },
      }),
    );
    const { options } = await served.asked();
    options.onProgress!({ stage: 'network', done: 1, total: 2 });
    options.onProgress!({ stage: 'network', done: 2, total: 2 });
    expect(await found).toMatchObject({ name: 'RangeError', message: 'enough' });
    expect(heard).toEqual([1, 2].map((done) => ({ stage: 'network', done, total: 2 })));
    await vi.waitFor(() => expect(options.signal!.aborted).toBe(true));
  });

  it('nobody reports what nobody listens to', async () => {
    const { detector, served } = await start();
    const found = detector.detect(pixels());
    const { options, resolve } = await served.asked();
    expect(options.onProgress).toBeUndefined();
    resolve({});
    await found;
  });

  it('an abort rejects at once with its own reason, and stops the work in the worker', async () => {
    const { detector, served } = await start();
    const controller = new AbortController();
    const found = outcome(detector.detect(pixels(), { signal: controller.signal }));
    const { options, resolve } = await served.asked();
    const reason = { mine: true };
    controller.abort(reason);
    expect(await found).toBe(reason);
    await vi.waitFor(() => expect(options.signal!.aborted).toBe(true));
    resolve({ late: true });
    // Others go on.
    const other = detector.detect(pixels());
    (await served.asked()).resolve({ other: true });
    expect(await other).toEqual({ other: true });
  });

  it('a signal that is aborted beforehand takes nothing', async () => {
    const { detector, worker } = await start();
    const image = pixels();
    const sent = worker.sent.length;
    const reason = new Error('before');
    const options = { signal: AbortSignal.abort(reason), transfer: true };
    expect(await outcome(detector.detect(image, options))).toBe(reason);
    expect([image.data.length, worker.sent.length]).toEqual([4, sent]);
  });

  it('what it tells of itself is that of the device that it has now', async () => {
    const lost: string[] = [];
    const { detector, served } = await start({ onDeviceLost: (reason) => lost.push(reason) });
    served.created!.onDeviceLost!('gone');
    served.info = { ...served.info, adapter: { ...adapter, description: 'second' } };
    const found = detector.detect(pixels());
    (await served.asked()).resolve({});
    await found;
    expect(lost).toEqual(['gone']);
    expect(detector.info.adapter.description).toBe('second');
  });
});

describe('errors', () => {
  it('keep code, message and cause, and are of the class', async () => {
    const { detector, served } = await start();
    const found = outcome(detector.detect(pixels()));
    const cause = new DBNetError('gpu-error', 'inner', { cause: new TypeError('innermost') });
    (await served.asked()).reject(new DBNetError('limit-exceeded', 'outer', { cause }));
    const error = (await found) as DBNetError;
    expect(error).toBeInstanceOf(DBNetError);
    expect([error.code, error.message]).toEqual(['limit-exceeded', 'outer']);
    expect(error.cause).toMatchObject({ code: 'gpu-error', message: 'inner' });
    expect((error.cause as Error).cause).toBeInstanceOf(TypeError);
    expect((error.cause as Error).cause).toMatchObject({ message: 'innermost' });
  });

  it('of other kinds stay what they are; what cannot cross is told', async () => {
    const { detector, served } = await start();
    for (const [thrown, expected] of [
      [new RangeError('range'), { name: 'RangeError', message: 'range' }],
      [new DOMException('quota', 'QuotaExceededError'), { name: 'QuotaExceededError', message: 'quota' }],
      [() => {}, { name: 'Error', message: expect.stringContaining('=>') }],
    ] as const) {
      const found = outcome(detector.detect(pixels()));
      (await served.asked()).reject(thrown);
      expect(await found).toMatchObject(expected);
    }
  });

  it('of create() end the worker', async () => {
    let worker!: FakeWorker;
    const created = createWorkerDetector({
      weights: 'x',
      worker: () => {
        worker = fakeWorker(() => Promise.reject(new DBNetError('no-webgpu', 'none')));
        return worker as unknown as Worker;
      },
    });
    expect(await outcome(created)).toMatchObject({ code: 'no-webgpu', message: 'none' });
    expect(worker.terminated).toBe(true);
  });

  it('an abort of create() ends the worker', async () => {
    let worker!: FakeWorker;
    const controller = new AbortController();
    const created = outcome(
      createWorkerDetector({
        weights: 'x',
        signal: controller.signal,
        worker: () => {
          worker = fakeWorker(() => new Promise(() => {}));
          return worker as unknown as Worker;
        },
      }),
    );
    await vi.waitFor(() => expect(worker.sent.length).toBe(1));
    const reason = new Error('changed my mind');
    controller.abort(reason);
    expect(await created).toBe(reason);
    expect(worker.terminated).toBe(true);
  });

  it('a worker that ends by an error fails all calls, those to come too', async () => {
    const { detector, served, worker } = await start();
    const found = [outcome(detector.detect(pixels())), outcome(detector.tune())];
    await served.asked(2);
    expect(worker.crash('Uncaught Error: boom').defaultPrevented).toBe(true);
    const failure = { code: 'worker-failed', message: expect.stringContaining('boom') };
    for (const error of await Promise.all(found)) expect(error).toMatchObject(failure);
    expect(await outcome(detector.detect(pixels()))).toMatchObject(failure);
    expect(await outcome(detector.memory())).toMatchObject(failure);
    expect(worker.terminated).toBe(true);
  });

  it('a message that cannot be read, on either side, fails all calls', async () => {
    for (const messUp of [
      (worker: FakeWorker) => worker.dispatchEvent(new MessageEvent('messageerror')),
      (worker: FakeWorker) =>
        worker.dispatchEvent(new MessageEvent('message', { data: { unreadable: true } })),
    ]) {
      const { detector, served, worker } = await start();
      const found = outcome(detector.detect(pixels()));
      await served.asked();
      messUp(worker);
      expect(await found).toMatchObject({ code: 'worker-failed', message: expect.stringContaining('read') });
    }
  });

  it('a script that cannot be loaded is told with what to do', async () => {
    let worker!: FakeWorker;
    const silent = () => {
      worker = new FakeWorker(() => {});
      return worker as unknown as Worker;
    };
    const created = outcome(createWorkerDetector({ weights: 'x', worker: silent }));
    await vi.waitFor(() => expect(worker.sent.length).toBe(1));
    worker.crash('');
    expect(await created).toMatchObject({
      code: 'load-failed',
      message: expect.stringMatching(/dbnet-webgpu-worker-thread\.min\.js.*Content-Security-Policy/),
    });
    expect(worker.terminated).toBe(true);
  });

  it('a script of another version is refused', async () => {
    const other = () => new FakeWorker((port) => port.postMessage({ version: '0.0.1' })) as unknown as Worker;
    expect(await outcome(createWorkerDetector({ weights: 'x', worker: other }))).toMatchObject({
      code: 'worker-failed',
      message: expect.stringContaining(`of version ${libraryVersion}, found 0.0.1`),
    });
  });

  it('where there are no workers it says so', async () => {
    expect(await outcome(createWorkerDetector({ weights: 'x' }))).toMatchObject({
      code: 'worker-failed',
      message: expect.stringContaining('TextDetector'),
    });
  });

  it('dispose() ends the worker: calls under way and to come reject with disposed', async () => {
    const lost: string[] = [];
    const { detector, served, worker } = await start({ onDeviceLost: (reason) => lost.push(reason) });
    const found = outcome(detector.detect(pixels()));
    await served.asked();
    detector.dispose();
    detector.dispose();
    expect(await found).toMatchObject({ code: 'disposed' });
    const image = pixels();
    expect(await outcome(detector.detect(image, { transfer: true }))).toMatchObject({ code: 'disposed' });
    expect(image.data.length).toBe(4);
    expect(await outcome(detector.memory())).toMatchObject({ code: 'disposed' });
    expect(worker.terminated).toBe(true);
    worker.dispatchEvent(new MessageEvent('message', { data: { lost: 'destroyed' } }));
    expect(lost).toEqual([]);
  });

  it('what cannot be sent is refused, and named', async () => {
    const { detector } = await start();
    const device = { createBuffer() {}, lost: Promise.resolve() } as unknown as never;
    for (const name of ['device', 'gpu'] as const) {
      expect(await outcome(createWorkerDetector({ weights: 'x', [name]: device }))).toMatchObject({
        code: 'invalid-argument',
        message: expect.stringMatching(new RegExp(`Option ${name}: .*TextDetector`)),
      });
    }
    const texture = { createView() {}, format: 'rgba8unorm' } as unknown as RawImage;
    for (const call of [detector.detect(texture), detector.maps(texture)]) {
      expect(await outcome(call)).toMatchObject({
        code: 'invalid-image',
        message: expect.stringContaining('GPUTexture'),
      });
    }
    const uncloneable = { size: { shortSide: () => 1 } } as unknown as DetectOptions;
    expect(await outcome(detector.detect(pixels(), uncloneable))).toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining('plain objects'),
    });
  });

  it('hostile arguments of the page side', async () => {
    const { detector } = await start();
    const taken: string[] = [];
    for (const [word, value] of Object.entries(hostile)) {
      const attempts: Record<string, () => Promise<unknown>> = {
        image: () => detector.detect(value as RawImage),
        transfer: () => detector.detect({} as RawImage, { transfer: value as boolean }),
        signal: () => detector.tune(undefined, { signal: value as AbortSignal }),
        onProgress: () => detector.tune(undefined, { onProgress: value as OnProgress }),
        worker: () => createWorkerDetector({ weights: 'x', worker: value as () => Worker }),
        onDeviceLost: () =>
          createWorkerDetector({ weights: 'x', onDeviceLost: value as () => void, worker: () => fail() }),
        options: () => createWorkerDetector(value as WorkerCreateOptions),
        source: () => detector.stream(value as AsyncIterable<RawImage>).next(),
        inFlight: () => detector.stream((async function* () {})(), { inFlight: value as number }).next(),
      };
      const started = new DBNetError('busy', 'it got as far as this');
      const fail = () => {
        throw started;
      };
      for (const [name, attempt] of Object.entries(attempts)) {
        // Right values would be waited for: only wrong ones are tried.
        const right = value === undefined || (typeof value === 'function' && /on|worker/.test(name));
        if (right && name !== 'image' && name !== 'source') continue;
        if (await isAccepted(attempt)) taken.push(`${name}: ${word}`);
      }
    }
    expect(taken).toEqual([]);
  });
});

describe('images', () => {
  it('pixels are copied, and only those: the rest of their memory stays here', async () => {
    const { detector, served } = await start();
    const memory = new Uint8Array(1000).fill(7);
    const image: RawImage = { data: memory.subarray(10, 14), width: 2, height: 2, channels: 1 };
    const found = detector.detect(image);
    memory.fill(9);
    const asked = await served.asked();
    expect(asked.image.data).toEqual(new Uint8Array(4).fill(7));
    expect(asked.image.data.buffer.byteLength).toBe(4);
    asked.resolve({});
    await found;
    expect(memory.length).toBe(1000);
  });

  it('transfer gives pixels away, unless others are in their memory', async () => {
    const { detector, served } = await start();
    const [whole, part] = [pixels(), { ...pixels(), data: new Uint8Array(8).subarray(0, 4) }];
    const found = [whole, part].map((image) => detector.detect(image, { transfer: true }));
    const asked = await served.asked(2);
    expect(served.calls[0].image.data).toEqual(pixels().data);
    expect(served.calls[0].options).not.toHaveProperty('transfer');
    for (const { resolve } of [...served.calls]) resolve({});
    await Promise.all(found);
    expect(asked.image.data.length).toBe(4);
    expect([whole.data.length, part.data.length]).toEqual([0, 4]);
  });

  it('blobs cross as they are', async () => {
    const { detector, served } = await start();
    const found = detector.detect(new Blob(['png'], { type: 'image/png' }));
    const asked = await served.asked();
    expect(await (asked.image as unknown as Blob).text()).toBe('png');
    asked.resolve({});
    await found;
  });

  it('maps come back without a copy', async () => {
    const { detector, served } = await start();
    const maps = {
      P: new Float32Array(4),
      T: new Float32Array(4),
      B: new Float32Array(4),
      width: 2,
      height: 2,
    };
    const found = detector.detect(pixels(), { maps: true });
    const { options, resolve } = await served.asked();
    expect(options.maps).toBe(true);
    resolve({ regions: [], maps });
    expect((await found).maps.T).toEqual(new Float32Array(4));
    expect([maps.P, maps.T, maps.B].map(({ length }) => length)).toEqual([0, 0, 0]);
  });

  it('a stream is read on the page, and its frames are computed in the worker', async () => {
    const { detector, served } = await start();
    const source = (async function* () {
      for (let i = 0; i < 3; i++) yield { ...pixels(), data: new Uint8Array(4).fill(i) };
    })();
    const seen: unknown[] = [];
    const reading = (async () => {
      for await (const { width, skipped } of detector.stream(source, { threshold: 0.2 }))
        seen.push([width, skipped]);
    })();
    for (let i = 0; i < 3; i++) {
      const { image, options, resolve } = await served.asked(i + 1);
      expect(options.threshold).toBe(0.2);
      resolve({ width: image.data[0] });
    }
    await reading;
    expect(seen).toEqual([0, 1, 2].map((width) => [width, 0]));
  });

  it('leaving a stream aborts what is on its way', async () => {
    const { detector, served } = await start();
    const source = (async function* () {
      for (;;) yield pixels();
    })();
    const stream = detector.stream(source, { inFlight: 2 });
    const first = stream.next();
    (await served.asked(1)).resolve({});
    await first;
    const { options } = await served.asked(2);
    await stream.return();
    await vi.waitFor(() => expect(options.signal!.aborted).toBe(true));
  });
});

describe('weights', () => {
  it('bytes are copied, unless they are given away', async () => {
    for (const [transfer, left] of [
      [undefined, 3],
      [true, 0],
    ]) {
      for (const weights of [Uint8Array.of(1, 2, 3), Uint8Array.of(1, 2, 3).buffer]) {
        const { served } = await start({ weights, transfer: transfer as boolean | undefined });
        expect(served.created).toMatchObject({ weights: Uint8Array.of(1, 2, 3) });
        expect(served.created).not.toHaveProperty('transfer');
        expect(weights.byteLength).toBe(left);
      }
    }
  });

  it('addresses are those of the page', async () => {
    vi.stubGlobal('document', { baseURI: 'https://example.org/app/page.html' });
    vi.stubGlobal('process', { ...process, getBuiltinModule: undefined });
    try {
      const addressOf = async (weights: string | URL) => (await start({ weights })).served.created!.weights;
      expect(await addressOf('w.safetensors')).toBe('https://example.org/app/w.safetensors');
      expect(await addressOf('/w.safetensors')).toBe('https://example.org/w.safetensors');
      expect(await addressOf(new URL('https://cdn.example/w'))).toBe('https://cdn.example/w');
      expect(await addressOf('')).toBe('');
    } finally {
      vi.unstubAllGlobals();
    }
    expect((await start({ weights: 'a/path' })).served.created!.weights).toBe('a/path');
  });

  it('a response crosses by its body, a file as it is', async () => {
    const response = new Response('bytes', { headers: { 'content-length': '5' } });
    const { served } = await start({ weights: response });
    const crossed = served.created!.weights as Response;
    expect(crossed.headers.get('content-length')).toBe('5');
    expect(await crossed.text()).toBe('bytes');
    const { created } = (await start({ weights: new Blob(['file']) })).served;
    expect(await (created!.weights as Blob).text()).toBe('file');
  });

  it('a response without the file is refused as on the page', async () => {
    const weights = new Response('no', { status: 404, statusText: 'Not Found' });
    expect(await outcome(start({ weights }))).toMatchObject({
      code: 'load-failed',
      message: expect.stringContaining('404 Not Found'),
    });
  });

  it('all other options reach the worker', async () => {
    const options = {
      cache: true,
      sha256: 'ab',
      precision: 'auto',
      tune: 'off',
      input: { channelOrder: 'bgr' },
    } as const;
    const { served } = await start(options);
    expect(served.created).toMatchObject(options);
  });
});
