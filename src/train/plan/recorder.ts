/**
 * @file Writes a training step down: kernels in order, the tensors between them, and the gradients on the way back.
 * Layers are recorded forwards; each leaves behind what is to be done on the way back, and `backward` does it in
 * reverse. The result is a plan as of the graph: plain data.
 */

import { packLives } from '../../graph/assign-buffers.ts';
import type { PlanStep } from '../../graph/operation.ts';
import type { Plan } from '../../graph/plan.ts';
import type { Kernel } from '../../kernels/kernel.ts';

export class Recorder {
  readonly #steps: PlanStep[] = [];
  /** Elements of each tensor, f32. */
  readonly #counts = new Map<string, number>();
  readonly #backward: (() => void)[] = [];
  /** The tensor that holds the gradient of each tensor as far as it is known. */
  readonly #gradients = new Map<string, string>();

  /** Declares a tensor of `count` elements. */
  tensor(name: string, count: number): string {
    if (this.#counts.has(name)) throw new Error(`the tensor '${name}' was declared before`);
    this.#counts.set(name, count);
    return name;
  }

  /** Number of elements of a tensor. */
  count(tensor: string): number {
    const count = this.#counts.get(tensor);
    if (count === undefined) throw new Error(`there is no tensor '${tensor}'`);
    return count;
  }

  /** Steps so far. */
  get length(): number {
    return this.#steps.length;
  }

  /** Adds a kernel. A resource that was not declared as a tensor is what the caller binds. */
  step(kernel: Kernel, resources: readonly string[]): void {
    if (resources.length !== kernel.bindings.length - 1) {
      throw new Error(`'${kernel.label}' has ${kernel.bindings.length - 1} bindings, given ${resources}`);
    }
    this.#steps.push({
      kernel,
      resources: resources.map((name) => ({ kind: this.#counts.has(name) ? 'tensor' : 'external', name })),
    });
  }

  /** Says what is to be done on the way back for the layer recorded last. */
  onBackward(work: () => void): void {
    this.#backward.push(work);
  }

  /** Records the way back. */
  backward(): void {
    for (const work of this.#backward.splice(0).reverse()) work();
  }

  /** The gradient of a tensor, complete once all that read it have been passed on the way back. */
  gradient(tensor: string): string {
    const gradient = this.#gradients.get(tensor);
    if (!gradient) throw new Error(`nothing gave '${tensor}' a gradient`);
    return gradient;
  }

  /** Takes a tensor as the gradient of another, which must have none yet. */
  setGradient(tensor: string, gradient: string): void {
    if (this.#gradients.has(tensor)) throw new Error(`'${tensor}' has a gradient already`);
    this.#gradients.set(tensor, gradient);
  }

  /**
   * Adds to the gradient of a tensor: `record` writes the sum of what it has to add and of `previous`, if there is
   * one, to the new tensor `output`, since no kernel can read and write one buffer.
   */
  addGradient(tensor: string, record: (output: string, previous: string | undefined) => void): void {
    const previous = this.#gradients.get(tensor);
    let name = `gradient of ${tensor}`;
    while (this.#counts.has(name)) name += "'";
    this.tensor(name, this.count(tensor));
    record(name, previous);
    this.#gradients.set(tensor, name);
  }

  /** The plan. The tensors `kept` live to the end, so that they can be read. */
  plan(kept: readonly string[]): Plan {
    const lives = new Map<string, { from: number; to: number }>();
    this.#steps.forEach(({ resources }, index) => {
      for (const { kind, name } of resources) {
        if (kind === 'tensor') lives.set(name, { from: lives.get(name)?.from ?? index, to: index });
      }
    });
    for (const name of kept) lives.set(name, { from: lives.get(name)!.from, to: this.#steps.length });
    const bytesOf = (tensor: string) => this.count(tensor) * 4;
    const { sizes, bufferOf } = packLives(lives, bytesOf);
    return {
      steps: this.#steps,
      constants: new Map(),
      bufferSizes: sizes,
      tensors: new Map(
        [...bufferOf].map(([name, buffer]) => [name, { buffer, bytes: bytesOf(name) }] as const),
      ),
    };
  }
}
