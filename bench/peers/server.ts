/**
 * @file The web server of the comparison: cross-origin isolated, so that the WASM provider may use threads, without
 * any caching, and with a record of what was fetched, so that the bytes counted are those really downloaded.
 */

import { type ServedFile, type StaticServer, serve } from '../../scripts/static-server.ts';

export interface PeerServer extends StaticServer {
  /** The paths fetched since the last call, each once. */
  takeFetched(): string[];
}

/** Serves exactly the files given; a key is the path of the URL and begins with a slash. */
export async function startServer(files: ReadonlyMap<string, ServedFile>): Promise<PeerServer> {
  const fetched = new Set<string>();
  const server = await serve(undefined, Object.fromEntries(files), {
    headers: {
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    },
    onServed: (path) => fetched.add(path),
  });
  return {
    ...server,
    takeFetched() {
      const paths = [...fetched];
      fetched.clear();
      return paths;
    },
  };
}
