/** @file The worker's script, which has all of the detector in one file. */

import { TextDetector } from '../detect/detector.ts';
import type { Port, Reply, Request } from './protocol.ts';
import { serveDetector } from './serve.ts';

serveDetector(globalThis as unknown as Port<Request, Reply>, (options) => TextDetector.create(options));
