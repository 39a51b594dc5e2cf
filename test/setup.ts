/** @file Every test and every file's hooks may take as long as they are alive. vitest's own limits are off. */

import { aroundAll, aroundEach } from 'vitest';
import { whileAlive } from './helpers/heartbeat.ts';

aroundAll((runFile) => whileAlive(runFile));
aroundEach((runTest) => whileAlive(runTest));
