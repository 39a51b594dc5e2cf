/** @file The GPU suites in Node. */

import { startNode } from './node.ts';
import { registerGpuTests } from './register.ts';

registerGpuTests('node', startNode);
