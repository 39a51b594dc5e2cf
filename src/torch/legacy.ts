/**
 * @file PyTorch's container before 1.6: five pickles in a row (a magic number, the version, the system, the object, the keys
 * of the storages), and behind them each storage: its number of elements as i64 and the elements, without padding.
 * Source: `_legacy_save` in `torch/serialization.py`.
 */

import { countBytes, quote } from '../describe.ts';
import type { Container } from './container.ts';
import { failInvalid } from './fail.ts';
import { type Storage, TorchObjects } from './objects.ts';
import { Dict, describeValue, List, nameOf, type PickleValue, plainData, unpickle } from './pickle.ts';

/** LONG1 of 0x1950a86a20f9469cfc6c, as each protocol from 2 on writes it. */
const MAGIC_NUMBER = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
/** Where it stands: behind PROTO, and from protocol 4 on behind FRAME. */
const MAGIC_AT = [2, 11];
const VERSION = 1001;
const COUNT_BYTES = 8;

/** Reads a container that begins as a pickle. @throws DBNetError `invalid-checkpoint` */
export function readLegacy(bytes: Uint8Array): Container {
  if (!MAGIC_AT.some((at) => MAGIC_NUMBER.every((byte, i) => bytes[at + i] === byte))) {
    failInvalid(
      'it is a Python pickle, but not of torch.save, whose files begin with the number 0x1950a86a20f9469cfc6c. Only ' +
        'files of torch.save are read.',
    );
  }
  const place = (at: number) => `byte ${at}`;
  const objects = new TorchObjects();
  const magic = unpickle({ bytes, start: 0, place }, plainData);
  const version = unpickle({ bytes, start: magic.end, place }, plainData);
  if (version.value !== VERSION) {
    failInvalid(`byte ${magic.end}: expected version ${VERSION}, found ${describeValue(version.value)}.`);
  }
  const system = unpickle({ bytes, start: version.end, place }, plainData);
  checkSystem(system.value, version.end);
  const object = unpickle({ bytes, start: system.end, place }, objects);
  const keys = unpickle({ bytes, start: object.end, place }, plainData, { keepLists: true });
  const places = findStorages(bytes, keys.value, object.end, keys.end, objects.storages);
  return {
    object: object.value,
    bytesOf({ key, byteLength }) {
      const at = places.get(key);
      if (at === undefined) {
        failInvalid(
          `expected storage ${quote(key)} in the list of storages at byte ${object.end}, found none.`,
        );
      }
      return bytes.subarray(at, at + byteLength);
    },
  };
}

function checkSystem(system: PickleValue, at: number): void {
  if (!(system instanceof Dict)) failInvalid(`byte ${at}: expected a dict, found ${describeValue(system)}.`);
  for (const [key, value] of system.entries()) {
    if (nameOf(key) === 'little_endian' && value !== true) {
      failInvalid(
        `byte ${at}: expected little_endian true, found ${describeValue(value)}: the bytes are in another order.`,
      );
    }
  }
}

/** Where the elements of each storage begin, by key. Each has to be there, and nothing behind the last. */
function findStorages(
  bytes: Uint8Array,
  keys: PickleValue,
  listAt: number,
  start: number,
  storages: ReadonlyMap<string, Storage>,
): Map<string, number> {
  if (!(keys instanceof List))
    failInvalid(`byte ${listAt}: expected a list of storages, found ${describeValue(keys)}.`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const places = new Map<string, number>();
  let at = start;
  for (const item of keys.items) {
    const key = nameOf(item);
    const storage = key === undefined ? undefined : storages.get(key);
    if (!storage || places.has(storage.key)) {
      failInvalid(
        `byte ${listAt}: expected each storage of the object once in the list of storages, found ` +
          `${describeValue(item)} ${storage ? 'twice' : 'beside them'}.`,
      );
    }
    const what = `storage ${quote(storage.key)} at byte ${at}`;
    const left = bytes.length - at;
    if (left < COUNT_BYTES + storage.byteLength) {
      failInvalid(
        `${what}: expected ${countBytes(COUNT_BYTES + storage.byteLength)}, but only ${countBytes(left)} follow. It is ` +
          'cut off or damaged: fetch it again.',
      );
    }
    const count = view.getBigUint64(at, true);
    if (count !== BigInt(storage.count)) {
      failInvalid(`${what}: expected ${storage.count} elements, as its tensors say, found ${count}.`);
    }
    places.set(storage.key, at + COUNT_BYTES);
    at += COUNT_BYTES + storage.byteLength;
  }
  if (at !== bytes.length) {
    failInvalid(
      `expected the file to end at byte ${at}, after its last storage, found ${countBytes(bytes.length - at)} more.`,
    );
  }
  return places;
}
