/** @file ONNX files for tests, in the ways in which writers differ. Field numbers are those of onnx/onnx.proto. */

import { toHalf } from '../../src/kernels/half.ts';
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from '../../src/onnx/model.ts';
import { Message } from './protobuf.ts';

export interface OnnxStyle {
  /** How numbers of tensors stand. */
  data?: 'raw' | 'typed' | 'half';
  /** Lists of numbers in one field. */
  packed?: boolean;
  /** Initializers are listed as inputs of the graph, as old writers do. */
  listed?: boolean;
}

/** The bytes of a model. */
export function writeOnnx(model: OnnxModel, style: OnnxStyle = {}): Uint8Array<ArrayBuffer> {
  const graph = new Message();
  for (const node of model.nodes) graph.bytes(1, writeNode(node, style));
  graph.bytes(2, 'graph');
  for (const [name, tensor] of model.initializers) graph.bytes(5, writeTensor(tensor, style, name));
  for (const input of model.inputs) graph.bytes(11, writeValue(input));
  if (style.listed) {
    for (const [name, { shape }] of model.initializers)
      graph.bytes(11, writeValue({ name, shape, dtype: 1 }));
  }
  for (const output of model.outputs) graph.bytes(12, writeValue(output));
  return new Message()
    .int(1, 8)
    .bytes(2, model.producer)
    .bytes(7, graph)
    .bytes(8, new Message().bytes(1, 'com.example').int(2, 1))
    .bytes(8, new Message().bytes(1, '').int(2, model.opset))
    .finish();
}

function writeNode({ op, domain, name, inputs, outputs, attributes }: OnnxNode, style: OnnxStyle): Message {
  const node = new Message();
  for (const input of inputs) node.bytes(1, input);
  for (const output of outputs) node.bytes(2, output);
  node.bytes(3, name).bytes(4, op);
  for (const [key, value] of attributes) node.bytes(5, writeAttribute(key, value, style));
  return node.bytes(7, domain);
}

function writeAttribute(name: string, value: OnnxAttribute, style: OnnxStyle): Message {
  const attribute = new Message().bytes(1, name);
  if (typeof value === 'string') return attribute.bytes(4, value).int(20, 3);
  if (typeof value === 'number') {
    return Number.isInteger(value)
      ? attribute.int(3, value).int(20, 2)
      : attribute.float(2, value).int(20, 1);
  }
  if ('numbers' in value) return attribute.bytes(5, writeTensor(value, style)).int(20, 4);
  const numbers = value.filter((item) => typeof item === 'number');
  if (numbers.length < value.length) {
    for (const text of value) attribute.bytes(9, String(text));
    return attribute.int(20, 8);
  }
  if (!numbers.every(Number.isInteger)) {
    for (const number of numbers) attribute.float(7, number);
    return attribute.int(20, 6);
  }
  if (style.packed) attribute.packed(8, numbers);
  else for (const number of numbers) attribute.int(8, number);
  return attribute.int(20, 7);
}

/** TensorProto: 1 FLOAT, 7 INT64, 10 FLOAT16. */
export function writeTensor(
  { dtype, shape, numbers }: OnnxTensor,
  { data = 'raw', packed = true }: OnnxStyle = {},
  name = '',
): Message {
  const tensor = new Message();
  if (packed) tensor.packed(1, shape);
  else for (const side of shape) tensor.int(1, side);
  const values = numbers();
  if (dtype === 'INT64') {
    tensor.int(2, 7);
    if (data === 'raw') tensor.bytes(9, bytesOf(BigInt64Array.from(values, (value) => BigInt(value))));
    else if (packed) tensor.packed(7, [...values]);
    else for (const value of values) tensor.int(7, value);
  } else if (data === 'half') {
    tensor.int(2, 10).bytes(9, bytesOf(toHalf(Float32Array.from(values))));
  } else {
    tensor.int(2, 1);
    if (data === 'raw') tensor.bytes(9, bytesOf(Float32Array.from(values)));
    else if (packed) tensor.bytes(4, bytesOf(Float32Array.from(values)));
    else for (const value of values) tensor.float(4, value);
  }
  return tensor.bytes(8, name);
}

export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);

function writeValue({ name, shape, dtype }: OnnxValue): Message {
  const sides = new Message();
  for (const side of shape ?? []) {
    const dimension = new Message();
    if (typeof side === 'number') dimension.int(1, side);
    else if (side !== undefined) dimension.bytes(2, side);
    sides.bytes(1, dimension);
  }
  const type = new Message().int(1, dtype);
  if (shape) type.bytes(2, sides);
  return new Message().bytes(1, name).bytes(2, new Message().bytes(1, type));
}
