/**
 * @file A reader of Python pickles (protocols 2 to 5) that builds plain data and calls nothing. A class that means nothing
 * to the caller becomes an inert object, whatever is done to it. It keeps only what can matter: texts are places in the
 * file, floats, bytes and sets are not kept, lists on demand; so memory does not grow with what is stepped over.
 * Source: `Lib/pickletools.py` of CPython, which describes each opcode.
 */

import { countBytes, quote } from '../describe.ts';
import { failInvalid } from './fail.ts';

/** What a pickle holds; an array is a tuple. */
export type PickleValue = null | boolean | number | PickleObject | readonly PickleValue[];

/** One of the classes below, or what an `Interpreter` makes. */
export interface PickleObject {
  /** In words, for messages. */
  readonly kind: string;
}

/** A string, or one of Python 2. */
export class Text implements PickleObject {
  readonly #bytes: Uint8Array;
  readonly #start: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, start: number, end: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  /** The string, if it is not too long to be a name: work that is repeated stays small. */
  get name(): string | undefined {
    if (this.#end - this.#start > LONGEST_NAME) return undefined;
    return decode(this.#bytes.subarray(this.#start, this.#end));
  }

  get kind(): string {
    return this.name === undefined ? 'a long text' : `the text ${quote(this.name)}`;
  }
}

/** A dict. A key that was set twice is there twice. */
export class Dict implements PickleObject {
  /** Keys and values in turn. */
  readonly items: PickleValue[] = [];

  *entries(): Generator<readonly [PickleValue, PickleValue]> {
    for (let i = 0; i < this.items.length; i += 2) yield [this.items[i], this.items[i + 1]];
  }

  get kind(): string {
    return `a dict of ${this.items.length / 2}`;
  }
}

/** A list, where lists are asked for. */
export class List implements PickleObject {
  readonly kind = 'a list';
  readonly items: PickleValue[] = [];
}

/** A class or a function by its full name, and whatever comes of one that means nothing here. */
export class Global implements PickleObject {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  get kind(): string {
    return `an object of class ${quote(this.name)}`;
  }
}

/** A value that can mean nothing here. */
class Inert implements PickleObject {
  readonly kind: string;

  constructor(kind: string) {
    this.kind = kind;
  }
}

const FLOAT = new Inert('a float');
const BYTES = new Inert('bytes');
const LONG = new Inert('a long integer');
const SET = new Inert('a set');
/** Stands for every list that is not kept. */
const LIST = new List();

/** What the pickle's classes, functions and persistent ids mean. */
export interface Interpreter {
  /**
   * What a class or function makes of its arguments; undefined for one that means nothing here.
   * @param fail throws, naming the place, for arguments that are not as they have to be.
   */
  call(name: string, args: readonly PickleValue[], fail: Fail): PickleValue | undefined;
  persistent(id: PickleValue, fail: Fail): PickleValue;
}

/** Throws what was expected and found, with the place, and what to do. */
export type Fail = (problem: string, advice?: string) => never;

/** Calls nothing and knows no persistent ids. */
export const plainData: Interpreter = {
  call: () => undefined,
  persistent: (id, fail) => fail(`expected plain data, found the persistent id ${describeValue(id)}`),
};

export interface PickleSource {
  readonly bytes: Uint8Array;
  /** Where the pickle begins. */
  readonly start: number;
  /** A byte's place in words: `byte 7 of the file`. */
  readonly place: (at: number) => string;
}

export interface Unpickled {
  readonly value: PickleValue;
  /** The byte behind the pickle. */
  readonly end: number;
}

/** Reads one pickle. @throws DBNetError `invalid-checkpoint`, naming opcode and byte. */
export function unpickle(
  source: PickleSource,
  interpreter: Interpreter,
  { keepLists = false }: { keepLists?: boolean } = {},
): Unpickled {
  return new Unpickler(source, interpreter, keepLists).run();
}

/** A value for an error message. */
export function describeValue(value: PickleValue): string {
  if (value === null) return 'None';
  if (typeof value !== 'object') return `the ${typeof value} ${value}`;
  return isTuple(value) ? `a tuple of ${value.length}` : value.kind;
}

export function isTuple(value: PickleValue | undefined): value is readonly PickleValue[] {
  return Array.isArray(value);
}

/** The string of a text that can be a name. */
export function nameOf(value: PickleValue | undefined): string | undefined {
  return value instanceof Text ? value.name : undefined;
}

const LONGEST_NAME = 1024;

/** For what PyTorch reads, but this reader does not. */
export const SAVE_ANEW = 'Load it in PyTorch and save it anew.';

/**
 * The most that a pickle may hold at a time, in slots of 8 bytes. A tensor takes less than 200, so this is 5,000 tensors,
 * or 8 MB.
 */
const MOST_SLOTS = 1 << 20;
/** Python's pickler writes lists and dicts in parts of 1000. */
const MOST_IN_A_ROW = 1 << 18;
/** What an object takes beside its items. */
const OBJECT_SLOTS = 8;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const decode = (bytes: Uint8Array) => decoder.decode(bytes);

const NEWLINE = 0x0a;

const OPCODES = {
  MARK: 0x28,
  STOP: 0x2e,
  POP: 0x30,
  POP_MARK: 0x31,
  DUP: 0x32,
  BINBYTES: 0x42,
  SHORT_BINBYTES: 0x43,
  BINFLOAT: 0x47,
  BININT: 0x4a,
  BININT1: 0x4b,
  BININT2: 0x4d,
  NONE: 0x4e,
  BINPERSID: 0x51,
  REDUCE: 0x52,
  BINSTRING: 0x54,
  SHORT_BINSTRING: 0x55,
  BINUNICODE: 0x58,
  APPEND: 0x61,
  BUILD: 0x62,
  GLOBAL: 0x63,
  APPENDS: 0x65,
  BINGET: 0x68,
  LONG_BINGET: 0x6a,
  BINPUT: 0x71,
  LONG_BINPUT: 0x72,
  SETITEM: 0x73,
  TUPLE: 0x74,
  SETITEMS: 0x75,
  EMPTY_TUPLE: 0x29,
  EMPTY_LIST: 0x5d,
  EMPTY_DICT: 0x7d,
  PROTO: 0x80,
  NEWOBJ: 0x81,
  TUPLE1: 0x85,
  TUPLE2: 0x86,
  TUPLE3: 0x87,
  NEWTRUE: 0x88,
  NEWFALSE: 0x89,
  LONG1: 0x8a,
  LONG4: 0x8b,
  SHORT_BINUNICODE: 0x8c,
  BINUNICODE8: 0x8d,
  BINBYTES8: 0x8e,
  EMPTY_SET: 0x8f,
  ADDITEMS: 0x90,
  FROZENSET: 0x91,
  NEWOBJ_EX: 0x92,
  STACK_GLOBAL: 0x93,
  MEMOIZE: 0x94,
  FRAME: 0x95,
  BYTEARRAY8: 0x96,
} as const;

const OPCODE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(OPCODES).map(([name, code]) => [code, name]),
);

class Unpickler {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #place: (at: number) => string;
  readonly #interpreter: Interpreter;
  readonly #keepLists: boolean;
  readonly #stack: PickleValue[] = [];
  /** Heights of the stack at its marks. */
  readonly #marks: number[] = [];
  readonly #memo = new Map<number, PickleValue>();
  #slots = 0;
  #at: number;
  /** Where the current opcode stands. */
  #opcodeAt: number;

  constructor({ bytes, start, place }: PickleSource, interpreter: Interpreter, keepLists: boolean) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#place = place;
    this.#interpreter = interpreter;
    this.#keepLists = keepLists;
    this.#at = start;
    this.#opcodeAt = start;
  }

  run(): Unpickled {
    for (;;) {
      this.#opcodeAt = this.#at;
      const opcode = this.#uint(1);
      if (opcode === OPCODES.STOP) {
        const value = this.#pop();
        if (this.#stack.length > 0 || this.#marks.length > 0)
          this.#fail('expected one value at the end, found more');
        return { value, end: this.#at };
      }
      const value = this.#perform(opcode);
      if (value !== undefined) this.#push(value);
    }
  }

  /** @returns the value that it pushes, if it pushes one */
  #perform(opcode: number): PickleValue | undefined {
    switch (opcode) {
      case OPCODES.PROTO: {
        const protocol = this.#uint(1);
        if (protocol < 2 || protocol > 5) this.#fail(`expected protocol 2 to 5, found ${protocol}`);
        break;
      }
      case OPCODES.FRAME:
        // How the bytes that follow were buffered: of no meaning here.
        this.#at += 8;
        break;

      case OPCODES.NONE:
        return null;
      case OPCODES.NEWTRUE:
        return true;
      case OPCODES.NEWFALSE:
        return false;
      case OPCODES.BININT:
        return this.#uint(4) | 0;
      case OPCODES.BININT1:
        return this.#uint(1);
      case OPCODES.BININT2:
        return this.#uint(2);
      case OPCODES.LONG1:
        return this.#long(this.#uint(1));
      case OPCODES.LONG4:
        return this.#long(this.#uint(4));
      case OPCODES.BINFLOAT:
        this.#skip(8);
        return FLOAT;

      case OPCODES.SHORT_BINUNICODE:
      case OPCODES.SHORT_BINSTRING:
        return this.#text(this.#uint(1));
      case OPCODES.BINUNICODE:
      case OPCODES.BINSTRING:
        return this.#text(this.#uint(4));
      case OPCODES.BINUNICODE8:
        return this.#text(this.#uint(8));
      case OPCODES.SHORT_BINBYTES:
        this.#skip(this.#uint(1));
        return BYTES;
      case OPCODES.BINBYTES:
        this.#skip(this.#uint(4));
        return BYTES;
      case OPCODES.BINBYTES8:
      case OPCODES.BYTEARRAY8:
        this.#skip(this.#uint(8));
        return BYTES;

      case OPCODES.MARK:
        this.#marks.push(this.#stack.length);
        this.#limit(this.#marks.length);
        break;
      case OPCODES.POP:
        if (this.#stack.length === this.#marks.at(-1)) this.#marks.pop();
        else this.#pop();
        break;
      case OPCODES.POP_MARK:
        this.#popToMark();
        break;
      case OPCODES.DUP:
        return this.#top();
      case OPCODES.BINGET:
        return this.#recall(this.#uint(1));
      case OPCODES.LONG_BINGET:
        return this.#recall(this.#uint(4));
      case OPCODES.BINPUT:
        this.#memoize(this.#uint(1));
        break;
      case OPCODES.LONG_BINPUT:
        this.#memoize(this.#uint(4));
        break;
      case OPCODES.MEMOIZE:
        this.#memoize(this.#memo.size);
        break;

      case OPCODES.EMPTY_TUPLE:
        return this.#object([]);
      case OPCODES.TUPLE1:
        return this.#tuple(this.#popItems(1));
      case OPCODES.TUPLE2:
        return this.#tuple(this.#popItems(2));
      case OPCODES.TUPLE3:
        return this.#tuple(this.#popItems(3));
      case OPCODES.TUPLE:
        return this.#tuple(this.#popToMark());

      case OPCODES.EMPTY_LIST:
        return this.#keepLists ? this.#object(new List()) : LIST;
      case OPCODES.APPEND:
        this.#append([this.#pop()]);
        break;
      case OPCODES.APPENDS:
        this.#append(this.#popToMark());
        break;
      case OPCODES.EMPTY_SET:
        return SET;
      case OPCODES.ADDITEMS:
        this.#popToMark();
        this.#expectTop('a set', (value) => value === SET || isForeign(value));
        break;
      case OPCODES.FROZENSET:
        this.#popToMark();
        return SET;

      case OPCODES.EMPTY_DICT:
        return this.#object(new Dict());
      case OPCODES.SETITEM:
        this.#setItems(this.#popItems(2));
        break;
      case OPCODES.SETITEMS:
        this.#setItems(this.#popToMark());
        break;

      case OPCODES.GLOBAL: {
        const module = this.#line();
        return this.#global(module, this.#line());
      }
      case OPCODES.STACK_GLOBAL: {
        const [module, name] = this.#popItems(2).map(nameOf);
        if (module === undefined || name === undefined)
          this.#fail('expected the names of a module and a class');
        return this.#global(module, name);
      }
      case OPCODES.REDUCE:
      case OPCODES.NEWOBJ: {
        const [callable, args] = this.#popItems(2);
        return this.#call(callable, args);
      }
      case OPCODES.NEWOBJ_EX: {
        const [callable, args] = this.#popItems(3);
        return this.#call(callable, args);
      }
      case OPCODES.BUILD:
        // An object's state: what means something here is made by its arguments alone.
        this.#pop();
        this.#expectTop('an object', (value) => typeof value === 'object' && value !== null);
        break;
      case OPCODES.BINPERSID:
        return this.#object(this.#interpreter.persistent(this.#pop(), this.#fail));
      default:
        this.#fail('expected an opcode of protocols 2 to 5');
    }
    return undefined;
  }

  readonly #fail: Fail = (problem, advice = 'It is damaged, or not of torch.save: fetch it again.') => {
    const code = this.#bytes[this.#opcodeAt];
    const name = OPCODE_NAMES.get(code) ?? `0x${(code ?? 0).toString(16).padStart(2, '0')}`;
    return failInvalid(`${problem} (opcode ${name} at ${this.#place(this.#opcodeAt)}). ${advice}`);
  };

  /** Accounts for what is kept. What is dropped later still counts: it was there. */
  #keep(slots: number): void {
    this.#slots += slots;
    if (this.#slots > MOST_SLOTS) {
      this.#fail(`expected at most ${MOST_SLOTS} values, as many as 5000 tensors need, found more`);
    }
  }

  #limit(height: number): void {
    if (height > MOST_IN_A_ROW) this.#fail(`expected at most ${MOST_IN_A_ROW} values in a row, found more`);
  }

  #object<T extends PickleValue>(value: T): T {
    this.#keep(OBJECT_SLOTS);
    return value;
  }

  #tuple(items: readonly PickleValue[]): readonly PickleValue[] {
    this.#keep(items.length);
    return this.#object(items);
  }

  #push(value: PickleValue): void {
    this.#stack.push(value);
    this.#limit(this.#stack.length);
  }

  #top(): PickleValue {
    if (this.#stack.length <= (this.#marks.at(-1) ?? 0)) this.#fail('expected a value before it, found none');
    return this.#stack[this.#stack.length - 1];
  }

  #pop(): PickleValue {
    const value = this.#top();
    this.#stack.length--;
    return value;
  }

  #popItems(count: number): PickleValue[] {
    const start = this.#stack.length - count;
    if (start < (this.#marks.at(-1) ?? 0)) this.#fail(`expected ${count} values before it, found fewer`);
    return this.#stack.splice(start);
  }

  #popToMark(): PickleValue[] {
    const mark = this.#marks.pop();
    if (mark === undefined) this.#fail('expected a MARK before it, found none');
    return this.#stack.splice(mark);
  }

  #expectTop(expected: string, is: (value: PickleValue) => boolean): void {
    const value = this.#top();
    if (!is(value)) this.#fail(`expected ${expected}, found ${describeValue(value)}`);
  }

  #append(items: readonly PickleValue[]): void {
    this.#expectTop('a list', (value) => value instanceof List || isForeign(value));
    const list = this.#top();
    if (!this.#keepLists || !(list instanceof List)) return;
    this.#keep(items.length);
    for (const item of items) list.items.push(item);
  }

  #setItems(items: readonly PickleValue[]): void {
    if (items.length % 2 !== 0) this.#fail('expected a value for each key, found an odd number of them');
    this.#expectTop('a dict', (value) => value instanceof Dict || isForeign(value));
    const dict = this.#top();
    if (!(dict instanceof Dict)) return;
    this.#keep(OBJECT_SLOTS + items.length);
    for (const item of items) dict.items.push(item);
  }

  #recall(index: number): PickleValue {
    const value = this.#memo.get(index);
    if (value === undefined) this.#fail(`expected a value in memo ${index}, found none`);
    return value;
  }

  #memoize(index: number): void {
    this.#keep(OBJECT_SLOTS);
    this.#memo.set(index, this.#top());
  }

  #global(module: string, name: string): Global {
    this.#keep(OBJECT_SLOTS);
    return this.#object(new Global(`${module}.${name}`));
  }

  #call(callable: PickleValue, args: PickleValue): PickleValue {
    if (!(callable instanceof Global)) {
      this.#fail(`expected a class or a function, found ${describeValue(callable)}`);
    }
    if (!isTuple(args)) this.#fail(`expected a tuple of arguments, found ${describeValue(args)}`);
    if (callable.name === 'collections.OrderedDict') {
      if (args.length > 0)
        this.#fail('expected an OrderedDict as Python 3 writes it, found one of Python 2', SAVE_ANEW);
      return this.#object(new Dict());
    }
    this.#keep(OBJECT_SLOTS);
    return this.#interpreter.call(callable.name, args, this.#fail) ?? callable;
  }

  /** Moves on, if the bytes are there. @returns where they begin */
  #skip(count: number): number {
    const start = this.#at;
    if (count > this.#bytes.length - start) {
      this.#fail(
        `expected ${countBytes(count)}, found ${countBytes(Math.max(0, this.#bytes.length - start))}`,
      );
    }
    this.#at = start + count;
    return start;
  }

  /** A number of 1, 2, 4 or 8 bytes. */
  #uint(byteCount: 1 | 2 | 4 | 8): number {
    const at = this.#skip(byteCount);
    if (byteCount === 1) return this.#bytes[at];
    if (byteCount === 2) return this.#view.getUint16(at, true);
    const low = this.#view.getUint32(at, true);
    return byteCount === 4 ? low : low + this.#view.getUint32(at + 4, true) * 2 ** 32;
  }

  #text(byteCount: number): Text {
    const start = this.#skip(byteCount);
    return this.#object(new Text(this.#bytes, start, this.#at));
  }

  /** Two's complement, little-endian; what is beyond 2^53 can be no size. */
  #long(byteCount: number): PickleValue {
    const start = this.#skip(byteCount);
    if (byteCount > 8) return LONG;
    let value = 0;
    for (let i = 0; i < byteCount; i++) value += this.#bytes[start + i] * 2 ** (8 * i);
    if (byteCount > 0 && this.#bytes[this.#at - 1] >= 0x80) value -= 2 ** (8 * byteCount);
    return Number.isSafeInteger(value) ? value : LONG;
  }

  #line(): string {
    const start = this.#at;
    const end = this.#bytes.subarray(start, start + LONGEST_NAME + 1).indexOf(NEWLINE);
    if (end === -1) this.#fail(`expected a name of at most ${LONGEST_NAME} bytes and the end of its line`);
    this.#at = start + end + 1;
    return decode(this.#bytes.subarray(start, start + end));
  }
}

/** Of a class that is not known here, so that any of these may be done to it. */
const isForeign = (value: PickleValue) => value instanceof Global;
