/** @file A graph as the bytes of an ONNX file, in each of the ways in which files hold numbers. */

import { Message } from '../../bench/peers/protobuf.ts';
import type { OnnxAttribute, OnnxModel, OnnxTensor, OnnxValue } from '../../src/onnx/model.ts';

/** `raw`: in `raw_data`; `typed`: in the field of the type; `half`: floats as f16, raw. */
export type Storage = 'raw' | 'typed' | 'half';

/** TensorProto.DataType. */
const types = { FLOAT: 1, INT64: 7, FLOAT16: 10 };

export function writeOnnxFile(
  { opset, nodes, initializers, inputs, outputs }: OnnxModel,
  storage: Storage,
): Uint8Array {
  const graph = new Message();
  for (const { op, domain, name, inputs, outputs, attributes } of nodes) {
    const node = new Message();
    for (const input of inputs) node.bytes(1, input);
    for (const output of outputs) node.bytes(2, output);
    node.bytes(3, name).bytes(4, op).bytes(7, domain);
    for (const [key, value] of attributes) node.bytes(5, attribute(key, value, storage));
    graph.bytes(1, node);
  }
  for (const [name, tensor] of initializers) graph.bytes(5, tensorOf(tensor, storage).bytes(8, name));
  // Old writers list weights among the inputs.
  for (const [name, { shape }] of initializers)
    graph.bytes(11, valueInfo({ name, shape, dtype: types.FLOAT }));
  for (const input of inputs) graph.bytes(11, valueInfo(input));
  for (const output of outputs) graph.bytes(12, valueInfo(output));
  return new Message().int(1, 8).bytes(7, graph).bytes(8, new Message().bytes(1, '').int(2, opset)).finish();
}

/** AttributeProto: FLOAT (1), INT (2), STRING (3), TENSOR (4), INTS (7). Numbers with a fraction are floats. */
function attribute(name: string, value: OnnxAttribute, storage: Storage): Message {
  const message = new Message().bytes(1, name);
  if (typeof value === 'string') return message.bytes(4, value).int(20, 3);
  if (typeof value === 'number') {
    return Number.isInteger(value) ? message.int(3, value).int(20, 2) : message.float(2, value).int(20, 1);
  }
  if ('numbers' in value) return message.bytes(5, tensorOf(value, storage)).int(20, 4);
  for (const item of value as readonly number[]) message.int(8, item);
  return message.int(20, 7);
}

function tensorOf({ dtype, shape, numbers }: OnnxTensor, storage: Storage): Message {
  const message = new Message();
  for (const side of shape) message.int(1, side);
  const values = numbers();
  if (dtype === 'INT64') {
    message.int(2, types.INT64);
    if (storage === 'typed') for (const value of values) message.int(7, value);
    else message.bytes(9, bytesOf(BigInt64Array.from(values, (value) => BigInt(value))));
    return message;
  }
  if (storage === 'half')
    return message.int(2, types.FLOAT16).bytes(9, bytesOf(Uint16Array.from(values, halfOf)));
  message.int(2, types.FLOAT);
  if (storage === 'typed') for (const value of values) message.float(4, value);
  else message.bytes(9, bytesOf(Float32Array.from(values)));
  return message;
}

const bytesOf = ({ buffer }: ArrayBufferView): Uint8Array => new Uint8Array(buffer as ArrayBuffer);

/** The bits of a number that f16 holds exactly. */
function halfOf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size === 0) return sign;
  const exponent = Math.max(-14, Math.floor(Math.log2(size)));
  const fraction = Math.round((size / 2 ** exponent) * 1024);
  return sign + (fraction < 1024 ? fraction : fraction - 1024 + (exponent + 15) * 1024);
}

function valueInfo({ name, shape = [], dtype }: OnnxValue): Message {
  const dimensions = new Message();
  for (const side of shape) {
    const dimension = new Message();
    if (typeof side === 'number') dimension.int(1, side);
    else if (side !== undefined) dimension.bytes(2, side);
    dimensions.bytes(1, dimension);
  }
  const tensor = new Message().int(1, dtype).bytes(2, dimensions);
  return new Message().bytes(1, name).bytes(2, new Message().bytes(1, tensor));
}
