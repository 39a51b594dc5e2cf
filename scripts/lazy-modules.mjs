/**
 * @file Keeps modules that are imported when they are needed out of bundles for pages: each has a file of its own
 * beside the bundle that loads it.
 */

import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Modules with a file of their own, beside the bundle. */
export const lazyModules = {
  /** What `tune()` needs. */
  tuner: { module: 'src/tuning/tune.ts', file: 'dbnet-webgpu-tuner.min.js' },
  /** From maps to regions: fetched while the weights are. */
  regions: { module: 'src/postprocess/index.ts', file: 'dbnet-webgpu-regions.min.js' },
  /** What outlives losses of the device: fetched with it. */
  recovery: { module: 'src/detect/recoverable-engine.ts', file: 'dbnet-webgpu-recovery.min.js' },
  /** Frames of a camera, one after the other. */
  stream: { module: 'src/detect/stream.ts', file: 'dbnet-webgpu-stream.min.js' },
  /** Large pictures in parts. */
  split: { module: 'src/detect/split.ts', file: 'dbnet-webgpu-split.min.js' },
  /** Whether the device computes right. */
  selfTest: { module: 'src/self-test/self-test.ts', file: 'dbnet-webgpu-self-test.min.js' },
  /** ONNX files and PyTorch checkpoints. */
  readers: { module: 'src/models/foreign.ts', file: 'dbnet-webgpu-readers.min.js' },
};

/** The script of the worker, which holds all that it may need. */
export const workerThread = { module: 'src/worker/thread.ts', file: 'dbnet-webgpu-worker-thread.min.js' };

/**
 * Writes the built name of the worker's script into the module that starts it.
 * @returns {import('esbuild').Plugin}
 */
export const nameWorkerThread = () => ({
  name: 'worker-thread',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/]worker[\\/]start\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replaceAll("'./thread.ts'", `'./${workerThread.file}'`),
      loader: 'ts',
    }));
  },
});

/**
 * Leaves modules in their own files.
 * @param {readonly { module: string; file: string }[]} modules
 * @returns {import('esbuild').Plugin}
 */
export const leaveOut = (modules) => ({
  name: 'lazy-modules',
  setup({ onResolve }) {
    onResolve({ filter: /^\./ }, ({ kind, path, importer }) => {
      if (kind !== 'dynamic-import') return undefined;
      const found = modules.find(({ module }) => join(root, module) === resolve(dirname(importer), path));
      return found && { path: `./${found.file}`, external: true };
    });
  },
});
