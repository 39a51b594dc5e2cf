/** @file What is measured of each class, whether the device has room for it, and the buffers for all of them. */

import { suitsWinograd } from '../graph/passes/winograd.ts';
import { type Convolution, convolution } from '../kernels/convolution.ts';
import type { Kernel } from '../kernels/kernel.ts';
import type { Tile } from '../kernels/tile.ts';
import type { Precision } from '../kernels/wgsl.ts';
import type { WinogradSize } from '../kernels/winograd.ts';
import type { GpuContext } from '../runtime/gpu-context.ts';
import type { PipelineCache } from '../runtime/pipelines.ts';
import { TuningBuffers } from './tuning-buffers.ts';
import { productsOf, stepBuffers, winogradSteps } from './winograd-steps.ts';
import type { ClassWork } from './work.ts';

/** A class, with what is measured of it. */
export interface ClassToMeasure {
  work: ClassWork;
  conv: Convolution;
  /** The reference. */
  kernel: Kernel;
  /** Winograd's sizes that can be tried. */
  sizes: readonly WinogradSize[];
}

const winogradSizes: readonly WinogradSize[] = [4, 2];

/** The sizes of Winograd's filtering that can be tried. */
export function winogradSizesFor(
  conv: Convolution,
  tile: Tile,
  precision: Precision,
  limits: GPUSupportedLimits,
): readonly WinogradSize[] {
  // Rounding errors grow too much in f16.
  if (precision !== 'f32' || !('sources' in conv) || !suitsWinograd(conv)) return [];
  return winogradSizes.filter((size) => {
    const steps = winogradSteps(conv, size, tile, { precision, build: convolution });
    return Object.values(steps).every((kernel) => fitsMemory(kernel, limits));
  });
}

/** True where the device allows buffers as large as the kernel's. */
export function fitsMemory({ bindings }: Kernel, limits: GPUSupportedLimits): boolean {
  const largest = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  return bindings.every(({ bytes }) => bytes <= largest);
}

/** Buffers for all classes and for the steps of their Winograd forms. */
export async function createBuffers(
  context: GpuContext,
  { pipelines, precision }: { pipelines: PipelineCache; precision: Precision },
  tasks: readonly ClassToMeasure[],
  reference: Tile,
): Promise<TuningBuffers> {
  const kernels = tasks.map(({ kernel }) => kernel);
  const others = new Map<string, number>();
  for (const { conv, sizes } of tasks) {
    if (!('sources' in conv)) continue;
    for (const size of sizes) {
      // As a class of their own, when their tile is looked for.
      kernels.push(convolution(productsOf(conv, size), { tile: reference, precision }));
      const steps = winogradSteps(conv, size, reference, { precision, build: convolution });
      for (const step of ['weights', 'input', 'products'] as const) {
        for (const { name, bytes } of steps[step].bindings) {
          const buffer = stepBuffers[step][name];
          if (buffer && buffer !== 'source0') others.set(buffer, Math.max(others.get(buffer) ?? 0, bytes));
        }
      }
    }
  }
  return await TuningBuffers.create(context, pipelines, precision, kernels, others);
}
