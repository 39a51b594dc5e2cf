/** @file What is compared, and what the procedure needs of a page that is open. */

import type { FirstResult, Sample } from './page/harness.ts';

/** What is compared. */
export interface ContenderSpec {
  id: string;
  /** For people, without versions. */
  name: string;
  /** Package whose version it has. */
  package: string;
  /** Path and query of its page. */
  page: string;
}

/** The first is the reference; the second goes on to regions. */
export const contenderSpecs: readonly ContenderSpec[] = [
  { id: 'ours', name: 'dbnet-webgpu maps()', package: 'dbnet-webgpu', page: '/page/ours.html?call=maps' },
  {
    id: 'ours-detect',
    name: 'dbnet-webgpu detect()',
    package: 'dbnet-webgpu',
    page: '/page/ours.html?call=detect',
  },
  {
    id: 'ort-webgpu',
    name: 'ONNX Runtime Web, WebGPU',
    package: 'onnxruntime-web',
    page: '/page/onnxruntime.html?provider=webgpu',
  },
  {
    id: 'ort-wasm',
    name: 'ONNX Runtime Web, WASM',
    package: 'onnxruntime-web',
    page: '/page/onnxruntime.html?provider=wasm',
  },
  {
    id: 'litert',
    name: 'LiteRT.js, WebGPU',
    package: '@litertjs/core',
    page: '/page/litert.html',
  },
];

/** A contender's page that is ready for its cold start. */
export interface OpenContender {
  browser: {
    version: string;
    /** Command line flags, where they are known. */
    flags: string[];
    /** True where the adapter computes on the CPU. */
    software: boolean;
  };
  /** Load, create, first result. Once per page. */
  cold(): Promise<FirstResult>;
  /** One more result. */
  sample(): Promise<Sample>;
  /** Paths that the page has fetched so far. */
  fetched(): string[];
  close(): Promise<void>;
}

/** @throws Error if the page does not open. */
export type OpenPage = (spec: ContenderSpec) => Promise<OpenContender>;
