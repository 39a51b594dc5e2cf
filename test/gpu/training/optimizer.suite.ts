/** @file Optimizers, clipping and moving averages against plain loops in f64 over several steps; what is not finite changes nothing. */

import { openDevice } from '../../../src/gpu/device.ts';
import { f32, type Kernel, type UniformValues } from '../../../src/kernels/kernel.ts';
import { partCount } from '../../../src/kernels/train/db-loss.ts';
import { gradientVerdict, normSlices, sumOfSquares } from '../../../src/kernels/train/gradient-norm.ts';
import {
  adamWStep,
  adamWUniforms,
  copyIfFinite,
  movingAverage,
  sgdStep,
  sgdUniforms,
} from '../../../src/kernels/train/optimizer-step.ts';
import { assertClose, randomFloats } from '../assert.ts';
import { runKernel } from '../run-kernel.ts';
import type { GpuTest } from '../suite.ts';

/** Not a multiple of a workgroup. */
const count = 4 * 77;

/** The verdict on a gradient that is taken as it is, or scaled, or not at all. */
const verdict = (scale: number, finite = 1) => Float32Array.of(1, scale, finite, 0);

/** The kernel with other values in its uniform. */
const withShape = (kernel: Kernel, shape: UniformValues): Kernel => ({
  ...kernel,
  shape: { ...kernel.shape, ...shape },
});

const sgd: GpuTest = {
  name: 'SGD with momentum, weight decay and clipping',
  async run({ device }) {
    const context = await openDevice({ device });
    const options = { momentum: 0.9, weightDecay: 0.01 };
    let parameters = randomFloats(count, 1);
    let momenta = new Float32Array(count);
    const expected = Float64Array.from(parameters);
    const moments = new Float64Array(count);
    for (let step = 0; step < 3; step++) {
      const gradients = randomFloats(count, 2 + step);
      const rate = Math.fround(0.1 / (step + 1));
      const kernel = withShape(sgdStep({ label: 'sgd', count }, options), sgdUniforms(rate));
      const result = await runKernel(context, kernel, {
        gradients,
        verdict: verdict(0.5),
        parameters,
        momenta,
      });
      [parameters, momenta] = [result.parameters, result.momenta];
      expected.forEach((p, i) => {
        moments[i] = 0.9 * moments[i] + (0.5 * gradients[i] + 0.01 * p);
        expected[i] = p - rate * moments[i];
      });
      assertClose(parameters, expected, 1e-6, `parameters after step ${step + 1}`);
      assertClose(momenta, moments, 1e-6, `momenta after step ${step + 1}`);
    }
  },
};

const adamW: GpuTest = {
  name: 'AdamW with weight decay and clipping',
  async run({ device }) {
    const context = await openDevice({ device });
    const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.05 };
    let parameters = randomFloats(count, 1);
    let first = new Float32Array(count);
    let second = new Float32Array(count);
    const expected = Float64Array.from(parameters);
    const m = new Float64Array(count);
    const v = new Float64Array(count);
    for (let step = 0; step < 3; step++) {
      const gradients = randomFloats(count, 2 + step);
      const [c1, c2] = [1 - 0.9 ** (step + 1), 1 - 0.999 ** (step + 1)];
      const kernel = withShape(
        adamWStep({ label: 'adamw', count }, options),
        adamWUniforms(0.01, options, step),
      );
      const result = await runKernel(context, kernel, {
        gradients,
        verdict: verdict(0.5),
        parameters,
        first_moments: first,
        second_moments: second,
      });
      [parameters, first, second] = [result.parameters, result.first_moments, result.second_moments];
      expected.forEach((p, i) => {
        const g = 0.5 * gradients[i];
        m[i] = 0.9 * m[i] + 0.1 * g;
        v[i] = 0.999 * v[i] + 0.001 * g * g;
        expected[i] = p - 0.01 * (0.05 * p + m[i] / c1 / (Math.sqrt(v[i] / c2) + 1e-8));
      });
      assertClose(parameters, expected, 1e-6, `parameters after step ${step + 1}`);
      assertClose(first, m, 1e-7, `first moments after step ${step + 1}`);
      assertClose(second, v, 1e-8, `second moments after step ${step + 1}`);
    }
  },
};

const averages: GpuTest = {
  name: 'moving averages',
  async run({ device }) {
    const context = await openDevice({ device });
    const source = randomFloats(count, 5);
    const average = randomFloats(count, 6);
    const kernel = movingAverage({ label: 'average', count, rate: 0.1 });
    const result = await runKernel(context, kernel, { source, average, verdict: verdict(1) });
    const expected = average.map((value, i) => 0.9 * value + 0.1 * source[i]);
    assertClose(result.average, expected, 1e-6, 'average');
  },
};

const notFinite: GpuTest = {
  name: 'a step that is not finite changes nothing',
  async run({ device }) {
    const context = await openDevice({ device });
    const gradients = new Float32Array(count).fill(Number.NaN);
    const given = {
      parameters: randomFloats(count, 1),
      momenta: randomFloats(count, 2),
      first_moments: randomFloats(count, 3),
      second_moments: randomFloats(count, 4),
      average: randomFloats(count, 5),
      output: randomFloats(count, 6),
    };
    const shape = { label: 'not finite', count };
    const kernels = [
      withShape(sgdStep(shape, { momentum: 0.9, weightDecay: 0 }), { learning_rate: f32(1) }),
      withShape(adamWStep(shape, { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 }), {
        learning_rate: f32(1),
      }),
      movingAverage({ ...shape, rate: 1 }),
      copyIfFinite(shape),
    ];
    for (const kernel of kernels) {
      const inputs = { gradients, source: gradients, verdict: verdict(1, 0), ...given };
      const result = await runKernel(context, kernel, inputs);
      for (const [name, values] of Object.entries(result)) {
        assertClose(values, given[name as keyof typeof given], 0, name);
      }
    }
  },
};

const norms: GpuTest = {
  name: 'the norm of the gradient, the factor that clips it, and what is not finite',
  async run({ device }) {
    const context = await openDevice({ device });
    // More than one slice, and one that no slice divides.
    for (const count of [4, 4 * 1001]) {
      const source = randomFloats(count, 8);
      const norm = Math.sqrt(source.reduce((sum, value) => sum + value * value, 0));
      const judge = async (gradient: Float32Array<ArrayBuffer>, loss: number, maxNorm: number) => {
        const slices = await runKernel(context, sumOfSquares({ label: 'norm', count }), { source: gradient });
        const parts = new Float32Array(partCount);
        parts[0] = loss;
        const kernel = gradientVerdict({ label: 'verdict', count, maxNorm });
        return (await runKernel(context, kernel, { source: slices.output, parts })).output;
      };
      assertClose(await judge(source, 1, 0), [norm, 1, 1, 0], 1e-4, 'no clipping');
      assertClose(await judge(source, 1, 2 * norm), [norm, 1, 1, 0], 1e-4, 'below the bound');
      assertClose(await judge(source, 1, norm / 4), [norm, 0.25, 1, 0], 1e-4, 'clipped');
      assertClose([(await judge(source, Number.NaN, 0))[2]], [0], 0, 'loss NaN');
      assertClose([(await judge(source, Number.POSITIVE_INFINITY, 0))[2]], [0], 0, 'loss infinite');
      const broken = source.slice();
      broken[count - 1] = Number.NaN;
      assertClose([(await judge(broken, 1, 1))[2]], [0], 0, 'gradient NaN');
      broken[count - 1] = 1e30;
      assertClose([(await judge(broken, 1, 1))[2]], [0], 0, 'gradient too large');
      assertClose([normSlices(count)], [Math.min(256, Math.ceil(count / 256))], 0, 'slices');
    }
  },
};

const tests: GpuTest[] = [sgd, adamW, averages, notFinite, norms];

export default tests;
