/** @file A web server on 127.0.0.1 for tests and benchmarks in a browser. */

import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { pipeline } from 'node:stream';

const MIME_TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.map': 'application/json',
  '.mjs': 'text/javascript; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.wasm': 'application/wasm',
  '.webp': 'image/webp',
};

/** A running server. */
export interface StaticServer {
  /** `http://127.0.0.1:PORT`, a secure context. */
  origin: string;
  close(): Promise<void>;
}

/**
 * Serves pages held in memory, then the files below a folder. The MIME type comes from the path's ending.
 *
 * @param root folder; its files are read anew on each request
 * @param pages body by path; a path begins with a slash
 */
export async function serve(root: string, pages: Record<string, string | Uint8Array>): Promise<StaticServer> {
  const server = createServer(async (request, response) => {
    const fail = (status: number, text: string) => response.writeHead(status).end(text);
    try {
      const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
      const headers = {
        'content-type': MIME_TYPES[extname(path) || '.html'] ?? 'application/octet-stream',
        'cache-control': 'no-store',
      };
      const page = Object.hasOwn(pages, path) ? Buffer.from(pages[path]) : undefined;
      if (page !== undefined) {
        response.writeHead(200, { ...headers, 'content-length': page.length }).end(page);
        return;
      }
      // The path begins with a slash, so that normalize() leaves no `..` that leads out of the root.
      const file = join(root, normalize(path));
      const info = await stat(file);
      if (!info.isFile()) return fail(404, 'not a file');
      response.writeHead(200, { ...headers, 'content-length': info.size });
      pipeline(createReadStream(file), response, () => {});
    } catch (error) {
      if (response.headersSent) response.destroy();
      else fail(404, error instanceof Error ? error.message : String(error));
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
