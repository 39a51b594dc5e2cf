/** @file Programs of this project, bundled to be run. */

import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it } from 'vitest';
import { importProgram } from '../../scripts/bundle-program.mjs';

it('every module keeps its own address', async () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'program-')));
  try {
    const path = (name: string) => join(folder, name);
    writeFileSync(path('plain.mjs'), 'export const plain = import.meta.url;\n');
    writeFileSync(
      path('main.ts'),
      "export { plain } from './plain.mjs';\nexport const main: string = import.meta.url;\n",
    );
    expect({ ...(await importProgram(path('main.ts'), path('out/main.mjs'))) }).toEqual({
      plain: pathToFileURL(path('plain.mjs')).href,
      main: pathToFileURL(path('main.ts')).href,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
