/** @file The page of TensorFlow.js with its WebGPU backend, NHWC. */

import type { Step } from '../network.ts';
import type { TfjsModel } from '../tfjs-model.ts';
import { describeAdapter, expose, normalize } from './harness.ts';

interface Tensor {
  shape: number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** The part of TensorFlow.js' interface that is used here. */
interface Tf {
  setBackend(name: string): Promise<boolean>;
  ready(): Promise<void>;
  backend(): { device: GPUDevice };
  tensor(values: Float32Array, shape: readonly number[]): Tensor;
  tidy<T>(work: () => T): T;
  fused: {
    conv2d(options: {
      x: Tensor;
      filter: Tensor;
      strides: number;
      pad: number;
      bias?: Tensor;
      activation: 'relu' | 'linear';
    }): Tensor;
  };
  conv2dTranspose(x: Tensor, filter: Tensor, shape: readonly number[], strides: number, pad: 'valid'): Tensor;
  maxPool(x: Tensor, size: number, strides: number, pad: number): Tensor;
  image: { resizeNearestNeighbor(x: Tensor, size: [number, number]): Tensor };
  add(a: Tensor, b: Tensor): Tensor;
  sub(a: Tensor, b: Tensor): Tensor;
  mul(a: Tensor, b: number): Tensor;
  concat(tensors: Tensor[], axis: number): Tensor;
  relu(x: Tensor): Tensor;
  sigmoid(x: Tensor): Tensor;
}

const code: string = '/code/tfjs/tfjs.js';
let tf: Tf;
let model: TfjsModel;
let parameters: Map<string, Tensor>;
let input: Float32Array;
/** For each step the tensors that no later one reads: TensorFlow.js' own graph executor frees them then, too. */
let released: string[][];

function stepInputs(step: Step): readonly string[] {
  if ('inputs' in step) return step.inputs;
  return step.op === 'binarize' ? [step.probability, step.threshold] : [step.input];
}

function lastUses({ steps, outputs }: TfjsModel): string[][] {
  const last = new Map<string, number>();
  for (const [i, step] of steps.entries()) for (const name of stepInputs(step)) last.set(name, i);
  for (const name of outputs) last.delete(name);
  return steps.map((_, i) => [...last].filter(([, step]) => step === i).map(([name]) => name));
}

function compute(step: Step, tensors: ReadonlyMap<string, Tensor>): Tensor {
  const get = (name: string) => tensors.get(name)!;
  const parameter = (name: string) => parameters.get(name)!;
  switch (step.op) {
    case 'conv':
      return tf.fused.conv2d({
        x: get(step.input),
        filter: parameter(step.weight),
        strides: step.stride,
        pad: step.padding,
        bias: step.bias === undefined ? undefined : parameter(step.bias),
        activation: step.relu ? 'relu' : 'linear',
      });
    case 'convTranspose': {
      const x = get(step.input);
      const filter = parameter(step.weight);
      const shape = [1, x.shape[1] * 2, x.shape[2] * 2, filter.shape[2]];
      const sum = tf.add(tf.conv2dTranspose(x, filter, shape, 2, 'valid'), parameter(step.bias));
      return step.relu ? tf.relu(sum) : sum;
    }
    case 'maxPool':
      return tf.maxPool(get(step.input), 3, 2, 1);
    case 'upsample': {
      const x = get(step.input);
      return tf.image.resizeNearestNeighbor(x, [x.shape[1] * step.factor, x.shape[2] * step.factor]);
    }
    case 'add': {
      const sum = tf.add(get(step.inputs[0]), get(step.inputs[1]));
      return step.relu ? tf.relu(sum) : sum;
    }
    case 'concat':
      return tf.concat(step.inputs.map(get), 3);
    case 'sigmoid':
      return tf.sigmoid(get(step.input));
    case 'binarize':
      return tf.sigmoid(tf.mul(tf.sub(get(step.probability), get(step.threshold)), step.k));
  }
}

expose({
  async load() {
    tf = await import(code);
  },
  async create() {
    // It also returns false, and then computes on another backend.
    if (!(await tf.setBackend('webgpu'))) throw new Error("setBackend('webgpu') was refused");
    await tf.ready();
    const [description, bytes] = await Promise.all(
      ['/weights/db-resnet18.tfjs.json', '/weights/db-resnet18.tfjs.bin'].map((url) => fetch(url)),
    );
    model = await description.json();
    released = lastUses(model);
    const floats = new Float32Array(await bytes.arrayBuffer());
    parameters = new Map(
      Object.entries(model.parameters).map(([name, { shape, offset }]) => {
        const size = shape.reduce((product, side) => product * side, 1);
        return [name, tf.tensor(floats.subarray(offset, offset + size), shape)];
      }),
    );
    return { adapter: describeAdapter(tf.backend().device.adapterInfo) };
  },
  prepare(pixels, setup) {
    input = normalize(pixels, setup, 'NHWC');
  },
  async run(_pixels, { width, height }) {
    const tensors = new Map([[model.input, tf.tensor(input, [1, height, width, 3])]]);
    for (const [i, step] of model.steps.entries()) {
      const output = tf.tidy(() => compute(step, tensors));
      tensors.set(step.output, output);
      for (const name of released[i]) tensors.get(name)!.dispose();
    }
    const outputs = model.outputs.map((name) => tensors.get(name)!);
    const [P, T, B] = await Promise.all(outputs.map((tensor) => tensor.data()));
    for (const tensor of outputs) tensor.dispose();
    return { P, T, B };
  },
});
