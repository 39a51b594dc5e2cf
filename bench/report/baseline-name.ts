/** @file Names of the reports that are kept in `bench/baselines/`: by runtime and device. */

import type { Environment } from './report.ts';

/** `node-nvidia-h200.json`, `chrome-swiftshader-device-subzero.json`. */
export function baselineName({ runtime, adapter }: Pick<Environment, 'runtime' | 'adapter'>): string {
  const { vendor, architecture, device, description } = adapter;
  // Deno and some browsers give the device as a number, which names nothing.
  const named = /^(0x[0-9a-f]+|\d*)$/i.test(String(device)) ? '' : device;
  const name = String(named || description || `${vendor} ${architecture}`);
  // What stands in brackets are versions, as in 'llvmpipe (LLVM 15.0.6, 256 bits)'; names have no digits' dots.
  const words = name.replace(/\([^)]*\d\.\d[^)]*\)/g, '').toLowerCase();
  return `${runtime}-${words.replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '') || 'unnamed'}.json`;
}
