/**
 * @file What publishers say of a network's input and thresholds, which no ONNX file holds: told by the network's
 * operations.
 */

import type { Network } from '../graph/graph.ts';
import type { Size } from '../size.ts';

/** Metadata as a safetensors file of ours has it. */
type Metadata = Record<'architecture' | 'input' | 'postprocess', string>;

/** @param fixed the only size of which the file says that it runs at, if it says so. */
export function metadataOf({ operations }: Network, fixed: Size | undefined): Metadata {
  const convolutions = operations.filter(
    (operation) => operation.op === 'conv2d' || operation.op === 'depthwiseConv2d',
  );
  const has = (activation: string) => convolutions.some((conv) => conv.activation === activation);
  const blocks = convolutions.filter(
    (conv) => conv.op === 'conv2d' && conv.residuals.length > 0 && conv.activation === 'relu',
  ).length;
  if (has('gelu'))
    return written(
      'db-pp-lcnetv4',
      ppOcr('short', 736, { threshold: 0.2, boxThreshold: 0.45, unclipRatio: 1.4, maxCandidates: 3000 }),
    );
  const isMobile = has('hardswish') || operations.some(({ op }) => op === 'channelGate');
  if (isMobile) {
    const isLcNet = convolutions.some((conv) => conv.activation === 'hardswish' && conv.affine);
    return written(
      isLcNet ? 'db-pp-lcnetv3' : 'db-mobile',
      ppOcr('long', 960, {
        threshold: 0.3,
        boxThreshold: 0.6,
        unclipRatio: 1.5,
        maxCandidates: 1000,
      }),
    );
  }
  const { width, height } = fixed ?? { width: 736, height: 736 };
  return written(resNets[blocks] ?? 'db', {
    input: {
      // OpenCV's, and the authors': a mean in the order R, G, B for pixels in the order B, G, R.
      channelOrder: 'bgr',
      mean: [122.67891434, 116.66876762, 104.00698793],
      std: [255, 255, 255],
      size: { rule: 'fixed', width, height },
    },
    postprocess: { threshold: 0.3, boxThreshold: 0.5, unclipRatio: 2, maxCandidates: 200 },
  });
}

/** ResNets by their number of residual blocks. */
const resNets: Readonly<Record<number, string>> = { 8: 'db-resnet18', 16: 'db-resnet50' };

/** PaddleOCR's: ImageNet's mean and deviation in their usual order, but for pixels in the order B, G, R. */
const ppOcr = (side: 'long' | 'short', value: number, postprocess: object) => ({
  input: {
    channelOrder: 'bgr',
    mean: [0.485, 0.456, 0.406].map((mean) => 255 * mean),
    std: [0.229, 0.224, 0.225].map((std) => 255 * std),
    size: { rule: 'limit', side, value, longest: 4000, multipleOf: 32 },
  },
  postprocess: { ...postprocess, minSize: 3 },
});

const written = (architecture: string, recipe: { input: object; postprocess: object }): Metadata => ({
  architecture,
  input: JSON.stringify(recipe.input),
  postprocess: JSON.stringify(recipe.postprocess),
});
