/** @file A few at a time. */

import { expect, it } from 'vitest';
import { Slots } from '../../src/gpu/slots.ts';

/** Lets everything that is ready run. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

it('lets in as many as there are places, the others in their order as places become free', async () => {
  const slots = new Slots(2);
  const inside: string[] = [];
  const leave = new Map<string, () => void>();
  for (const name of ['a', 'b', 'c', 'd']) {
    void slots.enter().then((leaves) => {
      inside.push(name);
      leave.set(name, leaves);
    });
  }
  await settle();
  expect(inside).toEqual(['a', 'b']);
  leave.get('b')!();
  await settle();
  expect(inside).toEqual(['a', 'b', 'c']);
  for (const name of ['a', 'c']) leave.get(name)!();
  await settle();
  expect(inside).toEqual(['a', 'b', 'c', 'd']);
  leave.get('d')!();
  expect(await slots.enter()).toBeTypeOf('function');
});
