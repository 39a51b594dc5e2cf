/** @file `using`, compiled as a caller's bundler compiles it, where the runtime knows `Symbol.dispose` and where not. */

import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { build } from 'esbuild';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Says in which order things happen to a stand-in, which has no device: only `dispose()` is its own. */
const program = `
import { TextDetector } from './src/index.ts';
import { Trainer } from './src/train/index.ts';
import { WorkerDetector } from './src/worker/detector.ts';
globalThis.events = [];
for (const type of [TextDetector, Trainer, WorkerDetector]) {
  const standIn = Object.create(type.prototype, { dispose: { value: () => events.push('disposed ' + type.name) } });
  try {
    using thing = standIn;
    events.push('in use');
    throw new Error('thrown');
  } catch (error) {
    events.push(error.message);
  }
}
`;

it.each([true, false])('disposes at the end of the block; Symbol.dispose is there: %s', async (known) => {
  const { outputFiles } = await build({
    absWorkingDir: root,
    stdin: { contents: program, resolveDir: root, loader: 'ts' },
    bundle: true,
    format: 'iife',
    target: 'es2022',
    keepNames: true,
    write: false,
    logLevel: 'silent',
  });
  const symbols = new Proxy((text?: string) => Symbol(text), {
    get: (_, key) => (key === 'dispose' && !known ? undefined : Reflect.get(Symbol, key)),
  });
  const context: { Symbol: unknown; events?: string[] } = { Symbol: symbols };
  runInNewContext(outputFiles[0].text, context);
  expect([...context.events!]).toEqual([
    'in use',
    'disposed TextDetector',
    'thrown',
    'in use',
    'disposed Trainer',
    'thrown',
    'in use',
    'disposed WorkerDetector',
    'thrown',
  ]);
});
