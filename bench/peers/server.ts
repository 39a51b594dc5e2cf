/**
 * @file The web server of the comparison: cross-origin isolated, so that the WASM provider may use threads, without
 * any caching, and with a record of what was fetched, so that the bytes counted are those really downloaded.
 */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';

/** A file by its path on disk, or its contents. */
export type ServedFile = { path: string } | { body: string | Uint8Array };

export interface PeerServer {
  /** `http://127.0.0.1:PORT`, a secure context. */
  origin: string;
  /** The paths fetched since the last call, each once. */
  takeFetched(): string[];
  /** Contents of a served file. */
  read(path: string): Promise<Uint8Array>;
  close(): Promise<void>;
}

const mimeTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** Serves exactly the files given; a key is the path of the URL and begins with a slash. */
export async function startServer(files: ReadonlyMap<string, ServedFile>): Promise<PeerServer> {
  const fetched = new Set<string>();
  const read = async (path: string): Promise<Uint8Array> => {
    const file = files.get(path);
    if (!file) throw new Error(`no file is served as ${path}`);
    return 'path' in file ? readFile(file.path) : Buffer.from(file.body);
  };
  const server = createServer(async (request, response) => {
    try {
      const { pathname } = new URL(request.url ?? '/', 'http://localhost');
      const body = await read(pathname);
      fetched.add(pathname);
      response.writeHead(200, {
        'content-type': mimeTypes[extname(pathname)] ?? 'application/octet-stream',
        'content-length': body.length,
        'cache-control': 'no-store',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-embedder-policy': 'require-corp',
      });
      response.end(body);
    } catch (error) {
      response.writeHead(404).end(error instanceof Error ? error.message : String(error));
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    takeFetched() {
      const paths = [...fetched];
      fetched.clear();
      return paths;
    },
    read,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
