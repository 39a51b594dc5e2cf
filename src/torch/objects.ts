/**
 * @file What the classes and functions of PyTorch mean in a checkpoint: storages, and the tensors that are views of them.
 * Source: `torch/serialization.py`, `torch/_utils.py`.
 */

import { quote } from '../describe.ts';
import type { Dtype } from '../safetensors/dtypes.ts';
import {
  describeValue,
  type Fail,
  Global,
  type Interpreter,
  isTuple,
  nameOf,
  type PickleObject,
  type PickleValue,
  SAVE_ANEW,
} from './pickle.ts';

/** The elements of a storage. */
export interface ElementType {
  /** As PyTorch calls the storage's class. */
  readonly name: string;
  readonly bytes: number;
  /** As safetensors calls it, where it has a name. */
  readonly dtype: Dtype | undefined;
}

const ELEMENT_TYPES: ReadonlyMap<string, ElementType> = new Map(
  (
    [
      ['Double', 8, 'F64'],
      ['Float', 4, 'F32'],
      ['Half', 2, 'F16'],
      ['BFloat16', 2, 'BF16'],
      ['Long', 8, 'I64'],
      ['Int', 4, 'I32'],
      ['Short', 2, 'I16'],
      ['Char', 1, 'I8'],
      ['Byte', 1, 'U8'],
      ['Bool', 1, 'BOOL'],
      ['ComplexDouble', 16, undefined],
      ['ComplexFloat', 8, 'C64'],
      ['QUInt8', 1, undefined],
      ['QInt8', 1, undefined],
      ['QInt32', 4, undefined],
    ] as const
  ).map(([name, bytes, dtype]) => [`torch.${name}Storage`, { name: `${name}Storage`, bytes, dtype }]),
);

/** Bytes of no type of their own: `_rebuild_tensor_v3` says what they are. */
const UNTYPED: ElementType = { name: 'UntypedStorage', bytes: 1, dtype: undefined };

/** A run of elements in the file, which tensors view. */
export class Storage implements PickleObject {
  readonly kind = 'a storage';
  readonly key: string;
  readonly type: ElementType;
  /** Number of elements. */
  readonly count: number;

  constructor(key: string, type: ElementType, count: number) {
    this.key = key;
    this.type = type;
    this.count = count;
  }

  get byteLength(): number {
    return this.count * this.type.bytes;
  }
}

/** A tensor as the pickle tells it; nothing of it is checked against its storage yet. */
export class Tensor implements PickleObject {
  readonly kind = 'a tensor';
  readonly storage: Storage;
  /** First element in the storage. */
  readonly offset: number;
  readonly shape: readonly number[];
  /** Elements from one index to the next, per side. */
  readonly strides: readonly number[];

  constructor(storage: Storage, offset: number, shape: readonly number[], strides: readonly number[]) {
    this.storage = storage;
    this.offset = offset;
    this.shape = shape;
    this.strides = strides;
  }
}

/** The most sides that a tensor of PyTorch has. */
const MOST_SIDES = 64;
const LONGEST_KEY = 64;

/** Makes tensors, and remembers the storages. */
export class TorchObjects implements Interpreter {
  /** By key, all that the pickle tells of. */
  readonly storages = new Map<string, Storage>();

  call(name: string, args: readonly PickleValue[], fail: Fail): PickleValue | undefined {
    switch (name) {
      case 'torch._utils._rebuild_tensor':
      case 'torch._utils._rebuild_tensor_v2':
      case 'torch._utils._rebuild_tensor_v3':
        return this.#tensor(args, fail);
      // A parameter is its tensor.
      case 'torch._utils._rebuild_parameter':
      case 'torch._utils._rebuild_parameter_with_state':
        return args[0] instanceof Tensor
          ? args[0]
          : fail(`expected a tensor, found ${describeArgument(args[0])}`);
      // So is a tensor that got attributes or a subclass: (function, class, its arguments, attributes).
      case 'torch._tensor._rebuild_from_type_v2': {
        const [callable, , inner] = args;
        if (!(callable instanceof Global) || !isTuple(inner))
          return fail('expected a function and its arguments');
        // The function cannot be this very one again: a file that says so has no end.
        return callable.name === name ? undefined : this.call(callable.name, inner, fail);
      }
      default:
        return undefined;
    }
  }

  persistent(id: PickleValue, fail: Fail): PickleValue {
    if (!isTuple(id)) return fail(`expected a tuple as persistent id, found ${describeValue(id)}`);
    const [tag, type, keyText, , count, view = null] = id;
    // A class with its source, where a whole model was saved.
    if (nameOf(tag) === 'module' && type instanceof Global) return type;
    if (nameOf(tag) !== 'storage') return fail(`expected a storage, found ${describeArgument(tag)}`);
    const elementType = type instanceof Global ? elementTypeOf(type) : undefined;
    if (!elementType) return fail(`expected a storage class of torch, found ${describeArgument(type)}`);
    const key = nameOf(keyText);
    if (key === undefined || key.length > LONGEST_KEY) {
      return fail(`expected the key of a storage, found ${describeArgument(keyText)}`);
    }
    if (!isSize(count)) return fail(`expected a number of elements, found ${describeArgument(count)}`);
    if (view !== null) {
      return fail('expected a whole storage, found a view of one, as PyTorch before 0.4 wrote', SAVE_ANEW);
    }
    const known = this.storages.get(key);
    if (known === undefined) {
      const storage = new Storage(key, elementType, count);
      this.storages.set(key, storage);
      return storage;
    }
    if (known.type !== elementType || known.count !== count) {
      return fail(
        `storage ${quote(key)}: expected ${known.type.name} of ${known.count} as before, found ` +
          `${elementType.name} of ${count}`,
      );
    }
    return known;
  }

  #tensor([storage, offset, shape, strides]: readonly PickleValue[], fail: Fail): Tensor {
    if (!(storage instanceof Storage)) return fail(`expected a storage, found ${describeArgument(storage)}`);
    if (!isSize(offset)) return fail(`expected an offset from 0 on, found ${describeArgument(offset)}`);
    if (!isSizes(shape))
      return fail(`expected a shape of at most ${MOST_SIDES} sides, found ${describeArgument(shape)}`);
    if (!isSizes(strides) || strides.length !== shape.length) {
      return fail(
        `expected a stride from 0 on for each of ${shape.length} sides, found ${describeArgument(strides)}`,
      );
    }
    return new Tensor(storage, offset, shape, strides);
  }
}

function elementTypeOf({ name }: Global): ElementType | undefined {
  return name === 'torch.storage.UntypedStorage' ? UNTYPED : ELEMENT_TYPES.get(name);
}

const isSize = (value: PickleValue | undefined): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

const isSizes = (value: PickleValue | undefined): value is readonly number[] =>
  isTuple(value) && value.length <= MOST_SIDES && value.every(isSize);

const MOST_SHOWN = 8;

function describeArgument(value: PickleValue | undefined): string {
  if (value === undefined) return 'none';
  if (!isTuple(value) || value.length > MOST_SHOWN) return describeValue(value);
  return `(${value.map((item) => (typeof item === 'number' ? item : describeValue(item))).join(', ')})`;
}
