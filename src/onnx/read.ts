/**
 * @file The ONNX reader: from a file's bytes to its graph. It trusts nothing, calls nothing, and copies no tensor before its
 * numbers are asked for. Field numbers are those of onnx/onnx.proto.
 */

import { DBNetError } from '../errors.ts';
import type { OnnxAttribute, OnnxModel, OnnxNode, OnnxTensor, OnnxValue } from './model.ts';
import { type Field, failAt, type Place, readFields, readVarints, wire } from './protobuf.ts';
import { readTensor } from './tensor.ts';

/** Opsets whose operators are known. */
const opsets = { oldest: 9, newest: 20 };

/** Messages, strings and small numbers of a file; a network of thousands of nodes has a tenth of them. */
const mostParts = 500_000;

/**
 * Reads an ONNX file.
 * @param bytes The whole file; do not change them, tensors are views of it.
 * @throws DBNetError `invalid-onnx`, naming the place, what was expected and found; `incompatible-weights` for an opset that
 *   is not known.
 */
export function readOnnx(bytes: Uint8Array): OnnxModel {
  return new Reader(bytes).model();
}

class Reader {
  readonly #file: Uint8Array;
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #parts = 0;

  constructor(file: Uint8Array) {
    this.#file = file;
  }

  model(): OnnxModel {
    let graph: Uint8Array | undefined;
    let producer = '';
    let opset: number | undefined;
    const place = this.#place('model');
    this.#each(this.#file, place, (field) => {
      if (field.number === 2) producer = this.#text(field, place);
      else if (field.number === 7) {
        if (graph) this.#fail(place, field, 'one graph', 'a second');
        graph = this.#message(field, place);
      } else if (field.number === 25) {
        this.#checkFunction(this.#message(field, place));
      } else if (field.number === 8) {
        const { domain, version } = this.#opset(this.#message(field, place));
        if (domain === '' || domain === 'ai.onnx') opset = version;
      }
    });
    if (!graph) {
      return failAt(
        place,
        this.#file,
        'an ONNX model with a graph',
        'none: it is something else, or cut off',
      );
    }
    if (opset === undefined) return failAt(place, this.#file, 'the version of its operators', 'none');
    if (opset < opsets.oldest || opset > opsets.newest) {
      throw new DBNetError(
        'incompatible-weights',
        `ONNX file: expected opset ${opsets.oldest} to ${opsets.newest}, found ${opset}: convert it with onnx.version_converter`,
      );
    }
    return { opset, producer, ...this.#graph(graph) };
  }

  #opset(bytes: Uint8Array): { domain: string; version: number } {
    const place = this.#place('opset_import');
    const found = { domain: '', version: 0 };
    this.#each(bytes, place, (field) => {
      if (field.number === 1) found.domain = this.#text(field, place);
      else if (field.number === 2) found.version = this.#int(field, place);
    });
    return found;
  }

  /** Operators of others are refused where a node is one; ONNX's own mean what ONNX says. */
  #checkFunction(bytes: Uint8Array): void {
    const place = this.#place('function');
    let domain = '';
    this.#each(bytes, place, (field) => {
      if (field.number === 10) domain = this.#text(field, place);
    });
    if (domain === '' || domain === 'ai.onnx') {
      failAt(place, bytes, 'a domain of its own', "ONNX's, whose operators it would change");
    }
  }

  #graph(bytes: Uint8Array): Omit<OnnxModel, 'opset' | 'producer'> {
    const nodes: OnnxNode[] = [];
    const initializers = new Map<string, OnnxTensor>();
    const inputs: OnnxValue[] = [];
    const outputs: OnnxValue[] = [];
    const place = this.#place('graph');
    this.#each(bytes, place, (field) => {
      switch (field.number) {
        case 1:
          nodes.push(this.#node(this.#message(field, place), `graph.node[${nodes.length}]`));
          break;
        case 5: {
          const at = this.#place(`graph.initializer[${initializers.size}]`);
          const { name, ...tensor } = this.#tensor(this.#message(field, place), at);
          if (name === '') this.#fail(at, field, 'a name', 'none');
          if (initializers.has(name)) this.#fail(at, field, 'a name of its own', `'${name}' again`);
          initializers.set(name, tensor);
          break;
        }
        case 11:
          inputs.push(this.#value(this.#message(field, place), `graph.input[${inputs.length}]`));
          break;
        case 12:
          outputs.push(this.#value(this.#message(field, place), `graph.output[${outputs.length}]`));
          break;
        case 15:
          this.#fail(place, field, 'dense initializers', 'a sparse one');
      }
    });
    this.#checkWrites(nodes, initializers, inputs);
    return { nodes, initializers, inputs: inputs.filter(({ name }) => !initializers.has(name)), outputs };
  }

  /** Every tensor comes from one place. */
  #checkWrites(
    nodes: readonly OnnxNode[],
    initializers: ReadonlyMap<string, OnnxTensor>,
    inputs: readonly OnnxValue[],
  ): void {
    const written = new Set([...initializers.keys(), ...inputs.map(({ name }) => name)]);
    for (const [i, { outputs }] of nodes.entries()) {
      for (const name of outputs) {
        if (name === '') continue;
        if (written.has(name)) {
          failAt(
            this.#place(`graph.node[${i}]`),
            this.#file,
            'outputs that nothing else writes',
            `'${name}'`,
          );
        }
        written.add(name);
      }
    }
  }

  #node(bytes: Uint8Array, what: string): OnnxNode {
    const place = this.#place(what);
    const inputs: string[] = [];
    const outputs: string[] = [];
    const attributes = new Map<string, OnnxAttribute>();
    let [op, domain, name] = ['', '', ''];
    this.#each(bytes, place, (field) => {
      switch (field.number) {
        case 1:
          inputs.push(this.#text(field, place));
          break;
        case 2:
          outputs.push(this.#text(field, place));
          break;
        case 3:
          name = this.#text(field, place);
          break;
        case 4:
          op = this.#text(field, place);
          break;
        case 5: {
          const [key, value] = this.#attribute(this.#message(field, place), `${what}.attribute`);
          if (attributes.has(key)) this.#fail(place, field, 'each attribute once', `'${key}' again`);
          if (value !== undefined) attributes.set(key, value);
          break;
        }
        case 7:
          domain = this.#text(field, place);
          break;
      }
    });
    if (op === '') failAt(place, bytes, 'an operator', 'none');
    return { op, domain: domain === 'ai.onnx' ? '' : domain, name, inputs, outputs, attributes };
  }

  /** A name and a value; graphs and types have none, since no operator that is known has such attributes. */
  #attribute(bytes: Uint8Array, what: string): [name: string, value: OnnxAttribute | undefined] {
    const place = this.#place(what);
    let name = '';
    let type: number | undefined;
    // What proto3 writers leave out is zero or empty.
    let float = 0;
    let int = 0;
    let string = '';
    let tensor: OnnxTensor | undefined;
    const floats: number[] = [];
    const ints: number[] = [];
    const strings: string[] = [];
    /** Fields of values that are there. */
    const given = new Set<number>();
    this.#each(bytes, place, (field) => {
      switch (field.number) {
        case 1:
          name = this.#text(field, place);
          return;
        case 2:
          float = this.#float(field, place);
          break;
        case 3:
          int = this.#int(field, place);
          break;
        case 4:
          string = this.#bytes(field, place);
          break;
        case 5:
          tensor = this.#tensor(this.#message(field, place), place);
          break;
        case 7:
          this.#floats(field, place, floats);
          break;
        case 8:
          readVarints(field, place, (value) => {
            this.#count(place, bytes);
            ints.push(value);
          });
          break;
        case 9:
          strings.push(this.#bytes(field, place));
          break;
        case 20:
          type = this.#int(field, place);
          return;
        default:
          return;
      }
      given.add(field.number);
    });
    // AttributeProto.AttributeType by field number; where the type is not stated, the field that is there.
    const values: Record<number, OnnxAttribute | undefined> = {
      2: float,
      3: int,
      4: string,
      5: tensor,
      7: floats,
      8: ints,
      9: strings,
    };
    const fieldOfType = [undefined, 2, 3, 4, 5, undefined, 7, 8, 9];
    const [only, ...more] = given;
    const field = type ? fieldOfType[type] : only;
    const contradicts = only !== undefined && field !== undefined && only !== field;
    if (more.length > 0 || contradicts) {
      failAt(place, bytes, 'one value, of the stated type', `others for '${name}'`);
    }
    if (field === 5 && !tensor) failAt(place, bytes, `a tensor for '${name}'`, 'none');
    return [name, field === undefined ? undefined : values[field]];
  }

  #float(field: Field, place: Place): number {
    if (field.wire !== wire.fixed32) this.#fail(place, field, 'a float', `wire type ${field.wire}`);
    return viewOf(field.bytes).getFloat32(0, true);
  }

  #floats(field: Field, place: Place, into: number[]): void {
    const isPacked = field.wire === wire.bytes && field.bytes.length % 4 === 0;
    if (!isPacked && field.wire !== wire.fixed32)
      this.#fail(place, field, 'floats', `wire type ${field.wire}`);
    const view = viewOf(field.bytes);
    for (let at = 0; at < field.bytes.length; at += 4) {
      this.#count(place, field.bytes);
      into.push(view.getFloat32(at, true));
    }
  }

  #tensor(bytes: Uint8Array, place: Place): OnnxTensor & { name: string } {
    return readTensor(bytes, place, (text) => this.#decode(text, place));
  }

  #value(bytes: Uint8Array, what: string): OnnxValue {
    const place = this.#place(what);
    const value: OnnxValue = { name: '', shape: undefined, dtype: 0 };
    this.#each(bytes, place, (field) => {
      if (field.number === 1) value.name = this.#text(field, place);
      else if (field.number === 2) Object.assign(value, this.#type(this.#message(field, place), place));
    });
    return value;
  }

  /** The element type and the shape of a tensor's TypeProto. */
  #type(bytes: Uint8Array, place: Place): Partial<OnnxValue> {
    const found: { dtype?: number; shape?: (number | string | undefined)[] } = {};
    this.#each(bytes, place, (type) => {
      if (type.number !== 1) return;
      this.#each(this.#message(type, place), place, (field) => {
        if (field.number === 1) found.dtype = this.#int(field, place);
        else if (field.number === 2) found.shape = this.#shape(this.#message(field, place), place);
      });
    });
    return found;
  }

  /** Sides: a number, a name, or neither. */
  #shape(bytes: Uint8Array, place: Place): (number | string | undefined)[] {
    const shape: (number | string | undefined)[] = [];
    this.#each(bytes, place, (field) => {
      if (field.number !== 1) return;
      let side: number | string | undefined;
      this.#each(this.#message(field, place), place, (dimension) => {
        if (dimension.number === 1) side = this.#int(dimension, place);
        else if (dimension.number === 2) side = this.#text(dimension, place);
      });
      shape.push(side);
    });
    return shape;
  }

  #each(bytes: Uint8Array, place: Place, read: (field: Field) => void): void {
    readFields(bytes, place, (field) => {
      this.#count(place, bytes);
      read(field);
    });
  }

  #count(place: Place, bytes: Uint8Array): void {
    if (++this.#parts > mostParts) failAt(place, bytes, `a file of up to ${mostParts} parts`, 'more');
  }

  #int(field: Field, place: Place): number {
    if (field.wire !== wire.varint)
      this.#fail(place, field, `a whole number as field ${field.number}`, `wire type ${field.wire}`);
    return field.value;
  }

  #message(field: Field, place: Place): Uint8Array {
    if (field.wire !== wire.bytes)
      this.#fail(place, field, `a message as field ${field.number}`, `wire type ${field.wire}`);
    return field.bytes;
  }

  #text(field: Field, place: Place): string {
    return this.#decode(this.#message(field, place), place);
  }

  /** A string of an attribute, which may hold anything; of what is long no operator that is known makes use. */
  #bytes(field: Field, place: Place): string {
    return new TextDecoder().decode(this.#message(field, place).subarray(0, longestText));
  }

  #decode(bytes: Uint8Array, place: Place): string {
    if (bytes.length > longestText)
      failAt(place, bytes, `text of up to ${longestText} bytes`, `${bytes.length}`);
    try {
      return this.#decoder.decode(bytes);
    } catch {
      return failAt(place, bytes, 'UTF-8', 'something else');
    }
  }

  #fail(place: Place, field: Field, expected: string, found: string): never {
    return failAt(place, field.bytes.length > 0 ? field.bytes : this.#file, expected, found);
  }

  #place(what: string): Place {
    return { what, file: this.#file };
  }
}

/** Bytes of a name. Documentation and metadata, which may be longer, are not read. */
const longestText = 4096;

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);
