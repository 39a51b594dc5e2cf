/** @file What the benchmark needs of the place where it runs: Node, Deno or a page. */

import type { CustomKernel } from '../cases/custom-kernel.ts';
import type { Environment } from '../report/report.ts';

export interface Host {
  gpu: GPU;
  /** What the place knows of itself. */
  environment: Pick<
    Environment,
    'library' | 'runtime' | 'runtimeVersion' | 'webgpu' | 'userAgent' | 'os' | 'cpu' | 'threads' | 'flags'
  >;
  /** Path or URL of the weights, for `TextDetector.create`. */
  weights: string;
  customKernels: readonly CustomKernel[];
  /** Size of the code that a page loads, or why it is not known. */
  codeSize(): Promise<CodeSize | string>;
}

/** Bytes. */
export interface CodeSize {
  plain: number;
  gzipped: number;
}

/** Where the code that a page loads to detect lies, from the project's root. */
export const pageCode = [
  'dist/dbnet-webgpu.min.js',
  'dist/dbnet-webgpu-regions.min.js',
  'dist/dbnet-webgpu-recovery.min.js',
];
