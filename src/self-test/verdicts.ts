/** @file Which forms passed on this adapter, from one session to the next, and within one where nothing can be stored. */

import type { GpuContext } from '../gpu/device.ts';
import type { Precision } from '../kernels/wgsl.ts';
import type { fingerprint, openStore, tuningKey } from '../tuning/cache.ts';

/** What the house's bundle for pages holds already. */
export interface VerdictTools {
  fingerprint: typeof fingerprint;
  openStore: typeof openStore;
  tuningKey: typeof tuningKey;
}

/** Of this session, by where devices come from and then by adapter, runtime, library and precision. */
const known = new WeakMap<object, Map<string, Set<string>>>();

/** Fingerprints of the codes of those that passed; the set grows with {@link keepPassed}. */
export async function passedBefore(
  { source, adapter }: GpuContext,
  precision: Precision,
  { openStore, tuningKey }: VerdictTools,
): Promise<Set<string>> {
  const { slot, key } = tuningKey(adapter, precision);
  const sets = known.get(source) ?? new Map<string, Set<string>>();
  known.set(source, sets);
  let passed = sets.get(key);
  if (!passed) {
    passed = new Set(await stored(slotOf(slot), key, openStore()));
    sets.set(key, passed);
  }
  return passed;
}

/** Keeps that these passed, beside what is kept already. Never fails. */
export async function keepPassed(
  context: GpuContext,
  precision: Precision,
  fingerprints: readonly string[],
  tools: VerdictTools,
): Promise<void> {
  if (fingerprints.length === 0) return;
  const passed = await passedBefore(context, precision, tools);
  for (const one of fingerprints) passed.add(one);
  const { slot, key } = tools.tuningKey(context.adapter, precision);
  const store = tools.openStore();
  try {
    const all = new Set([...(await stored(slotOf(slot), key, store)), ...passed]);
    await store?.write(slotOf(slot), { key, passed: [...all] });
  } catch {
    // Then they are tested again in the next session.
  }
}

/** Beside the tuning table. */
const slotOf = (slot: string): string => `${slot} | self test`;

/** What was stored for this key; nothing where there is nothing, or something else. */
async function stored(slot: string, key: string, store: ReturnType<typeof openStore>): Promise<string[]> {
  try {
    const table = (await store?.read(slot)) as { key?: unknown; passed?: unknown } | undefined;
    if (table?.key !== key || !Array.isArray(table.passed)) return [];
    return table.passed.filter((one) => typeof one === 'string');
  } catch {
    return [];
  }
}
