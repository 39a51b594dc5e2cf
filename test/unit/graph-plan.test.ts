/** @file Lowering: every plan binds what its kernels declare, within what every device can do. */

import { describe, expect, it } from 'vitest';
import { chooseTile } from '../../src/graph/choose-kernels.ts';
import type { Graph } from '../../src/graph/graph.ts';
import type { Resource } from '../../src/graph/operation.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { fuse } from '../../src/graph/passes/index.ts';
import type { Plan } from '../../src/graph/plan.ts';
import { gemmOf } from '../../src/kernels/convolution.ts';
import { elementBytes } from '../../src/kernels/wgsl.ts';
import { fullGraph, fullNetwork, planOf, randomParameters } from '../helpers/networks.ts';

const graphs: Record<string, Graph> = {
  'P, T, B': fullGraph(true),
  P: fullGraph(false),
  'P, T, B, fused': fuse(fullGraph(true)),
  'P, fused': fuse(fullGraph(false)),
};

/** Every combination of graph, precision and kind of adapter. */
const plans: readonly { name: string; plan: (size: { width: number; height: number }) => Plan }[] =
  Object.entries(graphs).flatMap(([name, graph]) =>
    (['f32', 'f16'] as const).flatMap((precision) =>
      [true, false].map((software) => ({
        name: `${name}, ${precision}, ${software ? 'software' : 'GPU'}`,
        plan: (size: { width: number; height: number }) =>
          planOf(graph, size, { precision, tile: (conv) => chooseTile(gemmOf(conv), { software }) }),
      })),
    ),
  );

const sizes = [
  { width: 32, height: 32 },
  { width: 160, height: 96 },
  { width: 2048, height: 32 },
];

describe('plan', () => {
  it('gives each binding of a kernel a resource of its size, the shape last', () => {
    for (const { name, plan } of plans) {
      for (const size of sizes) {
        const { steps, tensors, constants } = plan(size);
        for (const { kernel, resources } of steps) {
          expect(kernel.bindings.length, `${name}: ${kernel.label}`).toBe(resources.length + 1);
          expect(kernel.bindings.at(-1)!.name).toBe('shape');
          resources.forEach((resource, i) => {
            const { bytes, name: binding } = kernel.bindings[i];
            if (resource.kind === 'tensor') {
              expect(tensors.get(resource.name)!.bytes, `${name}: ${kernel.label}, ${binding}`).toBe(bytes);
            }
            if (resource.kind === 'constant') expect(constants.has(resource.name)).toBe(true);
          });
        }
      }
    }
  });

  it('never reads and writes one buffer in one step', () => {
    for (const { name, plan } of plans) {
      const { steps, tensors } = plan({ width: 96, height: 64 });
      for (const { kernel, resources } of steps) {
        const buffers = (access: string) =>
          resources
            .filter((resource, i) => resource.kind === 'tensor' && kernel.bindings[i].access === access)
            .map((resource: Resource) => tensors.get(resource.name)!.buffer);
        const written = buffers('read_write');
        expect(new Set(written).size, `${name}: ${kernel.label}`).toBe(written.length);
        for (const buffer of buffers('read'))
          expect(written, `${name}: ${kernel.label}`).not.toContain(buffer);
      }
    }
  });

  it('stays within the least limits of WebGPU: 8 buffers, 16 KiB of workgroup memory, 65,535 workgroups', () => {
    for (const { name, plan } of plans) {
      // No larger than 2048x2048: there the activations need larger buffers than every device has.
      for (const size of [...sizes, { width: 2048, height: 2048 }, { width: 32, height: 4096 }]) {
        for (const { kernel } of plan(size).steps) {
          const what = `${name}: ${kernel.label} at ${size.width}x${size.height}`;
          const storage = kernel.bindings.filter(
            ({ access }) => access === 'read' || access === 'read_write',
          );
          expect(storage.length, what).toBeLessThanOrEqual(8);
          expect(Math.max(...kernel.dispatch), what).toBeLessThanOrEqual(65535);
          expect(Math.min(...kernel.dispatch), what).toBeGreaterThanOrEqual(1);
          expect(workgroupBytes(kernel.code), what).toBeLessThanOrEqual(16384);
        }
      }
    }
  });

  it('fits buffers of 128 MiB at 640x640', () => {
    for (const { name, plan } of plans) {
      expect(Math.max(...plan({ width: 640, height: 640 }).bufferSizes), name).toBeLessThanOrEqual(2 ** 27);
    }
  });

  it('has the same code, and constants of the same name, at every size', () => {
    for (const { plan } of plans) {
      const [first, ...others] = sizes.map(plan);
      for (const other of others) {
        expect([...other.constants.keys()]).toEqual([...first.constants.keys()]);
        // A GPU's tiles depend on the size, a software adapter's do not.
        if (first.steps.every(({ kernel }) => !kernel.code.includes('block_pixels'))) {
          expect(other.steps.map(({ kernel }) => kernel.code)).toEqual(
            first.steps.map(({ kernel }) => kernel.code),
          );
        }
      }
    }
  });

  it('makes constants of the bytes that the kernels bind', () => {
    const network = fullNetwork();
    const graph = foldBatchNorm({ ...network, parameters: randomParameters(network, 1) });
    for (const form of [graph, fuse(graph)]) {
      const { steps, constants } = planOf(form, { width: 32, height: 32 }, { precision: 'f16' });
      for (const { kernel, resources } of steps) {
        resources.forEach((resource, i) => {
          if (resource.kind !== 'constant') return;
          const { precision, data } = constants.get(resource.name)!;
          const { name, bytes } = kernel.bindings[i];
          expect(data().length * elementBytes(precision), `${kernel.label}, ${name}`).toBe(bytes);
          expect(precision).toBe(name === 'bias' ? 'f32' : 'f16');
        });
      }
    }
  });
});

/** Bytes of the workgroup variables that a shader declares. */
function workgroupBytes(code: string): number {
  const element: Record<string, number> = {
    'vec4<f32>': 16,
    'vec4<f16>': 8,
    'atomic<u32>': 4,
    f32: 4,
    f16: 2,
  };
  const arrays = [...code.matchAll(/var<workgroup> \w+: array<(.+), (\d+)>;/g)];
  expect(arrays.length).toBe([...code.matchAll(/var<workgroup>/g)].length);
  return arrays.reduce((sum, [, type, count]) => sum + element[type] * Number(count), 0);
}
