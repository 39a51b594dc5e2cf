/** @file Liveness: no two tensors that live at the same time share a buffer, and memory stays within the bounds. */

import { describe, expect, it } from 'vitest';
import { assignBuffers } from '../../src/graph/assign-buffers.ts';
import { winogradSize } from '../../src/graph/choose-kernels.ts';
import { type Graph, inputsOf, type Network, outputsOf } from '../../src/graph/graph.ts';
import type { Operation } from '../../src/graph/operations/index.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { fuse } from '../../src/graph/passes/index.ts';
import { random } from '../gpu/assert.ts';
import { ppOcrV4, ppOcrV6 } from '../helpers/mobile-networks.ts';
import { fullGraph, planOf, withRandomParameters } from '../helpers/networks.ts';

/** The steps at which a tensor must hold its values, found by looking, not by bookkeeping. */
function isAlive(graph: Network, tensor: string, step: number): boolean {
  const written = graph.operations.findIndex((operation) => outputsOf(operation).includes(tensor));
  if (step < written) return false;
  if (step === written) return true;
  return (
    graph.outputs.includes(tensor) ||
    graph.operations.slice(step).some((operation) => inputsOf(operation).includes(tensor))
  );
}

function expectNoClash(graph: Network, bytesOf: (tensor: string) => number): void {
  const { sizes, bufferOf } = assignBuffers(graph, bytesOf);
  const tensors = [graph.input, ...graph.operations.flatMap(outputsOf)];
  expect([...bufferOf.keys()].sort()).toEqual([...tensors].sort());
  for (const tensor of tensors) expect(sizes[bufferOf.get(tensor)!]).toBeGreaterThanOrEqual(bytesOf(tensor));
  for (let step = -1; step <= graph.operations.length; step++) {
    const alive = tensors.filter((tensor) => isAlive(graph, tensor, step));
    expect(new Set(alive.map((tensor) => bufferOf.get(tensor))).size).toBe(alive.length);
  }
}

/** A chain of operations that read up to three earlier tensors. */
function randomGraph(seed: number): { graph: Network; bytesOf: (tensor: string) => number } {
  const next = random(seed);
  const tensors = ['image'];
  const bytes = new Map([['image', 64]]);
  const operations: Operation[] = [];
  for (let i = 0; i < 20; i++) {
    const inputs = Array.from(
      { length: 1 + Math.floor(next() * 3) },
      () => tensors[Math.floor(next() * tensors.length)],
    );
    const output = `t${i}`;
    operations.push({ op: 'upsampleConcat', name: output, output, inputs, scales: inputs.map(() => 1) });
    tensors.push(output);
    bytes.set(output, 4 * Math.ceil(next() * 100));
  }
  const outputs = tensors.slice(1).filter(() => next() < 0.15);
  return { graph: { input: 'image', operations, outputs }, bytesOf: (tensor) => bytes.get(tensor)! };
}

const total = (sizes: readonly number[]) => sizes.reduce((sum, size) => sum + size, 0);

describe('assignBuffers', () => {
  it('never gives one buffer to two tensors that live at the same time', () => {
    for (const thresholdHead of [true, false]) {
      for (const graph of [fullGraph(thresholdHead), fuse(fullGraph(thresholdHead))]) {
        const { tensors } = planOf(graph, { width: 96, height: 64 });
        expectNoClash(graph, (tensor) => tensors.get(tensor)!.bytes);
      }
    }
    for (let seed = 1; seed <= 40; seed++) {
      const { graph, bytesOf } = randomGraph(seed);
      expectNoClash(graph, bytesOf);
    }
  });

  it('uses the buffer of a dead tensor again', () => {
    const chain: Network = {
      input: 'a',
      operations: ['b', 'c', 'd', 'e'].map((output, i) => ({
        op: 'maxPool',
        name: output,
        output,
        input: 'abcd'[i],
        ...{ kernel: 1, stride: 1, padding: { top: 0, left: 0, bottom: 0, right: 0 } },
      })),
      outputs: ['e'],
    };
    const { sizes, bufferOf } = assignBuffers(chain, () => 16);
    expect(sizes).toEqual([16, 16]);
    expect(bufferOf.get('a')).toBe(bufferOf.get('c'));
    expect(bufferOf.get('a')).not.toBe(bufferOf.get('b'));
  });

  it('keeps outputs to the end, however early they are written', () => {
    const graph = fullGraph(true);
    const { tensors } = planOf({ ...graph, outputs: [...graph.outputs, 'C2'] }, { width: 64, height: 64 });
    const { buffer } = tensors.get('C2')!;
    const written = graph.operations.findIndex((operation) => outputsOf(operation).includes('C2'));
    const later = graph.operations.slice(written + 1).flatMap(outputsOf);
    expect(later.filter((tensor) => tensors.get(tensor)!.buffer === buffer)).toEqual([]);
  });

  it('needs at most 80 MB at 640x640 for P, T and B, and at most 60 MB fused', () => {
    const size = { width: 640, height: 640 };
    const unfused = total(planOf(fullGraph(true), size).bufferSizes);
    const fused = total(planOf(fuse(fullGraph(true)), size).bufferSizes);
    expect(unfused).toBeLessThanOrEqual(80e6);
    expect(fused).toBeLessThanOrEqual(60e6);
    expect(total(planOf(fuse(fullGraph(true)), size, { precision: 'f16' }).bufferSizes)).toBeLessThan(fused);
  });

  it('needs for any 20 sizes, wide or tall, what the largest of them needs', () => {
    const next = random(3);
    const side = () => 32 * (1 + Math.floor(next() * 30));
    const sizes = Array.from({ length: 20 }, () => ({ width: side(), height: side() }));
    const graphs: [string, Graph][] = [
      ['ResNet, P alone', fuse(fullGraph(false))],
      ['ResNet, all maps', fuse(fullGraph(true))],
      ['Winograd', fuse(fullGraph(true), undefined, winogradSize)],
      ['PP-OCRv4', fuse(foldBatchNorm(withRandomParameters(ppOcrV4(), 1)))],
      ['PP-OCRv6', fuse(foldBatchNorm(withRandomParameters(ppOcrV6(), 1)))],
    ];
    for (const [name, graph] of graphs) {
      const plans = sizes.map((size) => planOf(graph, size).bufferSizes);
      const most = plans[0].map((_, i) => Math.max(...plans.map((sizes) => sizes[i])));
      expect(total(most), name).toBe(Math.max(...plans.map(total)));
    }
  });
});
