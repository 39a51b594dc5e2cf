import { expect, it } from 'vitest';
import { adapterName, isSoftware, runsOn } from '../../src/adapter-name.ts';

const adapter = (names: object) => ({ vendor: '', architecture: '', device: '', description: '', ...names });

it.each([
  [{ vendor: 'apple', architecture: 'metal-3' }, 'apple metal-3'],
  [{ vendor: 'nvidia', architecture: 'ampere', device: '0x2204' }, '0x2204'],
  [{ vendor: 'nvidia', description: 'NVIDIA GeForce RTX 3090' }, 'NVIDIA GeForce RTX 3090'],
  [{}, 'an unnamed adapter'],
])('%j is called %s', (names, expected) => {
  expect(adapterName(adapter(names))).toBe(expected);
});

it.each([
  [{ vendor: 'google', architecture: 'swiftshader' }, true],
  [{ description: 'llvmpipe (LLVM 15.0.6, 256 bits)' }, true],
  [{ description: 'Microsoft Basic Render Driver' }, true],
  [{ vendor: 'apple', description: 'Apple M2' }, false],
  [{ description: 'NVIDIA Warped Core' }, false],
])('of %j the names say software: %s', (names, expected) => {
  expect(isSoftware(adapter(names))).toBe(expected);
});

it('says in words where the CPU computes', () => {
  const named = adapter({ description: 'SwiftShader Device (Subzero)' });
  expect(runsOn({ adapter: named, software: true })).toBe(
    'SwiftShader Device (Subzero): computes on the CPU, many times slower than a GPU',
  );
  expect(runsOn({ adapter: adapter({ description: 'Apple M2' }), software: false })).toBe('Apple M2');
});
