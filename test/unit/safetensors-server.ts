/** @file An HTTP server for tests of loading: one path for each way in which a server answers, or fails to. */

import { createServer, type Server } from 'node:http';
import { gzipSync } from 'node:zlib';

/** Bytes after which `/stalls` and `/broken` send no more. */
export const STALLS_AT = 100_000;

/** Serves `content` at `/file`; `/404` and other numbers answer with that status. It does not listen yet. */
export function createTestServer(content: Uint8Array): Server {
  return createServer((request, response) => {
    const body = Buffer.from(content);
    switch (request.url) {
      case '/file':
        response.writeHead(200, { 'content-length': body.length }).end(body);
        break;
      case '/chunked':
        response.write(body.subarray(0, 1_000_000));
        response.end(body.subarray(1_000_000));
        break;
      case '/gzip': {
        const packed = gzipSync(body);
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed);
        break;
      }
      case '/redirect':
        response.writeHead(302, { location: '/file' }).end();
        break;
      case '/page':
        response.writeHead(200, { 'content-type': 'text/html' }).end('<!DOCTYPE html><p>Log in</p>');
        break;
      case '/empty':
        response.writeHead(200, { 'content-length': 0 }).end();
        break;
      case '/no-content':
        response.writeHead(204).end();
        break;
      case '/broken':
        response.writeHead(200, { 'content-length': body.length });
        response.write(body.subarray(0, STALLS_AT), () => response.destroy());
        break;
      case '/stalls':
        response.writeHead(200, { 'content-length': body.length });
        response.write(body.subarray(0, STALLS_AT));
        break;
      case '/silent':
        break;
      default: {
        const status = Number(request.url?.slice(1));
        response.writeHead(status).end('an error page');
      }
    }
  });
}
