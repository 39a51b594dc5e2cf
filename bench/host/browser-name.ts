/** @file Which browser a page is in, by its user agent. */

/** Names in the order in which they are told apart: Edge says that it is Chrome, Chrome that it is Safari. */
const patterns: readonly [name: string, pattern: RegExp][] = [
  ['edge', /Edg\/([\d.]+)/],
  ['firefox', /Firefox\/([\d.]+)/],
  ['chrome', /(?:Headless)?Chrome\/([\d.]+)/],
  ['safari', /Version\/([\d.]+).*Safari/],
];

export function browserName(userAgent: string): { runtime: string; runtimeVersion: string } {
  for (const [runtime, pattern] of patterns) {
    const version = pattern.exec(userAgent)?.[1];
    if (version) return { runtime, runtimeVersion: version };
  }
  return { runtime: 'browser', runtimeVersion: 'unknown' };
}
