/** @file `npm run site`: writes the pages and the API reference into `site/`, or the folder that is named. */

import { readdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { faultsOfExamples } from './examples.ts';
import { faultsOfLinks } from './links.ts';
import { examplesOf, readReference } from './reference.ts';
import { writePages } from './write-site.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

async function main(given: string | undefined): Promise<string> {
  const folder = given === undefined ? join(root, 'site') : resolve(given);
  // Only what an earlier run wrote is taken away.
  if (given === undefined) await rm(folder, { recursive: true, force: true });
  else if ((await readdir(folder).catch(() => [])).length > 0) {
    throw new Error(`${folder}: expected a new or an empty folder; name another or empty it`);
  }
  const { application, project } = await readReference(root);
  const { examples, missing } = examplesOf(project);
  fail('these exports have no example', missing);
  fail('these examples do not compile', faultsOfExamples(root, examples));
  await writePages(root, folder);
  await application.generateDocs(project, join(folder, 'api'));
  fail('these links are broken', await faultsOfLinks(folder));
  return folder;
}

function fail(what: string, faults: readonly string[]): void {
  if (faults.length > 0) throw new Error(`${what}:\n${faults.join('\n')}`);
}

try {
  process.stdout.write(`${await main(process.argv[2])}\n`);
} catch (error) {
  process.stderr.write(`site: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
