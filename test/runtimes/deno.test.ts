/** @file The GPU suites in Deno, on wgpu. */

import { DenoRunner } from './deno.ts';
import { registerGpuTests } from './register.ts';

registerGpuTests('deno', async () => new DenoRunner());
