/** @file `npm run hello`, `npm run camera`, `npm run finetune`: prints the address of the page and serves it until Ctrl-C. */

import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { isPage, servePage } from './serve.ts';

const [name = ''] = process.argv.slice(2);
if (isPage(name)) {
  const { page } = await servePage(fileURLToPath(new URL('../', import.meta.url)), name);
  process.stdout.write(`${page}\nCtrl-C ends it.\n`);
} else {
  process.stderr.write(`expected a page, hello, camera or finetune, found '${name}'\n`);
  process.exitCode = 2;
}
