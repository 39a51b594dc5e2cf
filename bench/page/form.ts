/** @file The page's form as settings. */

import {
  type BenchSettings,
  defaultSettings,
  parsePrecisions,
  parseSamples,
  parseSizes,
} from '../settings.ts';

/**
 * What the form says.
 * @throws Error for sizes and numbers that are none.
 */
export function formSettings(form: FormData): { settings: BenchSettings; kernels: string[] } {
  const text = (name: string) => String(form.get(name) ?? '').trim();
  const timer = text('timer');
  return {
    settings: {
      ...defaultSettings,
      quick: form.has('quick'),
      cold: form.has('cold'),
      filter: text('filter'),
      sizes: text('sizes') ? parseSizes(text('sizes')) : undefined,
      precisions: parsePrecisions(text('precision') || 'f32'),
      samples: text('samples') ? parseSamples(text('samples')) : undefined,
      timer: timer === 'timestamp' || timer === 'slope' ? timer : 'auto',
    },
    kernels: text('kernel') ? [text('kernel')] : [],
  };
}
