/** @file What waits is ended by silence, never by the time that others took. */

import { describe, expect, it } from 'vitest';
import { Heartbeat } from '../helpers/heartbeat.ts';

const never = () => new Promise<never>(() => {});

/** As many ticks as a heart is silent. */
function tick(heartbeat: Heartbeat, times: number): void {
  for (let i = 0; i < times; i++) heartbeat.tick();
}

describe('Heartbeat', () => {
  it('gives what the work gives, or its error', async () => {
    const heartbeat = new Heartbeat(60);
    expect(await heartbeat.whileAlive(async () => 5)).toBe(5);
    await expect(heartbeat.whileAlive(() => Promise.reject(new Error('mine')))).rejects.toThrow('mine');
  });

  it('waits for ever as long as there are signs of life, and no longer', async () => {
    const heartbeat = new Heartbeat(60);
    const waiting = heartbeat.whileAlive(never).catch((error: Error) => error.message);
    for (let i = 0; i < 100; i++) {
      tick(heartbeat, 59);
      heartbeat.beat();
    }
    let ended = false;
    void waiting.finally(() => {
      ended = true;
    });
    await Promise.resolve();
    expect(ended).toBe(false);
    tick(heartbeat, 60);
    expect(await waiting).toBe('no sign of life for 60 s');
  });

  it('ends the innermost wait, which those around it may answer; time before a wait does not count', async () => {
    const heartbeat = new Heartbeat(60);
    tick(heartbeat, 59);
    const waiting = heartbeat.whileAlive(async () => {
      const found = await heartbeat.whileAlive(never).catch((error: Error) => error.message);
      return `answered: ${found}`;
    });
    tick(heartbeat, 60);
    expect(await waiting).toBe('answered: no sign of life for 60 s');
  });
});
