/**
 * @file Liveness: which tensors can share a buffer. A tensor lives from the operation that writes it to the last that
 * reads it; two tensors share a buffer if their lives do not touch. WebGPU forbids reading and writing one buffer
 * in one dispatch even on disjoint ranges, so a buffer holds one tensor at a time.
 */

import { inputsOf, type Network, outputsOf } from './graph.ts';

export interface BufferAssignment {
  /** Bytes of each buffer. */
  sizes: number[];
  /** Index of each tensor's buffer. */
  bufferOf: Map<string, number>;
}

/**
 * Assigns tensors to buffers, the largest first, each to the first buffer that is free for its whole life.
 * The input lives from the start, outputs to the end, and so do those that are `kept` to be looked at.
 */
export function assignBuffers(
  { input, operations, outputs }: Network,
  bytesOf: (tensor: string) => number,
  kept: readonly string[] = [],
): BufferAssignment {
  const lives = new Map<string, Life>([[input, { from: -1, to: -1 }]]);
  operations.forEach((operation, index) => {
    for (const tensor of outputsOf(operation)) lives.set(tensor, { from: index, to: index });
    for (const tensor of inputsOf(operation)) lives.get(tensor)!.to = index;
  });
  for (const tensor of [...outputs, ...kept]) lives.get(tensor)!.to = operations.length;
  return packLives(lives, bytesOf);
}

/** From the step that first touches a tensor to the last one. */
export interface Life {
  from: number;
  to: number;
}

/** Gives tensors whose lives do not touch the same buffer, the largest first. */
export function packLives(
  lives: ReadonlyMap<string, Life>,
  bytesOf: (tensor: string) => number,
): BufferAssignment {
  const sizes: number[] = [];
  const tenants: Life[][] = [];
  const bufferOf = new Map<string, number>();
  const bySize = [...lives].sort(([a], [b]) => bytesOf(b) - bytesOf(a));
  for (const [tensor, life] of bySize) {
    const free = tenants.findIndex((lodgers) => lodgers.every((l) => l.to < life.from || life.to < l.from));
    const buffer = free === -1 ? tenants.push([]) - 1 : free;
    tenants[buffer].push(life);
    sizes[buffer] = Math.max(sizes[buffer] ?? 0, bytesOf(tensor));
    bufferOf.set(tensor, buffer);
  }
  return { sizes, bufferOf };
}
