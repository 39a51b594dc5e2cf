/** @file Signs of life of a program that computes on the GPU. */

/** WebGPU's classes: the globals of browsers and Deno, `globals` of the package `webgpu`. */
export type GpuClasses = Record<'GPUAdapter' | 'GPUBuffer' | 'GPUDevice' | 'GPUQueue', { prototype: object }>;

/**
 * Calls `onLife`, once in a second at most, when one of the GPU's promises settles: a program that hangs waits for
 * one that never does. Its text is run in pages too, so it uses nothing from outside.
 */
export function reportLife(classes: GpuClasses, onLife: () => void): void {
  const promised = {
    GPUAdapter: ['requestDevice'],
    GPUBuffer: ['mapAsync'],
    GPUDevice: ['createComputePipelineAsync', 'popErrorScope'],
    GPUQueue: ['onSubmittedWorkDone'],
  } as const;
  let last = Number.NEGATIVE_INFINITY;
  const settled = () => {
    const now = Date.now();
    if (now - last < 1000) return;
    last = now;
    onLife();
  };
  for (const [name, methods] of Object.entries(promised)) {
    const prototype = classes[name as keyof GpuClasses].prototype as Record<string, unknown>;
    for (const method of methods) {
      const original = prototype[method] as (...args: unknown[]) => Promise<unknown>;
      prototype[method] = function (...args: unknown[]) {
        const promise = original.apply(this, args);
        promise.then(settled, settled);
        return promise;
      };
    }
  }
}
