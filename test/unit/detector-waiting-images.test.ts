/** @file Copies of images that wait: what is copied, and how much may wait. */

import { describe, expect, it } from 'vitest';
import type { GpuContext } from '../../src/gpu/device.ts';
import type { ReadyImage } from '../../src/input/image.ts';
import { WaitingImages, waitingLimit } from '../../src/input/waiting-images.ts';

/** Of a device only textures are asked. */
const context = {} as GpuContext;

const raw = (more: { borrowed?: true } = {}): ReadyImage & { kind: 'pixels' } => ({
  kind: 'pixels',
  // Of a class whose slice() is a view.
  data: Buffer.of(1, 2, 3),
  width: 1,
  height: 1,
  channels: 3,
  ...more,
});

/** A picture that says it has half of what may wait, without the memory. */
function half(): ReadyImage {
  const data = { length: 0 } as unknown as Uint8Array;
  return { kind: 'pixels', data, width: 8192, height: waitingLimit / 8 / 8192, channels: 4, borrowed: true };
}

describe('WaitingImages', () => {
  it("copies what is the caller's, and nothing else", async () => {
    const waiting = new WaitingImages(context);
    const borrowed = raw({ borrowed: true });
    const kept = await waiting.keep(borrowed);
    borrowed.data.fill(0);
    expect(kept).toMatchObject({ data: Uint8Array.of(1, 2, 3), width: 1, height: 1, channels: 3 });
    const own = raw();
    expect(waiting.keep(own)).toBe(own);
  });

  it('refuses what would be too much to wait, until there is room again', async () => {
    const waiting = new WaitingImages(context);
    const first = await waiting.keep(half());
    await waiting.keep(half());
    expect(() => waiting.keep(raw({ borrowed: true }))).toThrowError(
      expect.objectContaining({
        code: 'busy',
        message:
          'expected at most 512 MiB of images that wait for their turn, found 512.0 MiB with this one: await earlier ' +
          'calls before the next',
      }),
    );
    expect(waiting.keep(raw())).toBeDefined();
    first.close?.();
    expect(waiting.keep(raw({ borrowed: true }))).toBeDefined();
  });

  it('takes one image of any size', async () => {
    const image = half();
    expect(new WaitingImages(context).keep({ ...image, height: 4 * image.height })).toBeDefined();
  });
});
