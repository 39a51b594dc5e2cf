/** @file `dbnet-webgpu/node`: WebGPU for Node, Docker and CI. Not for browsers, which have it. */

import { acquireGpu } from './gpu.ts';

/**
 * A `GPU` that has an adapter, for `TextDetector.create({ gpu })`: in Node that of Dawn (package `webgpu`), in Deno its own.
 * On Linux without a usable GPU it computes on the CPU, with SwiftShader of the package `@sparticuz/chromium` or of an
 * installed Chromium; drivers chosen by `VK_DRIVER_FILES` or `VK_ICD_FILENAMES` are taken as they are. Later calls give
 * the same object, which lives as long as the process. For the main thread only.
 *
 * @throws DBNetError `missing-package`, or `no-webgpu` with what to install
 * @example
 * import { TextDetector } from 'dbnet-webgpu';
 * import { gpu } from 'dbnet-webgpu/node';
 * import weights from 'dbnet-webgpu/weights';
 *
 * const detector = await TextDetector.create({ gpu: await gpu(), weights });
 */
export async function gpu(): Promise<GPU> {
  return (await acquireGpu()).gpu;
}
