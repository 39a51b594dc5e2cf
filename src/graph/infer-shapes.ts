/** @file Sizes of all tensors of a network for a given size of the image. */

import type { Size } from '../size.ts';
import { kindOf, type Network, outputsOf } from './graph.ts';
import type { TensorShape } from './operation.ts';

/** Shape of every tensor by name. `height` and `width` are multiples of 32. */
export function inferShapes(network: Network, size: Size): Map<string, TensorShape> {
  const shapes = new Map<string, TensorShape>();
  const shapeOf = (tensor: string): TensorShape => {
    const shape = shapes.get(tensor);
    if (!shape) throw new Error(`the network reads '${tensor}' before any operation writes it`);
    return shape;
  };
  shapes.set(network.input, { ...size, channels: 3, planes: 1 });
  for (const operation of network.operations) {
    const written = kindOf(operation).shapes(operation, shapeOf);
    outputsOf(operation).forEach((tensor, i) => {
      shapes.set(tensor, written[i]);
    });
  }
  return shapes;
}
