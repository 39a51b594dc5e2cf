/** @file A whole training step against PyTorch (f64): loss, the gradient of every parameter, and what the update leaves. */

import { openDevice } from '../../../src/gpu/device.ts';
import { chooseTile } from '../../../src/graph/choose-kernels.ts';
import { steepnessOf } from '../../../src/graph/graph.ts';
import { readRecipe } from '../../../src/input/recipe.ts';
import { gemmOf } from '../../../src/kernels/convolution.ts';
import { parts } from '../../../src/kernels/train/db-loss.ts';
import { readCheckpoint } from '../../../src/models/checkpoint.ts';
import { parseSafetensors } from '../../../src/safetensors/index.ts';
import { resolveLoss } from '../../../src/train/loss.ts';
import { resolveOptimizer } from '../../../src/train/optimizer.ts';
import { resources } from '../../../src/train/plan/resources.ts';
import { trainingOutputs, trainingPlan } from '../../../src/train/plan/training-plan.ts';
import { TrainingArrays } from '../../../src/train/training-arrays.ts';
import { assert, assertClose } from '../assert.ts';
import type { GpuTest } from '../suite.ts';
import { assertGradient } from './assert-gradient.ts';
import { runPlan } from './run-plan.ts';

/** Relative, in norm. */
const tolerance = 1e-3;

/**
 * Biases before a batch norm with batch statistics: shifted away, their gradients are 0 but for rounding (1e-17 in
 * PyTorch's f64, 1e-9 here).
 */
const withoutEffect = /\.(binarize|thresh)\.3\.bias$/;

const pytorch: GpuTest = {
  name: 'a step agrees with PyTorch: loss, logits, the gradients of all parameters',
  async run({ device, fixture }) {
    const context = await openDevice({ device });
    const [file, weights] = await Promise.all(
      ['train.safetensors', 'weights/db-resnet18.safetensors'].map(async (name) =>
        parseSafetensors(await fixture(name)),
      ),
    );
    const { graph } = readCheckpoint(weights);
    const recipe = readRecipe(weights.metadata);
    // As the fixture was made: the last layers near 0, so that the loss is not saturated.
    const parameters = (name: string) => {
      const values = Float32Array.from(graph.parameters(name));
      if (/\.6\.weight$/.test(name)) return values.map((value) => value * 0.01);
      return /\.6\.bias$/.test(name) ? values.map(() => 0) : values;
    };
    const optimizer = resolveOptimizer({ kind: 'sgd', learningRate: 0 });
    const arrays = await TrainingArrays.create(context, { ...graph, parameters }, optimizer);
    const [batch, height, width] = file.tensors.get('images')!.shape;
    const pixels = batch * height * width;
    const plan = trainingPlan(graph, {
      batch,
      height,
      width,
      batchNorm: 'batch',
      // Few threads are asked for, so that some gradients are sliced and some are not.
      choice: { tile: (conv) => chooseTile(gemmOf(conv), context), threads: 512 },
      input: recipe.input,
      loss: resolveLoss('authors', steepnessOf(graph)),
      optimizer,
      counts: {
        parameters: arrays.layouts.parameters.count,
        statistics: arrays.layouts.statistics.count,
      },
    });
    const rgb = file.bytes('images');
    const rgba = Uint8Array.from({ length: 4 * pixels }, (_, i) =>
      i % 4 === 3 ? 255 : rgb[Math.floor(i / 4) * 3 + (i % 4)],
    );
    const targets = new Float32Array(4 * pixels);
    ['probability', 'probabilityMask', 'threshold', 'thresholdMask'].forEach((name, i) => {
      targets.set(file.float32(name), i * pixels);
    });
    const { loss, logits } = trainingOutputs;
    const result = await runPlan(
      context,
      plan,
      new Map<string, ArrayBufferView<ArrayBuffer> | GPUBuffer | GPUBufferBinding>([
        ...arrays.externals(),
        [resources.pixels, rgba],
        [resources.targets, targets],
      ]),
      [loss, logits],
    );
    const stated = JSON.parse(file.metadata.loss);
    for (const [part, name] of [
      ['total', 'total'],
      ['probability', 'bce'],
      ['binary', 'dice'],
      ['threshold', 'l1'],
    ] as const) {
      assertClose([result[loss][parts[part]]], [stated[name]], 1e-5 * stated[name], name);
    }
    assertGradient(result[logits].subarray(0, pixels), file.float32('Plogit'), 1e-4, 'logits of P');
    assertGradient(result[logits].subarray(pixels), file.float32('Tlogit'), 1e-4, 'logits of T');

    const gradients = await arrays.read('gradients');
    const norms: Record<string, number> = JSON.parse(file.metadata.gradNorm);
    assert(Object.keys(norms).length === gradients.size, `${gradients.size} parameters have gradients`);
    for (const [name, expected] of Object.entries(norms)) {
      const { data } = gradients.get(name)!;
      const norm = Math.sqrt(data.reduce((sum, value) => sum + value * value, 0));
      const allowed = withoutEffect.test(name) ? 1e-6 : tolerance * expected;
      assertClose([norm], [expected], allowed, `norm of the gradient of ${name}`);
    }
    for (const tensor of file.tensors.keys()) {
      const name = tensor.replace(/^grad\./, '');
      if (name === tensor || withoutEffect.test(name)) continue;
      assertGradient(gradients.get(name)!.data, file.float32(tensor), tolerance, `gradient of ${name}`);
    }
    // With a learning rate of 0 the parameters stay, bit for bit, through packing and unpacking.
    for (const [name, { data }] of await arrays.read('parameters')) {
      assertClose(data, parameters(name), 0, name);
    }
    arrays.destroy();
  },
};

const tests: GpuTest[] = [pytorch];

export default tests;
