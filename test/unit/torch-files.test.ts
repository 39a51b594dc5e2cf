/** @file The reader of PyTorch files on what torch.save wrote, against what torch.load reads. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isTorch, readTorch } from '../../src/torch/index.ts';
import { readFixture } from '../helpers/fixtures.ts';
import { errorOf } from './safetensors-helpers.ts';
import { torchFixture } from './torch-helpers.ts';

const fixture = readFixture('torch.safetensors');
const read = (name: string) => readTorch(torchFixture(name));
const invalid = (name: string) => errorOf('invalid-checkpoint', () => read(name)).message;

/** What torch.load found, in its order. */
function expectedOf(name: string, kind: 'floats' | 'others') {
  const prefix = `${name}/${kind}/`;
  const found = [...fixture].filter(([key]) => key.startsWith(prefix));
  return found.map(([key, tensor]) => ({ key: key.slice(prefix.length), ...tensor }));
}

describe('files of torch.save', () => {
  it.each([
    'training',
    'types',
    'views',
    'views-legacy',
    'parameters',
    'parallel',
    'integers',
    'protocol4',
    'protocol4-legacy',
  ])('%s: names, shapes and numbers', (name) => {
    expect(isTorch(torchFixture(name))).toBe(true);
    const file = read(name);
    const floats = expectedOf(name, 'floats');
    const others = expectedOf(name, 'others');
    expect([...file.tensors.keys()].sort()).toEqual([...floats, ...others].map(({ key }) => key).sort());
    expect(floats.length).toBeGreaterThan(0);
    for (const { key, shape, data } of floats) {
      expect(file.tensors.get(key)?.shape).toEqual(shape);
      // Bits: -0 and NaN too.
      expect(new Uint32Array(file.float32(key).buffer), key).toEqual(new Uint32Array(data.buffer));
    }
    for (const { key, shape } of others) {
      expect(file.tensors.get(key)?.shape).toEqual(shape);
      errorOf('unsupported-dtype', () => file.float32(key));
    }
    expect(file.metadata).toEqual({});
  });

  it('keeps the order of the state dict and the names as they are stored', () => {
    expect([...read('parallel').tensors.keys()]).toEqual([
      'module.conv.weight',
      'module.conv.bias',
      'module.bn.weight',
      'module.bn.bias',
      'module.bn.running_mean',
      'module.bn.running_var',
      'module.bn.num_batches_tracked',
      'module.up.weight',
      'module.up.bias',
    ]);
  });

  it('tells the types by the names of safetensors', () => {
    const { tensors } = read('integers');
    expect(Object.fromEntries([...tensors].map(([name, { dtype }]) => [name, dtype]))).toEqual({
      f: 'F32',
      i64: 'I64',
      i32: 'I32',
      i16: 'I16',
      i8: 'I8',
      u8: 'U8',
      bool: 'BOOL',
      c64: 'C64',
    });
    expect(errorOf('unsupported-dtype', () => read('integers').float32('i64')).message).toBe(
      'Tensor "i64" is I64; only F64, F32, F16 and BF16 are converted to numbers. Save it as one of these.',
    );
  });

  it('gives a new array each time, and an error for a name that is none', () => {
    const file = read('types');
    expect(file.float32('f32')).not.toBe(file.float32('f32'));
    expect(errorOf('invalid-argument', () => file.float32('__proto__')).message).toContain('"__proto__"');
    errorOf('invalid-argument', () => file.float32(undefined as never));
  });

  it('reads bytes at any address of their buffer', () => {
    for (const name of ['views', 'views-legacy', 'types']) {
      const whole = read(name);
      for (let offset = 1; offset < 8; offset++) {
        const bytes = torchFixture(name);
        const moved = new Uint8Array(bytes.length + offset).subarray(offset);
        moved.set(bytes);
        const file = readTorch(moved);
        for (const key of file.tensors.keys()) expect(file.float32(key)).toEqual(whole.float32(key));
      }
    }
  });

  it('refuses a whole model by its class', () => {
    expect(invalid('whole-model')).toBe(
      'Not a valid PyTorch checkpoint: expected a dict of tensors, found an object of class "net.Net": a whole model ' +
        'was saved, whose class only Python has. Save its state_dict().',
    );
  });

  it('refuses a TorchScript program by name', () => {
    expect(invalid('script')).toContain('it is a TorchScript program (torch.jit.save)');
  });
});

describe('published kinds', () => {
  it.each([
    ['narrow-authors-r18-dcn/authors_r18_dcn', 170, 'model.module.backbone.conv1.weight', [16, 3, 7, 7]],
    [
      'narrow-authors-r50-dcn/authors_r50_dcn.zip.pth',
      382,
      'model.module.backbone.conv1.weight',
      [16, 3, 7, 7],
    ],
    ['narrow-mmocr-r18/mmocr_r18.pth', 158, 'backbone.conv1.weight', [16, 3, 7, 7]],
  ])('%s', (path, count, name, shape) => {
    const bytes = new Uint8Array(readFileSync(new URL(`../fixtures/${path}`, import.meta.url)));
    const file = readTorch(bytes);
    expect(file.tensors.size).toBe(count);
    expect(file.tensors.get(name)).toMatchObject({ dtype: 'F16', shape });
    for (const [name, { shape, dtype }] of file.tensors) {
      if (dtype === 'I64') continue;
      const numbers = file.float32(name);
      expect(numbers.length).toBe(shape.reduce((a, b) => a * b, 1));
      expect(numbers.every(Number.isFinite), name).toBe(true);
      if (name.endsWith('running_var')) expect(Math.min(...numbers)).toBeGreaterThan(0);
    }
  });
});
