/**
 * @file The network as both peers' formats need it: primitive steps, and parameters in PyTorch's layouts.
 * Batch norm is folded into the convolutions, which is what ONNX Runtime's optimiser would do as well.
 */

import { readRecipe } from '../../src/detector/recipe.ts';
import type { InputRecipe } from '../../src/detector/types.ts';
import { readCheckpoint } from '../../src/graph/checkpoint.ts';
import { foldBatchNorm } from '../../src/graph/fold-batch-norm.ts';
import type { DbHeadLayer, Graph, Layer } from '../../src/graph/layers.ts';
import { parseSafetensors } from '../../src/safetensors/parse.ts';

/** One operation on named tensors. `weight` and `bias` name parameters. */
export type Step =
  | {
      op: 'conv';
      input: string;
      output: string;
      weight: string;
      bias?: string;
      kernel: number;
      stride: number;
      padding: number;
      relu: boolean;
    }
  /** 2x2, stride 2. */
  | { op: 'convTranspose'; input: string; output: string; weight: string; bias: string; relu: boolean }
  /** 3x3, stride 2, padding 1. */
  | { op: 'maxPool'; input: string; output: string }
  /** Nearest neighbour. */
  | { op: 'upsample'; input: string; output: string; factor: number }
  | { op: 'add'; inputs: readonly [string, string]; output: string; relu: boolean }
  /** Along the channels. */
  | { op: 'concat'; inputs: readonly string[]; output: string }
  | { op: 'sigmoid'; input: string; output: string }
  /** 1 / (1 + exp(-k (P - T))), paper eq. 2. */
  | { op: 'binarize'; probability: string; threshold: string; output: string; k: number };

/** `[out, in, kernel, kernel]` of a convolution, `[in, out, 2, 2]` of a transposed one, `[out]` of a bias. */
export interface Parameter {
  shape: readonly number[];
  data: Float32Array;
}

export interface Network {
  /** Three channels, normalised. */
  input: string;
  /** `P`, `T`, `B`. */
  outputs: readonly string[];
  steps: readonly Step[];
  parameters: ReadonlyMap<string, Parameter>;
}

/**
 * Reads a weights file with the project's own reader.
 * @throws DBNetError as `TextDetector.create()`; Error if the file has no threshold head.
 */
export function readNetwork(bytes: Uint8Array): { network: Network; recipe: InputRecipe } {
  const file = parseSafetensors(bytes);
  const checkpoint = readCheckpoint(file);
  if (!checkpoint.hasThresholdHead) {
    throw new Error('the comparison needs P, T and B: expected weights with both heads, found P alone');
  }
  const recipe = readRecipe(file.metadata);
  const graph = foldBatchNorm(checkpoint.entries({ thresholdHead: true }), checkpoint.source, recipe.k);
  return { network: lowerGraph(graph), recipe: recipe.input };
}

/** Splits the unfused graph into primitive steps. @throws Error for layers that fusions have made. */
export function lowerGraph(graph: Graph): Network {
  const steps: Step[] = [];
  const parameters = new Map<string, Parameter>();
  const channels = new Map([[graph.input, 3]]);
  const parameter = (name: string, shape: readonly number[], data: ArrayLike<number>): string => {
    parameters.set(name, { shape, data: Float32Array.from(data) });
    return name;
  };
  const upsampled = (input: string, factor: number, target: string): string => {
    if (factor === 1) return input;
    const output = `${target}.${input}.upsampled`;
    steps.push({ op: 'upsample', input, output, factor });
    return output;
  };

  const lowerConv = (layer: Layer & { op: 'conv2d' }) => {
    const [source] = layer.sources;
    const [residual] = layer.residuals;
    const fused =
      layer.sources.length !== 1 ||
      layer.residuals.length > 1 ||
      layer.upsampledBy !== undefined ||
      (residual !== undefined && residual.kind !== 'same');
    if (fused) throw new Error(`the peers take the unfused graph, found a fused layer '${layer.name}'`);
    const { weights, bias } = layer.parameters();
    const inChannels = channels.get(source.tensor)!;
    const shape = [layer.outChannels, inChannels, source.kernel, source.kernel];
    const output = residual ? `${layer.output}.sum` : layer.output;
    steps.push({
      op: 'conv',
      input: source.tensor,
      output,
      weight: parameter(`${layer.name}.weight`, shape, weights[0]),
      bias: bias && parameter(`${layer.name}.bias`, [layer.outChannels], bias),
      kernel: source.kernel,
      stride: source.stride,
      padding: source.padding,
      relu: layer.relu && !residual,
    });
    if (residual) {
      steps.push({ op: 'add', inputs: [output, residual.tensor], output: layer.output, relu: layer.relu });
    }
    channels.set(layer.output, layer.outChannels);
  };

  const lowerHead = (layer: DbHeadLayer) => {
    const { channels: hidden } = layer;
    for (const [i, { up1, bias1, up2, bias2 }] of layer.parameters().entries()) {
      const name = layer.outputs[i];
      const up = (
        index: number,
        input: string,
        outChannels: number,
        w: ArrayLike<number>,
        b: ArrayLike<number>,
      ) =>
        steps.push({
          op: 'convTranspose',
          input,
          output: `${name}.up${index}`,
          weight: parameter(`${name}.up${index}.weight`, [hidden, outChannels, 2, 2], w),
          bias: parameter(`${name}.up${index}.bias`, [outChannels], b),
          relu: index === 1,
        });
      up(1, layer.features[i], hidden, up1, bias1);
      up(2, `${name}.up1`, 1, up2, bias2);
      steps.push({ op: 'sigmoid', input: `${name}.up2`, output: name });
    }
    const [probability, threshold, output] = layer.outputs;
    if (output) steps.push({ op: 'binarize', probability, threshold, output, k: layer.k });
  };

  for (const layer of graph.layers) {
    switch (layer.op) {
      case 'conv2d':
        lowerConv(layer);
        break;
      case 'maxPool':
        steps.push({ op: 'maxPool', input: layer.input, output: layer.output });
        channels.set(layer.output, channels.get(layer.input)!);
        break;
      case 'upsampleAdd':
        steps.push({
          op: 'add',
          inputs: [layer.lateral, upsampled(layer.top, 2, layer.output)],
          output: layer.output,
          relu: false,
        });
        channels.set(layer.output, channels.get(layer.lateral)!);
        break;
      case 'upsampleConcat':
        steps.push({
          op: 'concat',
          inputs: layer.inputs.map((input, i) => upsampled(input, layer.scales[i], layer.output)),
          output: layer.output,
        });
        channels.set(
          layer.output,
          layer.inputs.reduce((sum, input) => sum + channels.get(input)!, 0),
        );
        break;
      case 'dbHead':
        lowerHead(layer);
        break;
      default:
        throw new Error(`the peers take the unfused graph, found a layer of kind '${layer.op}'`);
    }
  }
  return { input: graph.input, outputs: graph.outputs, steps, parameters };
}
