/** @file What an engine has on its device, whatever it computes: pipelines, constants, activations, readback. */

import { Arena } from './arena.ts';
import { ConstantStore } from './constants.ts';
import type { GpuContext } from './device.ts';
import { PipelineCache } from './pipelines.ts';
import type { Program } from './program.ts';
import { ReadbackPool } from './readback.ts';
import { SubmitSize } from './run.ts';

export class EngineDevice {
  readonly context: GpuContext;
  readonly pipelines: PipelineCache;
  readonly constants: ConstantStore;
  readonly arena: Arena;
  readonly readback: ReadbackPool;
  /** How much goes into one submit, as runs so far have shown. */
  readonly submitSize: SubmitSize;

  constructor(context: GpuContext) {
    this.context = context;
    this.pipelines = new PipelineCache(context);
    this.constants = new ConstantStore(context, this.pipelines);
    this.arena = new Arena(context);
    this.readback = new ReadbackPool(context);
    this.submitSize = new SubmitSize(context);
  }

  /** Frees what none of these programs needs. What they share is made anew when they run: as large as they need. */
  keepOnly(programs: Iterable<Program>): void {
    this.pipelines.keepOnly(new Set([...programs].flatMap(({ codes }) => codes)));
    this.arena.destroy();
    this.readback.trim();
  }

  /** Frees all buffers, and the device too if it was opened here. What is under way fails with `disposed`. */
  dispose(): void {
    this.arena.destroy();
    this.constants.destroy();
    this.readback.destroy();
    this.context.close();
  }
}
