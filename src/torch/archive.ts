/**
 * @file PyTorch's ZIP container (since 1.6): one folder with `data.pkl`, the object, and `data/KEY`, the elements of each
 * storage.
 */

import { countBytes, quote } from '../describe.ts';
import type { Container } from './container.ts';
import { failInvalid } from './fail.ts';
import { TorchObjects } from './objects.ts';
import { unpickle } from './pickle.ts';
import { readZip } from './zip.ts';

const OBJECT = /^([^/]+\/)data\.pkl$/;
const MOST_NAMES = 4;

/** Reads a ZIP container. @throws DBNetError `invalid-checkpoint` */
export function readArchive(bytes: Uint8Array): Container {
  const zip = readZip(bytes);
  const folder = findFolder(zip.names);
  const has = (name: string) => zip.names.includes(folder + name);
  if (has('constants.pkl') || zip.names.some((name) => name.startsWith(`${folder}code/`))) {
    failInvalid(
      'it is a TorchScript program (torch.jit.save), whose code only PyTorch runs. Load it in PyTorch and save its ' +
        'state_dict() with torch.save.',
    );
  }
  if (has('byteorder')) {
    const order = String.fromCharCode(...zip.data(`${folder}byteorder`).subarray(0, 16));
    if (order !== 'little')
      failInvalid(`entry "${folder}byteorder": expected "little", found ${quote(order)}.`);
  }
  const name = `${folder}data.pkl`;
  const { value } = unpickle(
    { bytes: zip.data(name), start: 0, place: (at) => `byte ${at} of the entry ${quote(name)}` },
    new TorchObjects(),
  );
  return {
    object: value,
    bytesOf({ key, byteLength, count, type }) {
      const entry = `${folder}data/${key}`;
      const data = zip.data(entry);
      if (data.length === byteLength) return data;
      return failInvalid(
        `entry ${quote(entry)}: expected ${countBytes(byteLength)} (${type.name} of ${count}), found ` +
          `${countBytes(data.length)}.`,
      );
    },
  };
}

function findFolder(names: readonly string[]): string {
  const folders = names.flatMap((name) => OBJECT.exec(name)?.[1] ?? []);
  if (folders.length === 1) return folders[0];
  if (folders.length > 1) {
    failInvalid(
      `expected one entry data.pkl, found ${folders.length} (${folders
        .slice(0, MOST_NAMES)
        .map((name) => quote(name))
        .join(', ')}).`,
    );
  }
  const shown = names.slice(0, MOST_NAMES).map((name) => quote(name));
  failInvalid(
    `expected a ZIP archive with an entry FOLDER/data.pkl, as torch.save writes it, found one of ${names.length} ` +
      `entries: ${shown.join(', ')}${names.length > MOST_NAMES ? ', ...' : ''}.`,
  );
}
