/** @file The state of a training run as a file: what is refused. */

import { describe, expect, test } from 'vitest';
import { parseSafetensors } from '../../src/safetensors/parse.ts';
import { writeSafetensors } from '../../src/safetensors/write.ts';
import { resolveSettings } from '../../src/train/settings.ts';
import { readState, writeState } from '../../src/train/state-file.ts';
import { seededRandom } from '../helpers/random.ts';

const tensor = (...data: number[]) => ({
  dtype: 'F32' as const,
  shape: [data.length],
  data: Float32Array.from(data),
});
const run = { step: 7, settings: resolveSettings({}), note: { 'training.sha256': `"training.sha256":"` } };
const tensors = {
  weight: tensor(1, -2, 3),
  'training.first_moment.weight': tensor(0.5, -0.5, 0),
  'training.second_moment.weight': tensor(0, 1, 2),
  'training.average.weight': tensor(1, -2, 3),
};
const metadata = { k: '50', input: '{"size":{}}' };

test('what was written is read', async () => {
  const { file, state } = await readState(await writeState(tensors, metadata, run));
  expect(state).toEqual(run);
  expect(file.metadata).toMatchObject(metadata);
  for (const [name, { data }] of Object.entries(tensors)) expect(file.float32(name)).toEqual(data);
});

test('a state of weights that were a state has a checksum of its own', async () => {
  const first = parseSafetensors(await writeState(tensors, metadata, run));
  const again = await writeState(tensors, first.metadata, { ...run, step: 8 });
  expect((await readState(again)).state.step).toBe(8);
});

test('bytes in shared memory and in the middle of a buffer are read as well, and stay as they are', async () => {
  const bytes = await writeState(tensors, metadata, run);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 3), 3);
  shared.set(bytes);
  expect((await readState(shared)).state).toEqual(run);
  expect(Uint8Array.from(shared)).toEqual(bytes);
});

describe('damage', () => {
  test('each flipped bit is refused', async () => {
    const bytes = await writeState(tensors, metadata, run);
    for (let bit = 0; bit < 8 * bytes.length; bit++) {
      const damaged = bytes.slice();
      damaged[bit >> 3] ^= 1 << (bit & 7);
      await expect(readState(damaged), `bit ${bit}`).rejects.toThrow(
        expect.objectContaining({
          code: expect.stringMatching(/^(incompatible-weights|invalid-safetensors)$/),
        }),
      );
    }
  });

  test('bytes that were cut, added or exchanged are refused', async () => {
    const bytes = await writeState(tensors, metadata, run);
    const random = seededRandom(1);
    for (let i = 0; i < 400; i++) {
      const at = Math.floor(random() * bytes.length);
      const damaged = bytes.slice();
      damaged[at] = (damaged[at] + 1 + Math.floor(random() * 255)) & 255;
      for (const wrong of [bytes.slice(0, at), Uint8Array.of(...bytes, damaged[at]), damaged]) {
        await expect(readState(wrong)).rejects.toThrow();
      }
    }
  });

  test('a changed step is refused, with what to do', async () => {
    const bytes = await writeState(tensors, metadata, run);
    const file = parseSafetensors(bytes);
    const changed = writeSafetensors(tensors, {
      ...file.metadata,
      training: JSON.stringify({ ...run, step: 6 }),
    });
    await expect(readState(changed)).rejects.toThrow(
      /^expected the state as it was saved .* found it changed or damaged: use a copy of it, or begin anew$/,
    );
  });
});

describe('what is no state of a run, although its checksum is right', () => {
  test.each([
    ['a negative second moment', 'training.second_moment.weight', tensor(0, -1, 2), /from 0, found -1/],
    ['an infinite second moment', 'training.second_moment.weight', tensor(0, Infinity, 2), /found Infinity/],
    ['a first moment that is no number', 'training.first_moment.weight', tensor(NaN, 0, 0), /found NaN/],
    ['an average that is no number', 'training.average.weight', tensor(0, NaN, 0), /found NaN/],
  ])('%s', async (_, name, wrong, message) => {
    const bytes = await writeState({ ...tensors, [name]: wrong }, metadata, run);
    await expect(readState(bytes)).rejects.toThrow(
      expect.objectContaining({
        code: 'incompatible-weights',
        message: expect.stringMatching(message),
      }),
    );
    await expect(readState(bytes)).rejects.toThrow(`tensor '${name}'`);
  });

  test.each([-1, 0.5, 2 ** 53])('step %d', async (step) => {
    const bytes = await writeState(tensors, metadata, { ...run, step });
    await expect(readState(bytes)).rejects.toThrow(/^expected the state of a training run/);
  });
});

test('a state without a checksum is refused: it can serve as weights', async () => {
  const old = writeSafetensors(tensors, { ...metadata, training: JSON.stringify(run) });
  await expect(readState(old)).rejects.toThrow(
    /^expected a checksum in the state .* found none.* begin a new run with it as weights$/,
  );
});
