/**
 * @file The network as an ONNX file: NCHW, of a fixed size, so that ONNX Runtime can plan all of it beforehand.
 * Field numbers are those of onnx/onnx.proto; operators of opset 17.
 */

import type { Network, Step } from './network.ts';
import { Message } from './protobuf.ts';

const opset = 17;
/** The first version of the file format that goes with the opset. */
const irVersion = 8;

/** TensorProto.DataType. */
const float = 1;

type Attribute = number | readonly number[] | string;

/** The ONNX file of a network for images of one size, pixels. */
export function writeOnnx(
  network: Network,
  { width, height }: { width: number; height: number },
): Uint8Array {
  const graph = new Message();
  const constants = new Map<string, Message>();
  for (const step of network.steps) {
    for (const encoded of nodes(step)) graph.bytes(1, encoded);
    if (step.op === 'upsample') {
      const name = scalesOf(step);
      constants.set(name, tensor(name, [4], Float32Array.of(1, 1, step.factor, step.factor)));
    } else if (step.op === 'binarize') {
      const name = steepnessOf(step);
      constants.set(name, tensor(name, [], Float32Array.of(step.k)));
    }
  }
  graph.bytes(2, 'db-resnet18');
  for (const [name, { shape, data }] of network.parameters) graph.bytes(5, tensor(name, shape, data));
  for (const constant of constants.values()) graph.bytes(5, constant);
  graph.bytes(11, valueInfo(network.input, [1, 3, height, width]));
  for (const name of network.outputs) graph.bytes(12, valueInfo(name, [1, 1, height, width]));

  return new Message()
    .int(1, irVersion)
    .bytes(2, 'dbnet-webgpu')
    .bytes(7, graph)
    .bytes(8, new Message().bytes(1, '').int(2, opset))
    .finish();
}

/** Names of the constants that a step needs. */
const scalesOf = ({ factor }: { factor: number }) => `upsample.x${factor}`;
const steepnessOf = ({ output }: { output: string }) => `${output}.k`;

function nodes(step: Step): Message[] {
  /** The operation, with a ReLU after it where the step has one. */
  const activated = (
    type: string,
    inputs: readonly string[],
    { output, relu }: { output: string; relu: boolean },
    attributes: Record<string, Attribute> = {},
  ) =>
    relu
      ? [node(type, inputs, `${output}.linear`, attributes), node('Relu', [`${output}.linear`], output)]
      : [node(type, inputs, output, attributes)];
  switch (step.op) {
    case 'conv':
      return activated('Conv', [step.input, step.weight, ...(step.bias ? [step.bias] : [])], step, {
        kernel_shape: [step.kernel, step.kernel],
        strides: [step.stride, step.stride],
        pads: Array(4).fill(step.padding),
      });
    case 'convTranspose':
      return activated('ConvTranspose', [step.input, step.weight, step.bias], step, {
        kernel_shape: [2, 2],
        strides: [2, 2],
      });
    case 'maxPool':
      return [
        node('MaxPool', [step.input], step.output, {
          kernel_shape: [3, 3],
          strides: [2, 2],
          pads: [1, 1, 1, 1],
        }),
      ];
    case 'upsample':
      return [
        node('Resize', [step.input, '', scalesOf(step)], step.output, {
          mode: 'nearest',
          coordinate_transformation_mode: 'asymmetric',
          nearest_mode: 'floor',
        }),
      ];
    case 'add':
      return activated('Add', step.inputs, step);
    case 'concat':
      return [node('Concat', step.inputs, step.output, { axis: 1 })];
    case 'sigmoid':
      return [node('Sigmoid', [step.input], step.output)];
    case 'binarize': {
      const difference = `${step.output}.difference`;
      const logit = `${step.output}.logit`;
      return [
        node('Sub', [step.probability, step.threshold], difference),
        node('Mul', [difference, steepnessOf(step)], logit),
        node('Sigmoid', [logit], step.output),
      ];
    }
  }
}

/** NodeProto. Its name is that of its output. */
function node(
  type: string,
  inputs: readonly string[],
  output: string,
  attributes: Record<string, Attribute> = {},
): Message {
  const message = new Message();
  for (const input of inputs) message.bytes(1, input);
  message.bytes(2, output).bytes(3, output).bytes(4, type);
  for (const [name, value] of Object.entries(attributes)) message.bytes(5, attribute(name, value));
  return message;
}

/** AttributeProto: INT (2), STRING (3) or INTS (7). */
function attribute(name: string, value: Attribute): Message {
  const message = new Message().bytes(1, name);
  if (typeof value === 'number') return message.int(3, value).int(20, 2);
  if (typeof value === 'string') return message.bytes(4, value).int(20, 3);
  for (const item of value) message.int(8, item);
  return message.int(20, 7);
}

/** TensorProto. Its raw data is little-endian, as typed arrays are on every machine that browsers run on. */
function tensor(name: string, shape: readonly number[], data: Float32Array): Message {
  const message = new Message();
  for (const side of shape) message.int(1, side);
  return message
    .int(2, float)
    .bytes(8, name)
    .bytes(9, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/** ValueInfoProto. */
function valueInfo(name: string, shape: readonly number[]): Message {
  const dimensions = new Message();
  for (const side of shape) dimensions.bytes(1, new Message().int(1, side));
  const type = new Message().bytes(1, new Message().int(1, float).bytes(2, dimensions));
  return new Message().bytes(1, name).bytes(2, type);
}
