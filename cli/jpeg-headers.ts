/**
 * @file Odd headers of JPEG files, set right. Cameras and editors write some that decoders read with a warning, and a
 * warning is all that tells a damaged file from a whole one: without these, any warning means damage.
 */

const marker = { startOfImage: 0xd8, endOfImage: 0xd9, startOfScan: 0xda, jfif: 0xe0, adobe: 0xee } as const;

/** Sequential frames (baseline, extended, with arithmetic coding), whose scans hold all 64 coefficients. */
const sequential = [0xc0, 0xc1, 0xc9];

/** Markers of a frame: what else lies from C0 to CF are tables. */
const isFrame = (code: number) => code >= 0xc0 && code <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(code);

/** Markers without a length: restarts within a scan, and TEM. */
const isBare = (code: number) => (code >= 0xd0 && code <= 0xd7) || code === 0x01;

/**
 * The file with these set to what decoders take them for: a JFIF version other than 1 (JFIF 1.02, annex), an unknown
 * colour transform of Adobe's, coefficients 0 to 0 in the scan header of a sequential frame (Samsung's cameras; ITU T.81,
 * B.2.3, wants 0 to 63), and bytes between header segments that belong to none. Damage stays as it is.
 *
 * @returns The same bytes if there is nothing to set right, or if this is no JPEG.
 */
export function mendJpegHeaders(bytes: Uint8Array): Uint8Array {
  if (bytes[0] !== 0xff || bytes[1] !== marker.startOfImage) return bytes;
  /** What lies between header segments, from and to. */
  const strays: [number, number][] = [];
  const changes = new Map<number, number>();
  const set = (at: number, value: number) => {
    if (bytes[at] !== value) changes.set(at, value);
  };
  let frame = 0;
  let components = 0;
  let transform: number | undefined;
  let scans = 0;
  let at = 2;
  while (at + 4 <= bytes.length) {
    const stray = at;
    while (at + 4 <= bytes.length && !isMarker(bytes, at)) at++;
    // Between scans they may be what is left of damaged data.
    if (at > stray && scans === 0) strays.push([stray, at]);
    const code = bytes[at + 1];
    if (code === marker.endOfImage || at + 4 > bytes.length) break;
    if (isBare(code)) {
      at += 2;
      continue;
    }
    const end = at + 2 + ((bytes[at + 2] << 8) | bytes[at + 3]);
    if (end > bytes.length) break;
    if (isFrame(code)) {
      frame = code;
      components = bytes[at + 9];
    } else if (code === marker.jfif && end >= at + 11 && tagged(bytes, at, 'JFIF\0')) {
      set(at + 9, 1);
    } else if (code === marker.adobe && end >= at + 16 && tagged(bytes, at, 'Adobe')) {
      transform = at + 15;
    } else if (code === marker.startOfScan) {
      const coefficients = at + 5 + 2 * bytes[at + 4];
      if (sequential.includes(frame) && coefficients + 3 === end) {
        set(coefficients, 0);
        set(coefficients + 1, 63);
        set(coefficients + 2, 0);
      }
      scans++;
      at = afterScan(bytes, end);
      continue;
    }
    at = end;
  }
  // What decoders assume: YCCK with four components, YCbCr with three.
  if (transform !== undefined && bytes[transform] > 2) set(transform, components === 4 ? 2 : 1);
  if (changes.size === 0 && strays.length === 0) return bytes;
  const mended = new Uint8Array(bytes);
  for (const [place, value] of changes) mended[place] = value;
  return without(mended, strays);
}

const isMarker = (bytes: Uint8Array, at: number) =>
  bytes[at] === 0xff && bytes[at + 1] !== 0x00 && bytes[at + 1] !== 0xff;

function tagged(bytes: Uint8Array, at: number, tag: string): boolean {
  return [...tag].every((letter, i) => bytes[at + 4 + i] === letter.charCodeAt(0));
}

/** Where the coded data of a scan end: at the next marker that is no restart. */
function afterScan(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(0xff, from); at !== -1; at = bytes.indexOf(0xff, at + 1)) {
    if (isMarker(bytes, at) && !isBare(bytes[at + 1])) return at;
  }
  return bytes.length;
}

function without(bytes: Uint8Array, parts: readonly [from: number, to: number][]): Uint8Array {
  let to = 0;
  let from = 0;
  for (const [start, end] of parts) {
    bytes.copyWithin(to, from, start);
    to += start - from;
    from = end;
  }
  bytes.copyWithin(to, from);
  return bytes.subarray(0, to + bytes.length - from);
}
