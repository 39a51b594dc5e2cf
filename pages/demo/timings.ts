/** @file How long each stage took, as a bar and in numbers. */

import type { Timings } from 'dbnet-webgpu';
import { find, make } from '../shared/dom.ts';

const stages = [
  ['preprocess', 'prepare'],
  ['network', 'network'],
  ['readback', 'read back'],
  ['postprocess', 'regions'],
] as const;

/** Three digits, in milliseconds or seconds. */
export function duration(ms: number): string {
  if (ms >= 999.5) return `${(ms / 1000).toPrecision(3)} s`;
  return ms >= 9.95 ? `${ms.toFixed(0)} ms` : `${ms.toFixed(1)} ms`;
}

export function showTimings(timings: Timings): void {
  find('total').textContent = duration(timings.total);
  const bar = stages.map(([stage]) => {
    const part = make('i', { className: stage });
    part.style.flexGrow = String(timings[stage]);
    return part;
  });
  find('bar').replaceChildren(...bar);
  const rows = stages.map(([stage, title]) =>
    make(
      'div',
      {},
      make('dt', {}, make('i', { className: `key ${stage}` }), title),
      make('dd', {}, duration(timings[stage])),
    ),
  );
  find('stages').replaceChildren(...rows);
}
