/** @file The network that an ONNX graph is, told by its structure: no name, hash or count of nodes takes part. */

import { DBNetError } from '../errors.ts';
import type { Network } from '../graph/graph.ts';
import type { Size } from '../size.ts';
import type { TensorFile } from '../tensor-file.ts';
import { folder, isFloat, isFoldable, stored } from './constants.ts';
import { metadataOf } from './family.ts';
import { type Complaint, dbHeadOf } from './head.ts';
import { lower, type Parameter } from './lower.ts';
import type { OnnxModel, OnnxNode, OnnxValue } from './model.ts';
import { Refusal, refuse, shown, unfit } from './node.ts';
import { applyOperator, isKnown, isValue, type Operand, unknownOperator } from './operators.ts';
import { neededNodes } from './order.ts';
import { Terms, type Value } from './terms.ts';

/** The parameters under names by their order; shapes are PyTorch's. */
export interface OnnxNetwork extends TensorFile {
  network: Network;
  /** Names in the file of what takes no part: initializers, and the first output of nodes. */
  dropped: readonly string[];
}

/**
 * The network of a graph, P alone or P, T and B. Batch norms, biases and factors are folded in f64; parameters are
 * computed when they are read.
 * @throws DBNetError `incompatible-weights` that lists the nodes that no known DBNet has, and why; or what is missing.
 */
export function networkOfOnnx(model: OnnxModel): OnnxNetwork {
  const nodes = neededNodes(model);
  const image = imageOf(model, nodes);
  const complaints: Complaint[] = [];
  const values = evaluate(model, nodes, image, complaints);
  const isWhole = complaints.length === 0 && values.length === model.outputs.length;
  const head = isWhole ? dbHeadOf(values) : undefined;
  const lowered = head && lower(head, complaints);
  if (complaints.length > 0) {
    const hasHead = nodes.some(({ op }) => op === 'ConvTranspose');
    const missing = hasHead ? '' : ', and no transposed convolution, with which a DB head ends';
    throw unfit('the graph of a DBNet', `${listOf(complaints)}${missing}`);
  }
  if (!lowered) {
    throw unfit(
      'a graph that ends in a DB head: two transposed convolutions 2x2 of stride 2, ReLU between them, and a sigmoid',
      `${model.outputs.length} outputs (${model.outputs.map(({ name }) => shown(name)).slice(0, mostListed)}) that are none`,
    );
  }
  const { network, parameters } = lowered;
  const fixed = fixedSizeOf(image);
  return {
    network,
    tensors: parameters,
    metadata: metadataOf(network, fixed),
    float32: (name) => parameterOf(parameters, name).read(),
    dropped: droppedFrom(model, nodes),
  };
}

/** How many nodes or names stand in a message. */
const mostListed = 8;

/** Channels of all values of a graph together: ten times as many as any detector has. */
const mostChannels = 2 ** 22;

function parameterOf(parameters: ReadonlyMap<string, Parameter>, name: string): Parameter {
  const parameter = parameters.get(name);
  if (parameter) return parameter;
  throw new DBNetError(
    'invalid-argument',
    `ONNX file: expected the name of a parameter, found ${shown(name)}.`,
  );
}

/** The one input that is needed. */
function imageOf({ inputs, initializers }: OnnxModel, nodes: readonly OnnxNode[]): OnnxValue {
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const needed = inputs.filter(({ name }) => read.has(name) && !initializers.has(name));
  const [image] = needed;
  const expected = 'one input, an image [N, 3, H, W] of floats';
  if (needed.length !== 1) {
    const names = needed.map(({ name }) => shown(name)).slice(0, mostListed);
    throw unfit(
      expected,
      needed.length === 0 ? 'none that is used' : `${needed.length} (${names.join(', ')})`,
    );
  }
  const { shape = [undefined, undefined, undefined, undefined], dtype } = image;
  const found = `${shown(image.name)} of shape [${shape.slice(0, 4).map((side) => (typeof side === 'number' ? side : '?'))}]`;
  if (!isFloat(dtype)) throw unfit(expected, `${found} and type ${dtype} of TensorProto`);
  const [batch, channels] = shape.map(fixedSide);
  if (shape.length !== 4 || (channels ?? 3) !== 3) throw unfit(expected, found);
  if ((batch ?? 1) !== 1) throw unfit('a batch of 1, or of any size', found);
  return image;
}

/** A side that is not open. */
const fixedSide = (side: number | string | undefined): number | undefined =>
  typeof side === 'number' && side > 0 ? side : undefined;

/** The size of the image where a file has no other. */
function fixedSizeOf({ shape }: OnnxValue): Size | undefined {
  const [, , height, width] = shape?.map(fixedSide) ?? [];
  if ([height, width].some((side) => side !== undefined && side % multiple !== 0)) {
    throw unfit(`an image whose sides are multiples of ${multiple}`, `${width ?? '?'}x${height ?? '?'}`);
  }
  return width !== undefined && height !== undefined ? { width, height } : undefined;
}

const multiple = 32;

/** Two sizes tell what follows from the size. */
function trialsOf({ shape }: OnnxValue): Size[] {
  const [, , height, width] = shape?.map(fixedSide) ?? [];
  return [
    { width: width ?? 64, height: height ?? 32 },
    { width: width ?? 96, height: height ?? 160 },
  ];
}

/** The values of the outputs. Of nodes that read what was refused only the operator is looked at. */
function evaluate(
  model: OnnxModel,
  nodes: readonly OnnxNode[],
  image: OnnxValue,
  complaints: Complaint[],
): Value[] {
  const terms = new Terms();
  const pixels = terms.make({ kind: 'image' }, { channels: 3, sizes: trialsOf(image) });
  const known = new Map<string, Operand>([[image.name, pixels]]);
  for (const [name, tensor] of model.initializers) known.set(name, stored(tensor));
  const fold = folder(heldNumbers(model) + spareNumbers);
  const apply = (node: OnnxNode): Operand => {
    const inputs = node.inputs.map((name) =>
      name === '' ? undefined : (known.get(name) ?? refuse(`an input ${shown(name)} that nothing writes`)),
    );
    const constants = inputs.flatMap((input) => (isValue(input) ? [] : [input]));
    const isConstant = constants.length === inputs.length;
    return (
      (isConstant && fold(node, constants)) || applyOperator({ node, inputs, terms, opset: model.opset })
    );
  };
  let channels = 0;
  const refused = new Set<string>();
  for (const node of nodes) {
    terms.node = node;
    try {
      if (node.domain !== '') refuse(`an operator of the domain ${shown(node.domain)}`);
      if (!isKnown(node) && !isFoldable(node)) refuse(unknownOperator);
      if (!node.inputs.some((name) => refused.has(name))) {
        const result = apply(node);
        if (isValue(result)) channels += result.term.channels;
        if (channels > mostChannels) throw unfit(`at most ${mostChannels} channels`, 'more');
        known.set(node.outputs[0], result);
        continue;
      }
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      complaints.push({ node, reason: thrown.reason });
    }
    for (const name of node.outputs) refused.add(name);
  }
  return model.outputs.flatMap(({ name }) => {
    const value = known.get(name);
    return isValue(value) ? [value] : [];
  });
}

/** How many numbers may be computed beyond as many as the file holds. */
const spareNumbers = 2 ** 20;

/** Number of all numbers that a file holds. */
function heldNumbers({ nodes, initializers }: OnnxModel): number {
  let held = 0;
  for (const { size } of initializers.values()) held += size;
  for (const { attributes } of nodes) {
    const value = attributes.get('value');
    if (typeof value === 'object' && 'numbers' in value) held += value.size;
  }
  return held;
}

/** The first few nodes that are refused. */
function listOf(complaints: readonly Complaint[]): string {
  const listed = complaints.slice(0, mostListed).map(({ node, reason }) => {
    const name = node && (node.name || node.outputs[0] || '');
    return node
      ? `${/^\w{1,40}$/.test(node.op) ? node.op : shown(node.op)} ${shown(name ?? '')} (${reason})`
      : reason;
  });
  const rest = complaints.length - listed.length;
  const nodes = complaints.length === 1 ? '1 node' : `${complaints.length} nodes`;
  return `${nodes} that no known DBNet has: ${listed.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/** What the outputs do not need. */
function droppedFrom({ nodes, initializers }: OnnxModel, needed: readonly OnnxNode[]): string[] {
  const read = new Set(needed.flatMap(({ inputs }) => inputs));
  const kept = new Set(needed);
  return [
    ...[...initializers.keys()].filter((name) => !read.has(name)),
    ...nodes.filter((node) => !kept.has(node)).map(({ name, outputs }) => outputs[0] ?? name),
  ];
}
