/** @file What the site's script finds wrong: links that lead nowhere, examples that do not compile. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { faultsOfExamples } from '../../scripts/site/examples.ts';
import { faultsOfLinks } from '../../scripts/site/links.ts';
import { entryPoints } from '../../scripts/site/reference.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'site-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('links: files, elements, and nothing from elsewhere', async () => {
  await mkdir(join(folder, 'a'));
  await writeFile(join(folder, 'a/other.html'), '<h2 id="x-1">X</h2><a href="../index.html#missing">up</a>');
  await writeFile(
    join(folder, 'index.html'),
    `<a href="a/other.html#x-1">good</a><a href="https://example.org">elsewhere</a><img src="data:,">
     <a href="a/other.html#x-2">bad</a><a href="a">folder</a><a href="/a/other.html">root</a>
     <a href="../above.html">above</a><script src="https://example.org/x.js"></script><script>'<a href="no">'</script>`,
  );
  expect(await faultsOfLinks(folder)).toEqual([
    'a/other.html: ../index.html#missing names no element of that page',
    'index.html: ../above.html leads out of the folder',
    'index.html: /a/other.html works at the root of a host only',
    'index.html: a is no file',
    'index.html: a/other.html#x-2 names no element of that page',
    'index.html: https://example.org/x.js is loaded from elsewhere',
  ]);
});

it('examples: compiled against the sources, each by itself', () => {
  const of = 'dbnet-webgpu/labels: labelMaps';
  const module = 'dbnet-webgpu/labels';
  const good = 'const { probability } = labelMaps([], { width: 64, height: 64 });';
  const faults = faultsOfExamples(root, [
    { of, module, code: good },
    { of, module, code: 'labelMaps([], 64);' },
    { of, module, code: 'probability.length;' },
  ]);
  expect(faults).toHaveLength(2);
  expect(faults[0]).toMatch(/^dbnet-webgpu\/labels: labelMaps: Argument of type 'number'/);
  expect(faults[1]).toMatch(/Cannot find name 'probability'/);
});

it('the reference has all entry points of the package', () => {
  expect(entryPoints).toMatchObject({
    'dbnet-webgpu': 'src/index.ts',
    'dbnet-webgpu/labels': 'src/labels/index.ts',
  });
});
