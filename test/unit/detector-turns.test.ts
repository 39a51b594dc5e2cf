/** @file Work that takes turns. */

import { describe, expect, it } from 'vitest';
import { Turns } from '../../src/gpu/turns.ts';

/** Lets everything that is ready run. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 0));

describe('Turns', () => {
  it('runs one after the other, in the order of asking', async () => {
    const turns = new Turns();
    const log: string[] = [];
    const finish: (() => void)[] = [];
    const work = (name: string) => () =>
      new Promise<string>((resolve) => {
        log.push(`${name} starts`);
        finish.push(() => {
          log.push(`${name} ends`);
          resolve(name);
        });
      });
    const results = [turns.take(work('a')), turns.take(work('b')), turns.take(work('c'))];
    for (let i = 0; i < 3; i++) {
      await settle();
      expect(finish.length).toBe(i + 1);
      finish[i]();
    }
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c']);
    expect(log).toEqual(['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends']);
  });

  it('goes on after a failure, which only its own caller sees', async () => {
    const turns = new Turns();
    const failure = new Error('mine');
    const first = turns.take(() => Promise.reject(failure));
    const second = turns.take(async () => 2);
    await expect(first).rejects.toBe(failure);
    expect(await second).toBe(2);
    const thrown = turns.take(() => {
      throw failure;
    });
    await expect(thrown).rejects.toBe(failure);
    expect(await turns.take(async () => 3)).toBe(3);
  });

  it('begins before take() returns when nobody is before, and only then', async () => {
    const turns = new Turns();
    const log: string[] = [];
    const work = (name: string) => async () => {
      log.push(name);
    };
    expect(turns.idle).toBe(true);
    const first = turns.take(work('a'));
    expect([log, turns.idle]).toEqual([['a'], false]);
    const second = turns.take(work('b'));
    expect(log).toEqual(['a']);
    await Promise.all([first, second]);
    await settle();
    expect([log, turns.idle]).toEqual([['a', 'b'], true]);
  });

  it('keeps nobody waiting for a caller who does not', async () => {
    const turns = new Turns();
    turns.take(() => Promise.reject(new Error('seen by nobody'))).catch(() => {});
    await settle();
    let ran = false;
    void turns.take(async () => {
      ran = true;
    });
    await settle();
    expect(ran).toBe(true);
  });
});
