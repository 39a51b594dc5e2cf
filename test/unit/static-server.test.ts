/** @file The server of the examples and benchmarks: for this machine, of one folder, and silent about the rest. */

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StaticServer, serve } from '../../scripts/static-server.ts';

let folder: string;
let server: StaticServer;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'static-server-'));
  const root = join(folder, 'root');
  for (const name of ['root/sub', 'root/.git', 'rootless'])
    mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(root, 'sub/a.json'), '{}');
  writeFileSync(join(root, '.git/config'), 'secret');
  for (const name of ['outside.txt', 'rootless/file.txt']) writeFileSync(join(folder, name), 'secret');
  symlinkSync(join(root, 'sub'), join(root, 'inside'));
  symlinkSync(join(folder, 'outside.txt'), join(root, 'file-link.txt'));
  symlinkSync(folder, join(root, 'folder-link'));
  server = await serve(root, { '/': '<!doctype html>', '/file': { path: join(folder, 'outside.txt') } });
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

/** A request as it is, without what `fetch` makes of paths and hosts. */
function ask(path: string, { host, method }: { host?: string; method?: string } = {}) {
  const { hostname, port } = new URL(server.origin);
  const headers = host === undefined ? undefined : { host };
  return new Promise<{ status?: number; headers: IncomingHttpHeaders; body: string }>((resolve, reject) => {
    request({ hostname, port, path, method, headers }, (response) => {
      const { statusCode: status, headers: answered } = response;
      text(response).then((body) => resolve({ status, headers: answered, body }), reject);
    })
      .once('error', reject)
      .end();
  });
}

describe('the static server', () => {
  it('serves pages, files of its folder, and files that it was given', async () => {
    expect(await ask('/?query')).toMatchObject({ status: 200, body: '<!doctype html>' });
    const { status, headers, body } = await ask('/sub/a.json');
    expect([status, body]).toEqual([200, '{}']);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': '2',
      'cache-control': 'no-store',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(await ask('/inside/a.json')).toMatchObject({ status: 200, body: '{}' });
    expect(await ask('/file')).toMatchObject({ status: 200, body: 'secret' });
    expect(await ask('/sub/a.json', { method: 'HEAD' })).toMatchObject({ status: 200, body: '' });
  });

  it('answers to its own names only, so that no page of another name can read it', async () => {
    const { port } = new URL(server.origin);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`]) {
      expect((await ask('/sub/a.json', { host })).status, host).toBe(200);
    }
    for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1', 'localhost:1']) {
      for (const path of ['/', '/sub/a.json']) {
        const { status, body } = await ask(path, { host });
        expect([status, body], host).toEqual([421, `this server is 127.0.0.1:${port} alone`]);
      }
    }
  });

  it.each([
    '/no-such-file',
    '/sub',
    '/file-link.txt',
    '/folder-link/outside.txt',
    '/../outside.txt',
    '/%2e%2e/outside.txt',
    '/..%2foutside.txt',
    '/..%2frootless/file.txt',
    '/sub/..%5c..%5coutside.txt',
    '/.git/config',
    '/sub%00',
  ])('has no %s, and names no folder of this machine', async (path) => {
    expect(await ask(path)).toMatchObject({ status: 404, body: 'there is no such file' });
  });

  it('refuses what is no address, and what would change something', async () => {
    expect((await ask('/%zz')).status).toBe(400);
    expect((await ask('/sub/a.json', { method: 'POST' })).status).toBe(405);
  });
});
