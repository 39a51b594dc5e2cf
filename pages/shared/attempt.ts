/** @file What goes wrong, shown: the page's element `error` with `error-text` and `error-close`. */

import { find } from './dom.ts';

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Runs what a control stands for; what goes wrong is shown, in the library's words where it is the library's. */
export async function attempt(work: () => unknown): Promise<void> {
  find('error').hidden = true;
  try {
    await work();
  } catch (error) {
    find('error-text').textContent = messageOf(error);
    find('error').hidden = false;
  }
}

export const onClick = (id: string, work: () => unknown): void =>
  find(id).addEventListener('click', () => void attempt(work));
