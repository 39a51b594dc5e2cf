/** @file `npm run finetune`: prints the address of the page and serves it until Ctrl-C. */

import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { servePage } from './serve.ts';

const { page } = await servePage(fileURLToPath(new URL('../../', import.meta.url)));
process.stdout.write(`${page}\nCtrl-C ends it.\n`);
