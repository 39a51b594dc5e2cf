/**
 * @file The directory of a ZIP archive whose entries are stored as they are. Sizes come from the central directory, because
 * the local headers of a written stream have none; the place of the data comes from the local header, which alone knows
 * its padding.
 * Source: PKWARE's APPNOTE.TXT, 4.3 and 4.5.3 (ZIP64).
 */

import { countBytes, quote } from '../describe.ts';
import { failInvalid } from './fail.ts';

/** The entries of an archive by name. It keeps a view of the bytes it was made of. */
export interface ZipArchive {
  /** In the order of the central directory. */
  readonly names: readonly string[];
  /** The bytes of an entry, a view of the file. @throws DBNetError `invalid-checkpoint` if there is none. */
  data(name: string): Uint8Array;
}

interface Entry {
  readonly method: number;
  readonly encrypted: boolean;
  readonly size: number;
  readonly storedSize: number;
  readonly headerAt: number;
}

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END = 0x06054b50;
const ZIP64_END = 0x06064b50;
const ZIP64_LOCATOR = 0x07064b50;

const LOCAL_HEADER_BYTES = 30;
const CENTRAL_HEADER_BYTES = 46;
const END_BYTES = 22;
const ZIP64_END_BYTES = 56;
const ZIP64_LOCATOR_BYTES = 20;
const ZIP64_FIELD = 1;
const LONGEST_COMMENT = 0xffff;
/** Stands for "the ZIP64 field has it". */
const IN_ZIP64_FIELD = 0xffffffff;

const MOST_ENTRIES = 0xffff;
/** A file's name and what torch puts behind it. */
const LONGEST_NAME = 512;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Reads the central directory. @throws DBNetError `invalid-checkpoint`, naming the byte or the entry. */
export function readZip(bytes: Uint8Array): ZipArchive {
  const view = viewOf(bytes);
  const directory = findDirectory(view);
  const entries = readDirectory(bytes, view, directory);
  return {
    names: [...entries.keys()],
    data(name) {
      const entry = entries.get(name);
      if (!entry) failInvalid(`expected the entry ${quote(name)}, found none of that name.`);
      const at = findData(bytes, view, name, entry, directory.at);
      return bytes.subarray(at, at + entry.size);
    },
  };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

interface Directory {
  readonly at: number;
  readonly end: number;
  readonly count: number;
}

/** The end record is the last thing in the file; only a comment may follow it. */
function findDirectory(view: DataView): Directory {
  const first = Math.max(0, view.byteLength - END_BYTES - LONGEST_COMMENT);
  let at = view.byteLength - END_BYTES;
  while (at >= first && !(view.getUint32(at, true) === END && endsFile(view, at))) at--;
  if (at < first) {
    failInvalid(
      'expected the directory of a ZIP archive at the end, found none. It is cut off: fetch it again.',
    );
  }
  const locatorAt = at - ZIP64_LOCATOR_BYTES;
  if (locatorAt >= 0 && view.getUint32(locatorAt, true) === ZIP64_LOCATOR) {
    const endAt = uint64(view, locatorAt + 8);
    if (!(endAt <= locatorAt - ZIP64_END_BYTES && view.getUint32(endAt, true) === ZIP64_END)) {
      failInvalid(`expected a ZIP64 end record at byte ${endAt}, as byte ${locatorAt + 8} says, found none.`);
    }
    return checkDirectory(
      endAt,
      uint64(view, endAt + 48),
      uint64(view, endAt + 40),
      uint64(view, endAt + 32),
    );
  }
  return checkDirectory(
    at,
    view.getUint32(at + 16, true),
    view.getUint32(at + 12, true),
    view.getUint16(at + 10, true),
  );
}

const endsFile = (view: DataView, at: number) =>
  at + END_BYTES + view.getUint16(at + 20, true) === view.byteLength;

/** It must lie right before its end record: else something is between them, or before the archive. */
function checkDirectory(recordAt: number, at: number, byteLength: number, count: number): Directory {
  if (at + byteLength !== recordAt) {
    failInvalid(
      `expected the ZIP directory to end at byte ${recordAt}, where its end record is, found ` +
        `${countBytes(byteLength)} from byte ${at} on.`,
    );
  }
  if (count > MOST_ENTRIES) failInvalid(`expected at most ${MOST_ENTRIES} entries, found ${count}.`);
  return { at, end: recordAt, count };
}

function readDirectory(
  bytes: Uint8Array,
  view: DataView,
  { at: start, end, count }: Directory,
): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  let at = start;
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_HEADER_BYTES > end || view.getUint32(at, true) !== CENTRAL_HEADER) {
      failInvalid(`expected entry ${i} of ${count} of the ZIP directory at byte ${at}, found none.`);
    }
    const nameAt = at + CENTRAL_HEADER_BYTES;
    const nameBytes = view.getUint16(at + 28, true);
    const fieldsAt = nameAt + nameBytes;
    const fieldsEnd = fieldsAt + view.getUint16(at + 30, true);
    const next = fieldsEnd + view.getUint16(at + 32, true);
    if (next > end)
      failInvalid(`entry ${i} of the ZIP directory at byte ${at} goes beyond its end at byte ${end}.`);
    if (nameBytes > LONGEST_NAME) {
      failInvalid(
        `entry ${i} at byte ${at}: expected a name of at most ${LONGEST_NAME} bytes, found ${nameBytes}.`,
      );
    }
    const name = decoder.decode(bytes.subarray(nameAt, fieldsAt));
    if (entries.has(name)) failInvalid(`the entry ${quote(name)} occurs twice; the second is at byte ${at}.`);
    // Those of the three that are too big for 32 bits stand in the ZIP64 field, in this order.
    let fieldAt = findZip64Field(view, fieldsAt, fieldsEnd);
    const [size, storedSize, headerAt] = [24, 20, 42].map((offset) => {
      const value = view.getUint32(at + offset, true);
      if (value !== IN_ZIP64_FIELD) return value;
      if (fieldAt.at + 8 > fieldAt.end)
        failInvalid(`entry ${quote(name)}: expected a ZIP64 field, found none.`);
      fieldAt = { ...fieldAt, at: fieldAt.at + 8 };
      return uint64(view, fieldAt.at - 8);
    });
    entries.set(name, {
      method: view.getUint16(at + 10, true),
      encrypted: (view.getUint16(at + 8, true) & 1) !== 0,
      size,
      storedSize,
      headerAt,
    });
    at = next;
  }
  if (at !== end) failInvalid(`expected ${count} entries in the ZIP directory, found more at byte ${at}.`);
  return entries;
}

/** Where the numbers of the ZIP64 field lie; nowhere if there is none. */
function findZip64Field(view: DataView, start: number, end: number): { at: number; end: number } {
  for (let at = start; at + 4 <= end; ) {
    const fieldEnd = at + 4 + view.getUint16(at + 2, true);
    if (view.getUint16(at, true) === ZIP64_FIELD) return { at: at + 4, end: Math.min(fieldEnd, end) };
    at = fieldEnd;
  }
  return { at: end, end };
}

/** The data's place. What lies in the directory or behind it is no data. */
function findData(bytes: Uint8Array, view: DataView, name: string, entry: Entry, dataEnd: number): number {
  const what = `entry ${quote(name)}`;
  const { headerAt, size } = entry;
  if (entry.encrypted)
    failInvalid(`${what} is encrypted; torch.save writes no such entry. Save it anew with torch.save.`);
  if (entry.method !== 0 || entry.storedSize !== size) {
    failInvalid(
      `${what}: expected it to be stored as it is, found it compressed (method ${entry.method}). The archive was ` +
        'packed by another program: load it in PyTorch and save it anew with torch.save.',
    );
  }
  if (headerAt + LOCAL_HEADER_BYTES > dataEnd || view.getUint32(headerAt, true) !== LOCAL_HEADER) {
    failInvalid(
      `${what}: expected its header at byte ${headerAt}, found none. The file is damaged: fetch it again.`,
    );
  }
  const nameAt = headerAt + LOCAL_HEADER_BYTES;
  const nameEnd = nameAt + view.getUint16(headerAt + 26, true);
  const at = nameEnd + view.getUint16(headerAt + 28, true);
  if (at + size > dataEnd) {
    failInvalid(
      `${what}: its ${countBytes(size)} from byte ${at} on go beyond the archive's data, which ends at byte ` +
        `${dataEnd}. The file is damaged: fetch it again.`,
    );
  }
  if (nameEnd - nameAt > LONGEST_NAME || decoder.decode(bytes.subarray(nameAt, nameEnd)) !== name) {
    failInvalid(
      `${what}: the header at byte ${headerAt} has another name. The file is damaged: fetch it again.`,
    );
  }
  return at;
}

/** Exact up to 2^53: no file is that long, and what is longer is refused for it. */
function uint64(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint32(at + 4, true) * 2 ** 32;
}
