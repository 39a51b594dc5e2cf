/**
 * @file The network as both peers' formats need it: primitive steps, and parameters in PyTorch's layouts.
 * Batch norm is folded into the convolutions, which is what ONNX Runtime's optimiser would do as well.
 */

import type { Graph } from '../../src/graph/graph.ts';
import type { Conv2dOperation } from '../../src/graph/operations/conv2d.ts';
import type { DbHeadOperation } from '../../src/graph/operations/db-head.ts';
import type { MaxPoolOperation } from '../../src/graph/operations/max-pool.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { isPadded } from '../../src/graph/passes/rewrite.ts';
import { readRecipe } from '../../src/input/recipe.ts';
import type { InputRecipe } from '../../src/input/types.ts';
import { readCheckpoint } from '../../src/models/checkpoint.ts';
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
  const recipe = readRecipe(file.metadata);
  const { graph } = readCheckpoint(file);
  if (graph.outputs.length < 3) {
    throw new Error('the comparison needs P, T and B: expected weights with both heads, found P alone');
  }
  return { network: lowerGraph(foldBatchNorm(graph)), recipe: recipe.input };
}

/**
 * Splits the unfused graph, batch norms folded, into primitive steps.
 * @throws Error for operations that fusions have made, or that the peers' formats are not written for here.
 */
export function lowerGraph({ input, outputs, operations, parameters: valuesOf }: Graph): Network {
  const steps: Step[] = [];
  const parameters = new Map<string, Parameter>();
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

  const lowerConv = (operation: Conv2dOperation) => {
    const { name, outChannels, bias, activation } = operation;
    const [{ tensor, weight, inChannels, kernel, stride, padding }] = operation.sources;
    const [residual] = operation.residuals;
    const isPlain =
      operation.sources.length === 1 &&
      operation.residuals.length <= 1 &&
      (residual === undefined || residual.kind === 'same') &&
      (activation === 'none' || activation === 'relu') &&
      !operation.affine &&
      Object.values(padding).every((side) => side === padding.top);
    if (!isPlain) throw unfit(name);
    const output = residual ? `${operation.output}.sum` : operation.output;
    const relu = activation === 'relu';
    steps.push({
      op: 'conv',
      input: tensor,
      output,
      weight: parameter(`${name}.weight`, [outChannels, inChannels, kernel, kernel], valuesOf(weight)),
      bias: bias && parameter(`${name}.bias`, [outChannels], valuesOf(bias)),
      kernel,
      stride,
      padding: padding.top,
      relu: relu && !residual,
    });
    if (residual) {
      steps.push({ op: 'add', inputs: [output, residual.tensor], output: operation.output, relu });
    }
  };

  const lowerPool = ({ name, input, output, kernel, stride, padding }: MaxPoolOperation) => {
    if (kernel !== 3 || stride !== 2 || !isPadded(padding, 1)) throw unfit(name);
    steps.push({ op: 'maxPool', input, output });
  };

  const lowerHead = ({ name: head, outputs, mask, features, heads, channels, k }: DbHeadOperation) => {
    if (features.length !== heads.length || mask !== undefined) throw unfit(head);
    for (const [i, { up1, up2 }] of heads.entries()) {
      const name = outputs[i];
      const up = (
        index: number,
        input: string,
        outChannels: number,
        { weight, bias }: { weight: string; bias?: string },
      ) =>
        steps.push({
          op: 'convTranspose',
          input,
          output: `${name}.up${index}`,
          weight: parameter(`${name}.up${index}.weight`, [channels, outChannels, 2, 2], valuesOf(weight)),
          bias: parameter(
            `${name}.up${index}.bias`,
            [outChannels],
            bias ? valuesOf(bias) : new Float32Array(outChannels),
          ),
          relu: index === 1,
        });
      up(1, features[i], channels, up1);
      up(2, `${name}.up1`, 1, up2);
      steps.push({ op: 'sigmoid', input: `${name}.up2`, output: name });
    }
    const [probability, threshold, output] = outputs;
    if (output) steps.push({ op: 'binarize', probability, threshold, output, k });
  };

  for (const operation of operations) {
    switch (operation.op) {
      case 'conv2d':
        lowerConv(operation);
        break;
      case 'maxPool':
        lowerPool(operation);
        break;
      case 'upsampleAdd':
        steps.push({
          op: 'add',
          inputs: [operation.lateral, upsampled(operation.top, 2, operation.output)],
          output: operation.output,
          relu: false,
        });
        break;
      case 'upsampleConcat':
        steps.push({
          op: 'concat',
          inputs: operation.inputs.map((input, i) => upsampled(input, operation.scales[i], operation.output)),
          output: operation.output,
        });
        break;
      case 'dbHead':
        lowerHead(operation);
        break;
      default:
        throw unfit(operation.name);
    }
  }
  return { input, outputs, steps, parameters };
}

const unfit = (name: string) =>
  new Error(
    `the peers take the unfused graph of a ResNet, found operation '${name}', which was fused or is of another network`,
  );
