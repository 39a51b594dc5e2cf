/** @file Loading from every kind of source, with progress, failures and aborts. */

import fs from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { DBNetError } from '../../src/errors.ts';
import {
  type BytesSource,
  type LoadProgress,
  loadBytes,
  parseSafetensors,
} from '../../src/safetensors/index.ts';
import { rejectionOf } from './safetensors-helpers.ts';
import { createTestServer, STALLS_AT } from './safetensors-server.ts';

const CONTENT = Uint8Array.from({ length: 2_500_000 }, (_, i) => (i * 7 + (i >> 11)) & 255);
let folder: string;
let file: string;
let server: Server;
let base: string;

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'dbnet-load-'));
  file = path.join(folder, 'a b#%20?.bin');
  fs.writeFileSync(file, CONTENT);
  fs.writeFileSync(path.join(folder, 'empty'), '');
  server = createTestServer(CONTENT);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  fs.rmSync(folder, { recursive: true });
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

/** The bytes, and every progress on the way. */
async function load(source: BytesSource): Promise<{ bytes: Uint8Array; steps: LoadProgress[] }> {
  const steps: LoadProgress[] = [];
  const bytes = await loadBytes(source, { onProgress: (progress) => steps.push(progress) });
  return { bytes, steps };
}

function expectSteps(steps: LoadProgress[], total: number | undefined): void {
  expect(steps[0]).toEqual({ done: 0, total });
  expect(steps.at(-1)).toEqual({ done: CONTENT.length, total: CONTENT.length });
  expect(steps.length).toBeGreaterThan(3);
  for (let i = 1; i < steps.length; i++) {
    expect(steps[i].done).toBeGreaterThanOrEqual(steps[i - 1].done);
    if (i < steps.length - 1) expect(steps[i].total).toBe(total);
  }
}

const same = (bytes: Uint8Array) => Buffer.compare(bytes, CONTENT) === 0;

describe('files of Node and Deno', () => {
  it('reads a path, a file: URL as text and as an object, with progress', async () => {
    const url = pathToFileURL(file);
    for (const source of [file, path.relative(process.cwd(), file), url.href, url]) {
      const { bytes, steps } = await load(source);
      expect(same(bytes)).toBe(true);
      expect(bytes.buffer.byteLength).toBe(CONTENT.length);
      expectSteps(steps, CONTENT.length);
    }
  });

  it('says what is missing or cannot be read', async () => {
    const missing = path.join(folder, 'none.safetensors');
    const { message, cause } = await rejectionOf('load-failed', loadBytes(missing));
    expect(message).toBe(
      `Cannot read the file ${missing}: there is no such file. Check the path; a relative one starts at ` +
        'the current folder.',
    );
    expect(cause).toMatchObject({ code: 'ENOENT' });
    const url = `${pathToFileURL(folder).href}/none`;
    expect((await rejectionOf('load-failed', loadBytes(url))).message).toContain(
      `${url}: there is no such file`,
    );
    const inFile = path.join(file, 'x');
    expect((await rejectionOf('load-failed', loadBytes(inFile))).message).toContain('there is no such file');
    expect((await rejectionOf('load-failed', loadBytes(folder))).message).toContain('is a folder');
    const empty = path.join(folder, 'empty');
    expect((await rejectionOf('load-failed', loadBytes(empty))).message).toContain(
      `${empty} is empty (0 bytes)`,
    );
    await rejectionOf('load-failed', loadBytes('file://elsewhere.example/x'));
    expect((await rejectionOf('load-failed', loadBytes('a\0b'))).message).toContain('null bytes');
  });

  it.skipIf(process.platform === 'win32')('refuses devices, which may never end', async () => {
    expect((await rejectionOf('load-failed', loadBytes('/dev/zero'))).message).toContain(
      'a device or a pipe',
    );
  });

  it('takes Windows paths, and text with a colon, for paths', async () => {
    const fetched = vi.spyOn(globalThis, 'fetch');
    for (const name of [
      'C:\\models\\none.safetensors',
      'c:/models/none.safetensors',
      'C:none',
      '\\\\host\\none',
      'none:1',
    ]) {
      const { message } = await rejectionOf('load-failed', loadBytes(name));
      expect(message).toContain(`Cannot read the file ${name}: there is no such file`);
    }
    expect(fetched).not.toHaveBeenCalled();
  });

  it('refuses URLs of other schemes and broken ones', async () => {
    for (const source of ['ftp://host/x', 's3://bucket/x', new URL('ftp://host/x'), new URL('C:\\x')]) {
      const { message } = await rejectionOf('invalid-argument', loadBytes(source));
      expect(message).toContain('Expected a path or a URL of file:, http:, https:, data: or blob:');
    }
    expect((await rejectionOf('invalid-argument', loadBytes('http://'))).message).toContain(
      'not a valid URL',
    );
    expect((await rejectionOf('invalid-argument', loadBytes(''))).message).toContain('empty string');
  });

  it('closes the file when it is aborted, when it fails, and when onProgress throws', async () => {
    const handles: fs.promises.FileHandle[] = [];
    const open = fs.promises.open;
    vi.spyOn(fs.promises, 'open').mockImplementation(async (...args) => {
      const handle = await open(...args);
      handles.push(handle);
      return handle;
    });
    await loadBytes(file);
    const reason = new Error('enough');
    for (const stop of [0, 1 << 20]) {
      const controller = new AbortController();
      const seen: number[] = [];
      const onProgress = ({ done }: LoadProgress) => {
        seen.push(done);
        if (done >= stop) controller.abort(reason);
      };
      await expect(loadBytes(file, { signal: controller.signal, onProgress })).rejects.toBe(reason);
      expect(seen.at(-1)).toBe(stop);
    }
    const broken = new RangeError('of the caller');
    const throwing = () => {
      throw broken;
    };
    await expect(loadBytes(file, { onProgress: throwing })).rejects.toBe(broken);
    await rejectionOf('load-failed', loadBytes(path.join(folder, 'empty')));
    expect(handles.length).toBe(5);
    expect(handles.map(({ fd }) => fd)).toEqual([-1, -1, -1, -1, -1]);
  });

  it('notices a file that shrinks', async () => {
    const shrinking = path.join(folder, 'shrinking');
    fs.writeFileSync(shrinking, CONTENT);
    const onProgress = () => fs.truncateSync(shrinking, 1000);
    const { message } = await rejectionOf('load-failed', loadBytes(shrinking, { onProgress }));
    expect(message).toContain('became shorter while it was read: 1000 of 2500000 bytes');
  });
});

describe('addresses', () => {
  it('loads with a known length into one buffer', async () => {
    for (const source of [`${base}/file`, new URL(`${base}/file`), `${base}/redirect`]) {
      const { bytes, steps } = await load(source);
      expect(same(bytes)).toBe(true);
      expect(bytes.buffer.byteLength).toBe(CONTENT.length);
      expectSteps(steps, CONTENT.length);
    }
  });

  it('loads without a known length: chunked, or compressed on the way', async () => {
    for (const name of ['chunked', 'gzip']) {
      const { bytes, steps } = await load(`${base}/${name}`);
      expect(same(bytes)).toBe(true);
      expectSteps(steps, undefined);
    }
  });

  it('loads data: and blob: URLs', async () => {
    const text = `data:application/octet-stream;base64,${Buffer.from('hello').toString('base64')}`;
    expect(new TextDecoder().decode(await loadBytes(text))).toBe('hello');
    const url = URL.createObjectURL(new Blob(['hello']));
    expect(new TextDecoder().decode(await loadBytes(url))).toBe('hello');
    URL.revokeObjectURL(url);
    const { message } = await rejectionOf('load-failed', loadBytes(`data:${'x'.repeat(1_000_000)}`));
    expect(message.length).toBeLessThan(500);
  });

  it.each([
    [400, 'expected HTTP 200, found 400 Bad Request. Check the address.'],
    [401, 'found 401 Unauthorized. The server wants a permission'],
    [403, 'found 403 Forbidden. The server wants a permission'],
    [404, 'found 404 Not Found. The file is not there: check the address.'],
    [429, 'The server cannot answer now: try again later.'],
    [503, 'found 503 Service Unavailable. The server cannot answer now'],
  ])('says what HTTP %i means', async (status, advice) => {
    const { message } = await rejectionOf('load-failed', loadBytes(`${base}/${status}`));
    expect(message).toContain(`${base}/${status}: expected HTTP 200, found ${status}`);
    expect(message).toContain(advice);
  });

  it('says that nothing came, and where it broke off', async () => {
    expect((await rejectionOf('load-failed', loadBytes(`${base}/empty`))).message).toContain(
      `${base}/empty is empty`,
    );
    expect((await rejectionOf('load-failed', loadBytes(`${base}/no-content`))).message).toContain('HTTP 204');
    const broken = await rejectionOf('load-failed', loadBytes(`${base}/broken`));
    expect(broken.message).toContain(`${base}/broken broke off after 100000 of 2500000 bytes`);
    expect(broken.cause).toBeInstanceOf(Error);
  });

  it('says that there is no server', async () => {
    const idle = createServer();
    await new Promise<void>((resolve) => idle.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(idle.address() as AddressInfo).port}/x`;
    await new Promise((resolve) => idle.close(resolve));
    const { message } = await rejectionOf('load-failed', loadBytes(url));
    expect(message).toContain(`Cannot fetch ${url} (`);
    expect(message).toContain('ECONNREFUSED');
    expect(message).toContain('CORS');
  });

  it('leaves a page in place of the file to the parser, which says so', async () => {
    const bytes = await loadBytes(`${base}/page`);
    expect(() => parseSafetensors(bytes)).toThrow(/HTML or XML page/);
  });

  it('takes a string for a URL where there is no file system', async () => {
    vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined as never);
    const fetched = vi.fn(async (url: string) => {
      if (url !== 'weights/a.safetensors') throw new TypeError('not allowed');
      return new Response('hello');
    });
    vi.stubGlobal('fetch', fetched);
    expect(new TextDecoder().decode(await loadBytes('weights/a.safetensors'))).toBe('hello');
    const { message } = await rejectionOf('load-failed', loadBytes('C:\\x'));
    expect(message).toContain('Cannot fetch C:\\x (not allowed)');
    await rejectionOf('load-failed', loadBytes(new URL('file:///x')));
    expect(fetched.mock.calls.map(([url]) => url)).toEqual(['weights/a.safetensors', 'C:\\x', 'file:///x']);
  });
});

describe('responses, blobs and memory', () => {
  it('reads a response, with and without its length', async () => {
    const known = await load(
      new Response(CONTENT, { headers: { 'content-length': String(CONTENT.length) } }),
    );
    expect(same(known.bytes)).toBe(true);
    expect(known.steps[0].total).toBe(CONTENT.length);
    const unknown = await load(await fetch(`${base}/chunked`));
    expect(same(unknown.bytes)).toBe(true);
    expectSteps(unknown.steps, undefined);
  });

  it('does not trust the length announced', async () => {
    for (const length of [0, 1, 1000, CONTENT.length - 1, CONTENT.length + 1]) {
      const { bytes, steps } = await load(
        new Response(CONTENT, { headers: { 'content-length': String(length) } }),
      );
      expect(same(bytes)).toBe(true);
      expect(steps[0].total).toBe(length);
      expect(steps.at(-1)).toEqual({ done: CONTENT.length, total: CONTENT.length });
    }
    const huge = new Response('x', { headers: { 'content-length': '900000000000000' } });
    expect((await rejectionOf('load-failed', loadBytes(huge))).message).toContain(
      'more than fit into the memory',
    );
    const odd = await load(new Response('x', { headers: { 'content-length': '1e3' } }));
    expect(odd.steps[0].total).toBeUndefined();
  });

  it('refuses responses that cannot be read', async () => {
    const used = new Response('x');
    await used.text();
    expect((await rejectionOf('load-failed', loadBytes(used))).message).toContain('has been read already');
    const locked = new Response('x');
    locked.body?.getReader();
    expect((await rejectionOf('load-failed', loadBytes(locked))).message).toContain('has been read already');
    expect((await rejectionOf('load-failed', loadBytes(new Response(null)))).message).toContain(
      'has no body',
    );
    expect((await rejectionOf('load-failed', loadBytes(new Response('')))).message).toContain('is empty');
    expect((await rejectionOf('load-failed', loadBytes(Response.error()))).message).toContain('found 0');
    const missing = new Response('text of the error', { status: 404 });
    expect((await rejectionOf('load-failed', loadBytes(missing))).message).toContain(
      'The response: expected HTTP 200',
    );
    // The caller may want to read what the server said.
    expect(await missing.text()).toBe('text of the error');
    const text = new Response(new ReadableStream({ start: (stream) => stream.enqueue('text') }));
    expect((await rejectionOf('load-failed', loadBytes(text))).message).toContain('found string in it');
  });

  it('reads blobs and files', async () => {
    const parts = [0, 1, 2, 3].map((i) => CONTENT.subarray(i * 625_000, (i + 1) * 625_000));
    const { bytes, steps } = await load(new Blob(parts));
    expect(same(bytes)).toBe(true);
    expect(bytes.buffer.byteLength).toBe(CONTENT.length);
    expectSteps(steps, CONTENT.length);
    expect(new TextDecoder().decode(await loadBytes(new File(['hello'], 'a.bin')))).toBe('hello');
    expect((await rejectionOf('load-failed', loadBytes(new Blob([])))).message).toContain(
      'The blob is empty',
    );
    const empty = await rejectionOf('load-failed', loadBytes(new File([], 'a.bin')));
    expect(empty.message).toContain('The file "a.bin" is empty');
  });

  it('gives memory back without a copy', async () => {
    const view = CONTENT.subarray(5, 105);
    const { bytes, steps } = await load(view);
    expect([bytes.buffer, bytes.byteOffset, bytes.length]).toEqual([CONTENT.buffer, 5, 100]);
    expect(steps).toEqual([{ done: 100, total: 100 }]);
    expect((await loadBytes(CONTENT.buffer)).buffer).toBe(CONTENT.buffer);
    expect(Object.getPrototypeOf(await loadBytes(Buffer.from('x')))).toBe(Uint8Array.prototype);
    const gone = new ArrayBuffer(8);
    structuredClone(gone, { transfer: [gone] });
    expect((await rejectionOf('invalid-argument', loadBytes(gone))).message).toContain('detached');
  });

  it('refuses other sources', async () => {
    for (const [source, kind] of [
      [null, 'null'],
      [undefined, 'undefined'],
      [7, 'number'],
      [{}, 'Object'],
      [new Float32Array(2), 'Float32Array'],
      [new Request('http://x.example/'), 'Request'],
    ]) {
      const { message } = await rejectionOf('invalid-argument', loadBytes(source as BytesSource));
      expect(message).toContain(`not as ${kind}.`);
    }
  });
});

describe('abort', () => {
  const reason = { why: 'any value' };

  it('before the start: nothing is opened, read or fetched', async () => {
    const fetched = vi.spyOn(globalThis, 'fetch');
    const stat = vi.spyOn(fs.promises, 'stat');
    const onProgress = vi.fn();
    const blob = new Blob(['x']);
    const stream = vi.spyOn(blob, 'stream');
    const signal = AbortSignal.abort(reason);
    for (const source of [file, `${base}/file`, blob, new Response('x'), CONTENT, CONTENT.buffer]) {
      await expect(loadBytes(source, { signal, onProgress })).rejects.toBe(reason);
    }
    for (const spy of [fetched, stat, onProgress, stream]) expect(spy).not.toHaveBeenCalled();
    const byDefault = await loadBytes(file, { signal: AbortSignal.abort() }).catch((error) => error);
    expect(byDefault.name).toBe('AbortError');
    expect(byDefault).not.toBeInstanceOf(DBNetError);
  });

  it('while the server says nothing', async () => {
    const controller = new AbortController();
    server.once('request', () => controller.abort(reason));
    const loading = loadBytes(`${base}/silent`, { signal: controller.signal });
    await expect(loading).rejects.toBe(reason);
  });

  it('while the body stalls, for an address and for a response', async () => {
    for (const own of [false, true]) {
      const controller = new AbortController();
      const source = own ? await fetch(`${base}/stalls`) : `${base}/stalls`;
      const onProgress = ({ done }: LoadProgress) => {
        // No more comes: by then it waits.
        if (done === STALLS_AT) setImmediate(() => controller.abort(reason));
      };
      await expect(loadBytes(source, { signal: controller.signal, onProgress })).rejects.toBe(reason);
    }
  });

  it('while a stream neither answers nor lets itself be cancelled', async () => {
    const controller = new AbortController();
    const stream = new ReadableStream<Uint8Array>({
      pull: () => {
        setImmediate(() => controller.abort(reason));
        return new Promise(() => {});
      },
      cancel: () => new Promise(() => {}),
    });
    const loading = loadBytes(new Response(stream), { signal: controller.signal });
    await expect(loading).rejects.toBe(reason);
  });

  it('from inside onProgress, at any step, for every kind of source', async () => {
    const sources: Array<() => BytesSource> = [
      () => file,
      () => `${base}/file`,
      () => `${base}/chunked`,
      () => new Blob([CONTENT]),
      () => new Response(CONTENT),
      () => CONTENT,
    ];
    for (const source of sources) {
      for (const stop of [0, 1, CONTENT.length]) {
        const controller = new AbortController();
        const onProgress = ({ done }: LoadProgress) => {
          if (done >= stop) controller.abort(reason);
        };
        const loading = loadBytes(source(), { signal: controller.signal, onProgress });
        await expect(loading).rejects.toBe(reason);
      }
    }
  });

  it('from inside the last onProgress of a load of unknown length', async () => {
    const controller = new AbortController();
    const onProgress = ({ total }: LoadProgress) => {
      if (total !== undefined) controller.abort(reason);
    };
    const loading = loadBytes(`${base}/chunked`, { signal: controller.signal, onProgress });
    await expect(loading).rejects.toBe(reason);
  });

  it('passes on what onProgress throws, and cancels the stream', async () => {
    const cancel = vi.fn();
    const stream = new ReadableStream<Uint8Array>({ start: (c) => c.enqueue(CONTENT), cancel });
    const broken = new RangeError('of the caller');
    const onProgress = ({ done }: LoadProgress) => {
      if (done > 0) throw broken;
    };
    await expect(loadBytes(new Response(stream), { onProgress })).rejects.toBe(broken);
    expect(cancel).toHaveBeenCalledOnce();
  });

  it('leaves no listener on the signal', async () => {
    const { signal } = new AbortController();
    const added = vi.spyOn(signal, 'addEventListener');
    const removed = vi.spyOn(signal, 'removeEventListener');
    await loadBytes(new Blob([CONTENT]), { signal });
    await rejectionOf('load-failed', loadBytes(new Blob([]), { signal }));
    expect(added).toHaveBeenCalledTimes(2);
    expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(
      added.mock.calls.map(([, listener]) => listener),
    );
  });
});
