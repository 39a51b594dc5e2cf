/** @file Random weights to start training from, by the rules of the authors' code. */

import { mismatch } from '../check.ts';
import { Random } from './augmentation/random.ts';

/**
 * Initial values for every parameter of a DB-ResNet-18, as the authors' `backbones/resnet.py` (which is
 * torchvision's) and `decoders/seg_detector.py` make them:
 *
 * - convolutions of the backbone: normal, variance 2 / fan_out (K. He et al. 2015);
 * - convolutions of the decoder: normal, variance 2 / fan_in. PyTorch takes the second dimension for "in" in
 *   transposed convolutions too, whose layout is `[in, out, k, k]`; so did the authors, and so it is here;
 * - biases of the transposed convolutions: PyTorch's default, uniform within 1 / sqrt(fan_in), with that same fan_in;
 * - batch norm: weight 1, bias 0 (backbone) or 1e-4 (decoder), running mean 0, running variance 1.
 *
 * The authors then load a backbone trained on ImageNet; that is not done here. Each tensor draws from a stream of its
 * own, so that its values depend on the seed, its name and its shape, not on the tensors beside it.
 *
 * @param shapes names and PyTorch shapes, as `parameterShapes()` gives them
 * @param seed a whole number from 0 to 2^53 - 1
 * @returns values in PyTorch's layouts, `[out, in, k, k]` and `[in, out, k, k]`
 * @throws DBNetError `invalid-argument` for a bad seed, and for a tensor that no rule is known for
 */
export function initialize(
  shapes: ReadonlyMap<string, readonly number[]>,
  seed: number,
): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const [name, shape] of shapes) {
    const random = new Random(seed, hashName(name));
    const draw = rule(name, shape, shapes, random);
    const size = shape.reduce((product, side) => product * side, 1);
    values.set(
      name,
      Float32Array.from({ length: size }, () => draw()),
    );
  }
  return values;
}

/** How the values of a tensor are drawn. */
function rule(
  name: string,
  shape: readonly number[],
  shapes: ReadonlyMap<string, readonly number[]>,
  random: Random,
): () => number {
  const backbone = name.startsWith('backbone.');
  if (backbone || name.startsWith('decoder.')) {
    if (name.endsWith('.running_mean')) return () => 0;
    if (name.endsWith('.running_var')) return () => 1;
    if (name.endsWith('.weight') && shape.length === 4) {
      const deviation = Math.sqrt(2 / (backbone ? shape[0] * shape[2] * shape[3] : fanIn(shape)));
      return () => deviation * random.normal();
    }
    if (name.endsWith('.weight') && shape.length === 1) return () => 1;
    if (name.endsWith('.bias') && shape.length === 1) {
      const weight = shapes.get(name.replace(/bias$/, 'weight'));
      if (weight?.length === 1) return () => (backbone ? 0 : 1e-4);
      if (weight?.length === 4) {
        const bound = 1 / Math.sqrt(fanIn(weight));
        return () => random.uniform(-bound, bound);
      }
    }
  }
  throw mismatch(
    'shapes',
    'parameters of a DB-ResNet-18 (see parameterShapes())',
    `${name} [${shape.join(', ')}]`,
  );
}

/** `fan_in` as PyTorch computes it, whatever the second dimension stands for. */
const fanIn = ([, second, height, width]: readonly number[]): number => second * height * width;

/** FNV-1a over the name's characters. */
function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
