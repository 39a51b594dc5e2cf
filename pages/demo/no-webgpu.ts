/** @file What to do where there is no WebGPU, by browser. */

import type { Support } from 'dbnet-webgpu';
import { find, make } from '../shared/dom.ts';

type Reason = Extract<Support, { supported: false }>['reason'];

/** The first that fits what a browser says of itself. */
const advice: readonly [RegExp, string, string][] = [
  [
    /Firefox\//,
    'Firefox',
    'WebGPU is in Firefox 141 on Windows and 145 on Macs with Apple silicon. Elsewhere: open about:config and set dom.webgpu.enabled to true.',
  ],
  [/Android.*(Chrome|Edg)\//, 'Chrome for Android', 'Version 121 or newer, on Android 12 or newer.'],
  [
    /Linux.*(Chrome|Edg)\//,
    'Chrome, Edge on Linux',
    'Open chrome://flags, enable “Unsafe WebGPU Support” and “Vulkan”, and start the browser anew.',
  ],
  [
    /(Chrome|Edg)\//,
    'Chrome, Edge',
    'Version 113 or newer, with “Use graphics acceleration when available” on in Settings, System.',
  ],
  [/Safari\//, 'Safari', 'Version 26 or newer: macOS 26, iOS 26, iPadOS 26.'],
];

const titles: Readonly<Record<Reason, string>> = {
  'insecure-page': 'This page was not opened securely',
  'no-webgpu': 'This browser has no WebGPU',
  'no-adapter': 'This browser has WebGPU, but no GPU for it',
};

/** What to do, the reader's own browser first. */
export function adviceFor(userAgent: string): { browser: string; what: string; own: boolean }[] {
  const own = advice.find(([pattern]) => pattern.test(userAgent));
  const ordered = own ? [own, ...advice.filter((one) => one !== own)] : advice;
  return ordered.map((one) => ({ browser: one[1], what: one[2], own: one === own }));
}

/** Takes the place of the picture. */
export function showNoWebGpu(reason: Reason): void {
  find('no-webgpu-title').textContent = titles[reason];
  const secure = reason !== 'insecure-page';
  find('no-webgpu-insecure').hidden = secure;
  find('no-webgpu-advice').hidden = !secure;
  find('no-webgpu-advice').replaceChildren(
    ...adviceFor(navigator.userAgent).flatMap(({ browser, what, own }) => [
      make('dt', {}, own ? `${browser} (this one)` : browser),
      make('dd', {}, what),
    ]),
  );
  find('no-webgpu').hidden = false;
}
