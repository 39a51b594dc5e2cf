/** @file How far the page has come, in words and in a bar. */

import type { Progress } from 'dbnet-webgpu';
import { find } from '../shared/dom.ts';

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0);

/** What is going on, for people. */
export function wordsOf({ stage, done, total }: Progress): string {
  switch (stage) {
    case 'weights':
      return `Loading the weights: ${megabytes(done)} of ${megabytes(total)} MB`;
    case 'tune':
      return 'Measuring which shaders are fastest';
    case 'compile':
      return `Compiling shaders: ${done} of ${total}`;
    default:
      return 'Looking for text';
  }
}

export function showProgress(progress: Progress | undefined): void {
  const box = find('progress-box');
  box.hidden = progress === undefined;
  find('picture').setAttribute('aria-busy', String(progress !== undefined));
  if (!progress) return;
  const { done, total } = progress;
  find('progress-text').textContent = wordsOf(progress);
  find<HTMLProgressElement>('progress').value = total > 0 ? done / total : 0;
}
