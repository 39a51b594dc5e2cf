/** @file Fixtures where there is a file system. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { fixturePath, zooFile } from './run-test.ts';

const root = new URL('../../', import.meta.url);

/** Bytes of a fixture by its name; those of the zoo lie in the folder that the environment names. */
export async function readFixture(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const file = zooFile(name);
  const path = file === undefined ? new URL(fixturePath(name), root) : join(process.env.ZOO ?? '', file);
  return new Uint8Array(await readFile(path));
}
