/** @file What an ONNX file holds, as far as a network is concerned. */

export interface OnnxModel {
  opset: number;
  producer: string;
  nodes: readonly OnnxNode[];
  initializers: ReadonlyMap<string, OnnxTensor>;
  /** Graph inputs that are not initializers. */
  inputs: readonly OnnxValue[];
  outputs: readonly OnnxValue[];
}

export interface OnnxValue {
  name: string;
  shape: readonly (number | string | undefined)[] | undefined;
  /** TensorProto.DataType. */
  dtype: number;
}

export interface OnnxNode {
  op: string;
  domain: string;
  name: string;
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: ReadonlyMap<string, OnnxAttribute>;
}

/** Floats and integers are numbers; integers beyond 2^53 saturate. */
export type OnnxAttribute = number | string | readonly number[] | readonly string[] | OnnxTensor;

export interface OnnxTensor {
  dtype: string;
  shape: readonly number[];
  /** Number of elements. */
  size: number;
  /** All elements, in a new array or a view. */
  numbers(): Float64Array | Float32Array;
}
