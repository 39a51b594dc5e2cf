/** @file A web server on 127.0.0.1 for examples, tests and benchmarks in a browser. */

import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join, sep } from 'node:path';
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

/** A body, or the file that holds it. */
export type ServedFile = string | Uint8Array | { path: string };

/** A request that is answered with a status and, for people, a line that says nothing of this machine. */
class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The path of a request's address, decoded. */
function pathOf(request: IncomingMessage): string {
  try {
    return decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
  } catch {
    throw new Refusal(400, 'the address is malformed');
  }
}

/** The file of a path below a folder. Hidden ones (`.git`) are none, nor is what a link shows of the outside. */
async function fileBelow(root: string, path: string): Promise<string> {
  const hidden = path.split(/[\\/]/).some((part) => part.startsWith('.'));
  const file = hidden ? undefined : await realpath(join(root, path)).catch(() => undefined);
  if (!file?.startsWith(join(await realpath(root), sep))) throw new Refusal(404, 'there is no such file');
  return file;
}

/**
 * Serves pages, then the files below a folder, to this machine alone: a request that names another host than this
 * server is refused, as it comes from a page whose name was made to lead here (DNS rebinding).
 * The MIME type comes from the path's ending.
 *
 * @param root folder, or undefined for none; its files are read anew on each request
 * @param pages body by path; a path begins with a slash
 * @param headers of every answer
 * @param onServed called with the path of each page or file that is served
 */
export async function serve(
  root: string | undefined,
  pages: Readonly<Record<string, ServedFile>>,
  { headers = {}, onServed }: { headers?: Record<string, string>; onServed?: (path: string) => void } = {},
): Promise<StaticServer> {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method, headers: asked } = request;
    const { port } = server.address() as AddressInfo;
    if (asked.host !== `127.0.0.1:${port}` && asked.host !== `localhost:${port}`) {
      throw new Refusal(421, `this server is 127.0.0.1:${port} alone`);
    }
    if (method !== 'GET' && method !== 'HEAD') throw new Refusal(405, 'only GET and HEAD');
    const path = pathOf(request);
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    let body: Buffer | undefined;
    let file = '';
    if (typeof page === 'string' || page instanceof Uint8Array) body = Buffer.from(page);
    else if (page) file = page.path;
    else if (root !== undefined) file = await fileBelow(root, path);
    else throw new Refusal(404, 'there is no such page');
    const info = body ? undefined : await stat(file);
    if (info && !info.isFile()) throw new Refusal(404, 'there is no such file');
    onServed?.(path);
    response.writeHead(200, {
      'content-type': MIME_TYPES[extname(path) || '.html'] ?? 'application/octet-stream',
      'content-length': body?.length ?? info?.size,
      'cache-control': 'no-store',
      'cross-origin-resource-policy': 'same-origin',
      ...headers,
    });
    if (method === 'HEAD') response.end();
    else if (body) response.end(body);
    else pipeline(createReadStream(file), response, () => {});
  };
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      if (response.headersSent) response.destroy();
      else if (error instanceof Refusal) response.writeHead(error.status).end(error.message);
      // Its text may hold a path of this machine.
      else response.writeHead(500).end('the file cannot be read');
    });
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
