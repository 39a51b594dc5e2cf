/** @file The GPU suites in a Chromium page. */

import { startChromium } from './chromium.ts';
import { registerGpuTests } from './register.ts';

registerGpuTests('chromium', () => startChromium());
