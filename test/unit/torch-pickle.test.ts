/** @file The reader of PyTorch files on pickles by hand: what it steps over, and what it refuses. */

import { describe, expect, it } from 'vitest';
import { readTorch } from '../../src/torch/index.ts';
import { errorOf } from './safetensors-helpers.ts';
import { archiveFile, join, le, legacyFile, type Piece, pickle, tensor } from './torch-helpers.ts';

const { text, int, global, tuple, list, dict, file } = pickle;

/** The two containers around one object. */
const containers = { archive: archiveFile, legacy: legacyFile };
const each = describe.each(Object.entries(containers));

const NO_TENSOR = join(text('b'), int(0));
const A = join(text('a'), tensor());
/** A state dict of one tensor beside anything. */
const beside = (...pieces: Piece[]) => file(dict(A, text('other'), ...pieces));

each('%s: read', (_, wrap) => {
  const names = (object: Uint8Array) => [...readTorch(wrap(object)).tensors.keys()];

  it('a bare state dict', () => {
    const read = readTorch(wrap(file(dict(A, NO_TENSOR))));
    expect([...read.tensors.keys()]).toEqual(['a']);
    expect(read.float32('a')).toEqual(Float32Array.of(1, 2));
  });

  it.each(['state_dict', 'model', 'model_state_dict'])(
    'a state dict under %s, with a loss beside it',
    (name) => {
      const object = dict(
        text('loss'),
        tensor(),
        text('ema'),
        dict(text('b'), tensor()),
        text(name),
        dict(A),
      );
      expect(names(file(object))).toEqual(['a']);
    },
  );

  it('the only state dict under another name, also if it is there twice', () => {
    const object = dict(
      text('net'),
      join(dict(A), 'q\x01'),
      text('best'),
      'h\x01',
      text('optimizer'),
      dict(int(0), tensor()),
    );
    expect(names(file(object))).toEqual(['a']);
  });

  it('an OrderedDict with a state of its own', () => {
    const ordered = join(
      global('collections', 'OrderedDict'),
      ')R',
      '(',
      A,
      'u',
      dict(text('_metadata'), 'N'),
      'b',
    );
    expect(names(file(ordered))).toEqual(['a']);
  });

  it('names that objects have from their prototype', () => {
    const odd = ['__proto__', 'constructor', 'toString', ''];
    const read = readTorch(wrap(file(dict(...odd.map((name) => join(text(name), tensor()))))));
    expect([...read.tensors.keys()]).toEqual(odd);
    expect(read.float32('__proto__')).toEqual(Float32Array.of(1, 2));
    expect(({} as Record<string, unknown>).shape).toBeUndefined();
  });

  it.each<[string, Piece[]]>([
    ['a call of os.system', [global('os', 'system'), tuple(text('exit 1')), 'R']],
    ['a call of eval, by NEWOBJ', [global('builtins', 'eval'), tuple(text('1')), '\x81']],
    ['a call by NEWOBJ_EX', [global('builtins', 'eval'), tuple(text('1')), '}', '\x92']],
    ['a call of what a call gave', [global('a', 'b'), ')R', ')R', dict(text('x'), 'N'), 'b']],
    ['a class by STACK_GLOBAL', [text('os'), text('system'), '\x93', tuple(text('exit 1')), 'R']],
    [
      'items of an unknown dict',
      [global('a', 'Config'), ')\x81', '(', text('x'), 'N', 'u', text('y'), 'N', 's'],
    ],
    ['items of an unknown list', [global('a', 'deque'), ')R', '(', 'N', 'N', 'e', 'N', 'a']],
    ['a dict that holds itself', ['}q\x07', text('self'), 'h\x07', 's']],
    ['a list that holds itself', [']q\x07', 'h\x07', 'a']],
    ['a tuple that holds itself', [']q\x07', '(h\x07tq\x08', '0h\x08', 'a', '0h\x08']],
    ['what is marked and dropped', ['((NN1', '0', '}']],
    ['sets', ['\x8f(', int(1), '\x90', '(', int(1), '\x91', '\x86']],
    ['bytes', ['C\x01a', 'B', le(1, 4), 'a', '\x86']],
    ['bytes of 64 bits of length', ['\x8e', le(1, 8), 'a', '\x96', le(1, 8), 'a', '\x86']],
    ['texts of Python 2', ['U\x01a', 'T', le(1, 4), 'a', '\x86']],
    ['texts of protocol 4', ['\x8c\x01a', '\x8d', le(1, 8), 'a', '\x86']],
    ['numbers', ['G', le(0, 8), 'K\x01', 'M\x01\x02', '\x87']],
    ['long integers', ['\x8a\x00', '\x8a\x01\xff', '\x8b', le(9, 4), 'aaaaaaaaa', '\x87']],
    ['a frame', ['\x95', le(1, 8), 'N']],
    ['a text that is no Unicode', ['X', le(2, 4), '\xed\xa0']],
    ['a long text', [text('x'.repeat(100_000))]],
    ['a memo with holes', ['Nr', le(2 ** 32 - 1, 4), 'j', le(2 ** 32 - 1, 4), '\x86']],
    ['100000 levels of lists', [']'.repeat(100_000), 'a'.repeat(99_999)]],
    ['a list of 500000 numbers', [']', `(${'K\x01'.repeat(1000)}e`.repeat(500)]],
  ])('steps over %s', (_, pieces) => {
    expect(names(beside(...pieces))).toEqual(['a']);
  });

  it('parameters, and tensors with attributes, of whatever function', () => {
    const inner = tuple(
      join(tuple(text('storage'), global('torch', 'FloatStorage'), text('0'), text('cpu'), int(2)), 'Q'),
      int(0),
      tuple(int(2)),
      tuple(int(1)),
    );
    const tagged = join(
      global('torch._tensor', '_rebuild_from_type_v2'),
      tuple(global('torch._utils', '_rebuild_tensor_v2'), global('torch', 'Tensor'), inner, '}'),
      'R',
    );
    const state = join(
      global('torch._utils', '_rebuild_parameter_with_state'),
      tuple(tensor(), '\x88', '}', '}'),
      'R',
    );
    const endless = join(
      global('torch._tensor', '_rebuild_from_type_v2'),
      tuple(global('torch._tensor', '_rebuild_from_type_v2'), 'N', inner, '}'),
      'R',
    );
    expect(names(file(dict(text('t'), tagged, text('p'), state, text('e'), endless)))).toEqual(['t', 'p']);
  });

  it('a type that has no storage class, by its shape', () => {
    const untyped = join(
      tuple(text('storage'), global('torch.storage', 'UntypedStorage'), text('0'), text('cpu'), int(8)),
      'Q',
    );
    const v3 = join(
      global('torch._utils', '_rebuild_tensor_v3'),
      tuple(untyped, int(0), tuple(int(4)), tuple(int(1)), '\x89', '}', global('torch', 'uint16'), 'N'),
      'R',
    );
    const storages = join(le(8, 8), new Uint8Array(8));
    const object = file(dict(text('u'), v3));
    const read = readTorch(wrap === legacyFile ? legacyFile(object, { storages }) : archiveFile(object));
    expect(read.tensors.get('u')).toMatchObject({ dtype: undefined, shape: [4] });
    expect(errorOf('unsupported-dtype', () => read.float32('u')).message).toContain('is UntypedStorage');
  });
});

each('%s: refused', (kind, wrap) => {
  const invalid = (object: Piece) => errorOf('invalid-checkpoint', () => readTorch(wrap(object))).message;
  // Where the object's pickle begins.
  const base = kind === 'archive' ? 0 : legacyFile('').indexOf(0x80, 40);

  it.each<[string, Piece, string]>([
    ['no STOP', join('\x80\x02', '}'), kind === 'archive' ? 'expected 1 byte, found 0 bytes' : 'STOP'],
    ['STOP alone', file(), 'expected a value before it, found none (opcode STOP at byte'],
    ['two values at the end', file('NN'), 'expected one value at the end, found more'],
    ['a mark at the end', file('(N'), 'expected one value at the end, found more'],
    ['protocol 0', '(dp0\n.', 'opcode 0x64'],
    ['protocol 6', '\x80\x06N.', 'expected protocol 2 to 5, found 6'],
    ['an opcode that is none', file('\xff'), 'expected an opcode of protocols 2 to 5 (opcode 0xff'],
    ['an extension', file('\x82\x01'), 'opcode 0x82'],
    ['a buffer that is elsewhere', file('\x97'), 'opcode 0x97'],
    ['POP of nothing', file('0'), 'expected a value before it, found none'],
    ['POP_MARK without a mark', file('1'), 'expected a MARK before it'],
    ['TUPLE without a mark', file('t'), 'expected a MARK before it'],
    ['TUPLE2 across a mark', file('N(N\x86'), 'expected 2 values before it, found fewer'],
    ['BUILD across a mark', file('}(b'), 'expected a value before it'],
    ['an odd number of items', file('}(Nu'), 'expected a value for each key'],
    ['items of a number', file('K\x01NNs'), 'expected a dict, found the number 1'],
    ['items of a list', file(']NNs'), 'expected a dict, found a list'],
    ['APPEND to a dict', file('}Na'), 'expected a list, found a dict of 0'],
    ['APPEND to None', file('NNa'), 'expected a list, found None'],
    ['ADDITEMS to a text', file(text('x'), '(\x90'), 'expected a set, found the text "x"'],
    ['a state of a number', file('K\x01Nb'), 'expected an object, found the number 1'],
    ['a call of a text', file(text('x'), ')R'), 'expected a class or a function, found the text "x"'],
    [
      'an OrderedDict of Python 2',
      file(global('collections', 'OrderedDict'), tuple(']'), 'R'),
      'expected an OrderedDict as Python 3 writes it, found one of Python 2',
    ],
    [
      'arguments that are no tuple',
      file(global('a', 'b'), 'NR'),
      'expected a tuple of arguments, found None',
    ],
    ['a class without a name', file(text('a'), 'N\x93'), 'expected the names of a module and a class'],
    ['a line without end', join('\x80\x02', 'c', 'x'.repeat(3000)), 'expected a name of at most 1024 bytes'],
    ['a memo that is empty', file('h\x00'), 'expected a value in memo 0, found none (opcode BINGET'],
    ['a text beyond the end', file('X', le(2 ** 32 - 1, 4), 'x'), 'expected 4294967295 bytes, found'],
    ['a text of 2^64 - 1', file('\x8d', le(-1, 8), 'x'), 'expected 18446744073709552000 bytes, found'],
    ['bytes of 2^63', file('\x8e', le(2n ** 63n, 8)), 'expected 9223372036854776000 bytes, found'],
    ['a long integer of 2^31', file('\x8b', le(2 ** 31, 4)), 'expected 2147483648 bytes, found'],
    ['a frame beyond the end', join('\x80\x02\x95'), 'expected'],
    ['2^18 dicts', file('}'.repeat(2 ** 18)), 'expected at most 1048576 values'],
    ['2^18 marks', file('('.repeat(2 ** 18 + 1)), 'expected at most 262144 values in a row'],
    ['2^18 values in a row', file('N'.repeat(2 ** 18 + 1)), 'expected at most 262144 values in a row'],
    ['2^20 memos', file('N', '\x94'.repeat(2 ** 20)), 'expected at most 1048576 values'],
    ['2^20 tuples of tuples', file(')', '2\x86'.repeat(2 ** 20)), 'expected at most 1048576 values'],
  ])('%s', (_, object, message) => {
    const found = invalid(object);
    if (message !== 'STOP') expect(found).toContain(message);
    expect(found).toMatch(/byte \d+/);
    expect(found.length).toBeLessThan(700);
  });

  it('the place, and what to do', () => {
    const where = kind === 'archive' ? 'byte 3 of the entry "archive/data.pkl"' : `byte ${base + 3}`;
    expect(invalid(file('N\xff'))).toBe(
      'Not a valid PyTorch checkpoint: expected an opcode of protocols 2 to 5 ' +
        `(opcode 0xff at ${where}). It is damaged, or not of torch.save: fetch it again.`,
    );
  });

  it.each<[string, Piece, string]>([
    ['None', 'N', 'expected a dict of tensors, found None.'],
    ['a tensor', tensor(), 'found a tensor.'],
    ['a list', list('N'), 'found a list.'],
    ['a tuple', tuple('N', 'N'), 'found a tuple of 2.'],
    ['a float', join('G', le(0, 8)), 'found a float.'],
    ['a text', text('x'), 'found the text "x".'],
    [
      'a whole model',
      join(global('net', 'Net'), ')\x81'),
      'found an object of class "net.Net": a whole model was saved',
    ],
    [
      'a whole model with its source',
      join(tuple(text('module'), global('net', 'Net'), text('net.py'), text('...')), 'Q', ')\x81'),
      'found an object of class "net.Net": a whole model was saved',
    ],
    ['an empty dict', '}', 'expected tensors by name, or a dict of them, found none. Save'],
    [
      'other things',
      dict(text('epoch'), int(1), text('net'), dict(text('a'), int(1))),
      'found "epoch", "net". Save the model\'s state_dict()',
    ],
    ['an empty state dict', dict(text('state_dict'), '}'), 'found a dict of 0 in "state_dict"'],
    [
      'a model in place of its state dict',
      dict(text('model'), join(global('net', 'Net'), ')\x81')),
      'found an object of class "net.Net" in "model"',
    ],
    [
      'two state dicts of other names',
      dict(text('ema'), dict(A), text('net'), dict(A), text('c'), 'N'),
      'expected one dict of tensors, found "ema", "net". Save the one of the model alone.',
    ],
    ['a name twice', dict(A, A), 'the name "a" occurs twice'],
    ['a state dict twice', dict(text('model'), '}', text('model'), dict(A)), 'the name "model" occurs twice'],
    ['a tensor without a name', dict(int(3), tensor()), 'expected the name of a tensor, found the number 3'],
    ['a tensor of too long a name', dict(text('x'.repeat(1025)), tensor()), 'found a long text'],
  ])('as no checkpoint: %s', (_, object, message) => {
    expect(invalid(file(object))).toContain(message);
  });

  it.each<[string, Piece, string]>([
    [
      'no storage',
      join(global('torch._utils', '_rebuild_tensor_v2'), tuple('N'), 'R'),
      'expected a storage, found None',
    ],
    [
      'no arguments',
      join(global('torch._utils', '_rebuild_tensor_v2'), ')R'),
      'expected a storage, found none',
    ],
    [
      'a parameter of none',
      join(global('torch._utils', '_rebuild_parameter'), tuple('N'), 'R'),
      'expected a tensor, found None',
    ],
    [
      'a type of none',
      join(global('torch._tensor', '_rebuild_from_type_v2'), ')R'),
      'expected a function and its arguments',
    ],
    ['a negative offset', tensor({ offset: -1 }), 'expected an offset from 0 on, found the number -1'],
    ['a negative side', tensor({ shape: [-2] }), 'expected a shape of at most 64 sides, found (-2)'],
    [
      'a negative stride',
      tensor({ strides: [-1], offset: 1 }),
      'expected a stride from 0 on for each of 1 sides, found (-1)',
    ],
    ['a stride too few', tensor({ shape: [1, 2] }), 'for each of 2 sides, found (1)'],
    ['65 sides', tensor({ shape: Array(65).fill(1), strides: Array(65).fill(1) }), 'found a tuple of 65'],
    ['a persistent id that is no tuple', 'NQ', 'expected a tuple as persistent id, found None'],
    ['an empty persistent id', ')Q', 'expected a storage, found none'],
    [
      'another persistent id',
      join(tuple(text('tensor')), 'Q'),
      'expected a storage, found the text "tensor"',
    ],
    [
      'another storage class',
      tensor({ type: 'system' }),
      'expected a storage class of torch, found an object of class "torch.system"',
    ],
    ['a count below zero', tensor({ count: -1 }), 'expected a number of elements, found the number -1'],
    ['too long a key', tensor({ key: 'x'.repeat(65) }), 'expected the key of a storage'],
    [
      'a view of a storage',
      join(
        tuple(
          text('storage'),
          global('torch', 'FloatStorage'),
          text('0'),
          text('cpu'),
          int(2),
          tuple(text('1'), int(0), int(1)),
        ),
        'Q',
      ),
      'found a view of one, as PyTorch before 0.4 wrote',
    ],
    [
      'two types of a storage',
      tuple(tensor(), tensor({ type: 'IntStorage' })),
      'expected FloatStorage of 2 as before, found IntStorage of 2',
    ],
    [
      'two sizes of a storage',
      tuple(tensor(), tensor({ count: 3 })),
      'expected FloatStorage of 2 as before, found FloatStorage of 3',
    ],
  ])('a tensor with %s', (_, object, message) => {
    expect(invalid(beside(object))).toContain(message);
  });

  it.each<[string, Parameters<typeof tensor>[0]]>([
    ['a side too long', { shape: [3] }],
    ['an offset too far', { offset: 1 }],
    ['an offset at the end', { offset: 2, shape: [1] }],
    ['a stride too long', { strides: [2] }],
    ['elements again and again', { shape: [1_000_000_000], strides: [0] }],
    [
      'elements again and again, of many sides',
      { shape: Array(64).fill(2 ** 31), strides: Array(64).fill(0) },
    ],
    ['sides whose product overflows', { shape: [2 ** 52, 2 ** 52], strides: [1, 2 ** 52] }],
    ['strides whose sum overflows', { shape: [2, 2], strides: [2 ** 52, 2 ** 52] }],
    ['a scalar beyond the end', { shape: [], strides: [], offset: 2 }],
  ])('a tensor beyond its storage: %s', (_, parts) => {
    const message = invalid(file(dict(text('a'), tensor(parts))));
    expect(message).toContain('tensor "a": shape [');
    expect(message).toContain('reach beyond its storage "0" of 2 elements');
    expect(message.length).toBeLessThan(800);
  });

  it('a tensor of no elements is where it wants', () => {
    const read = readTorch(
      wrap(file(dict(text('a'), tensor({ shape: [0, 2 ** 40], strides: [9, 9], offset: 7 })))),
    );
    expect(read.float32('a')).toEqual(new Float32Array(0));
  });
});
