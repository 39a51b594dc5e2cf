/** @file What the package brings beside code: the shipped weights by name, and one version. */

import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import deno from '../../deno.json' with { type: 'json' };
import manifest from '../../package.json' with { type: 'json' };
import { TextDetector } from '../../src/index.ts';
import { loadBytes, parseSafetensors } from '../../src/safetensors/index.ts';
import { Trainer } from '../../src/train/index.ts';
import weights from '../../src/weights.ts';

it('the address of the shipped weights loads them', async () => {
  expect(weights).toMatch(/^file:.*\/weights\/db-resnet18\.safetensors$/);
  expect(parseSafetensors(await loadBytes(weights)).tensors.size).toBeGreaterThan(0);
});

it('the module of the weights holds the expression that bundlers look for, and nothing else', async () => {
  const source = await readFile(new URL('../../src/weights.ts', import.meta.url), 'utf8');
  expect(source).toContain("new URL('../weights/db-resnet18.safetensors', import.meta.url)");
  expect(source).not.toContain('import ');
});

it.each([
  ['TextDetector.create', () => TextDetector.create({} as { weights: string })],
  ['TextDetector.create, no options', () => (TextDetector.create as () => Promise<unknown>)()],
  ['Trainer.create', () => Trainer.create({})],
])('%s without weights says where some are', async (_, create) => {
  const error: unknown = await create().catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: 'invalid-argument',
    message: expect.stringContaining("import weights from 'dbnet-webgpu/weights'"),
  });
});

it('Deno knows the package under the same name and version, with the same exports', () => {
  expect([deno.name, deno.version]).toEqual([`@dbnet/${manifest.name}`, manifest.version]);
  const sources = Object.entries(manifest.exports).flatMap(([name, target]) =>
    typeof target === 'string' ? [] : [[name, target.types.replace(/^\.\/dist(.*)\.d\.ts$/, './src$1.ts')]],
  );
  expect(deno.exports).toEqual(Object.fromEntries(sources));
});
