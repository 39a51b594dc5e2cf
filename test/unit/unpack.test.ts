import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ArchiveFile, readTar, unpackOnce } from '../../src/platform/unpack.ts';

const encode = (text: string) => new TextEncoder().encode(text);

/** One entry of a ustar archive; the checksum field is left out, as nothing here reads it. */
function entry(name: string, body: string, type = '0', mode = 0o755): Uint8Array {
  const bytes = new Uint8Array(512 + Math.ceil(body.length / 512) * 512);
  const put = (text: string, at: number) => bytes.set(encode(text), at);
  put(name, 0);
  put(`${mode.toString(8).padStart(7, '0')}\0`, 100);
  put(`${body.length.toString(8).padStart(11, '0')}\0`, 124);
  put(type, 156);
  put('ustar\0', 257);
  put(body, 512);
  return bytes;
}

const archive = (...entries: Uint8Array[]) =>
  new Uint8Array(Buffer.concat([...entries, new Uint8Array(1024)]));

describe('readTar', () => {
  it('gives regular files with their modes, and no folders or links', () => {
    const long = 'x'.repeat(600);
    const files = readTar(
      archive(entry('a', 'one'), entry('d/', '', '5'), entry('l', '', '2'), entry('d/b', long, '0', 0o644)),
    );
    expect(files.map(({ name, mode, data }) => [name, mode, new TextDecoder().decode(data)])).toEqual([
      ['a', 0o755, 'one'],
      ['d/b', 0o644, long],
    ]);
  });

  it('refuses a size that is no number or leads out of the archive', () => {
    const wrong = archive(entry('a', 'one'));
    wrong.set(encode('zzz'), 124);
    expect(() => readTar(wrong)).toThrow('corrupt tar header at byte 0');
    expect(() => readTar(entry('a', 'x'.repeat(600)).subarray(0, 1000))).toThrow('corrupt tar header');
  });
});

describe('unpackOnce', () => {
  let root: string;
  const parent = (name: string) => join(root, name);
  const files: ArchiveFile[] = [{ name: 'sub/lib.so', mode: 0o755, data: encode('library') }];
  const unread = (): ArchiveFile[] => {
    throw new Error('read again');
  };

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'dbnet-webgpu-test-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('unpacks on the first call only, into private folders, and leaves no temporary ones', () => {
    const folder = unpackOnce([parent('a')], 'v1', ['sub/lib.so'], () => files);
    expect(folder).toBe(join(root, 'a/v1'));
    expect(readFileSync(join(folder, 'sub/lib.so'), 'utf8')).toBe('library');
    expect(statSync(folder).mode & 0o077).toBe(0);
    expect(unpackOnce([parent('a')], 'v1', ['sub/lib.so'], unread)).toBe(folder);
    expect(readdirSync(parent('a'))).toEqual(['v1']);
  });

  it('unpacks again when a file has gone', () => {
    const folder = unpackOnce([parent('a')], 'v1', ['sub/lib.so'], () => files);
    rmSync(join(folder, 'sub'), { recursive: true });
    unpackOnce([parent('a')], 'v1', ['sub/lib.so'], () => files);
    expect(readFileSync(join(folder, 'sub/lib.so'), 'utf8')).toBe('library');
  });

  it('unpacks again when a file, or the list of them, is empty, cut or changed', () => {
    const unpack = () => unpackOnce([parent('a')], 'v1', ['sub/lib.so'], () => files);
    const folder = unpack();
    for (const name of ['sub/lib.so', 'sha256.json']) {
      const path = join(folder, name);
      const whole = readFileSync(path);
      for (const damaged of [
        Buffer.alloc(0),
        whole.subarray(0, -1),
        Buffer.from(whole).fill('x', 2, 3),
        Buffer.concat([whole, Buffer.from('}')]),
      ]) {
        writeFileSync(path, damaged);
        expect(unpack()).toBe(folder);
        expect(readFileSync(path).equals(whole), name).toBe(true);
      }
    }
    expect(readdirSync(parent('a'))).toEqual(['v1']);
  });

  it('unpacks again when others can write to a file, or it is a link', () => {
    const unpack = () => unpackOnce([parent('a')], 'v1', ['sub/lib.so'], () => files);
    const path = join(unpack(), 'sub/lib.so');
    chmodSync(path, 0o666);
    unpack();
    expect(statSync(path).mode & 0o022).toBe(0);
    rmSync(path);
    writeFileSync(parent('library'), 'library');
    symlinkSync(parent('library'), path);
    unpack();
    expect(lstatSync(path).isFile()).toBe(true);
  });

  it('passes over a folder below one that others can write to, and a link that leads there', () => {
    mkdirSync(parent('shared'));
    chmodSync(parent('shared'), 0o777);
    symlinkSync(parent('shared'), parent('link'));
    const parents = ['shared/deep/cache', 'link/cache', 'good'].map(parent);
    expect(unpackOnce(parents, 'v1', ['sub/lib.so'], () => files)).toBe(join(root, 'good/v1'));
    expect(() => unpackOnce(parents.slice(0, 2), 'v1', ['sub/lib.so'], () => files)).toThrow(
      `${parent('shared')}: other users can write there`,
    );
  });

  it('takes a folder below one where others cannot replace what is not theirs, as in /tmp', () => {
    mkdirSync(parent('sticky'));
    chmodSync(parent('sticky'), 0o1777);
    const parents = [parent('sticky/cache')];
    expect(unpackOnce(parents, 'v1', ['sub/lib.so'], () => files)).toBe(join(root, 'sticky/cache/v1'));
  });

  it('uses what another process finished in the meantime', () => {
    const folder = unpackOnce([parent('a')], 'v1', ['sub/lib.so'], () => {
      unpackOnce([parent('a')], 'v1', ['sub/lib.so'], () => [{ ...files[0], data: encode('first') }]);
      return files;
    });
    expect(readFileSync(join(folder, 'sub/lib.so'), 'utf8')).toBe('first');
  });

  it('passes over a folder that others can write to, a link, and a file', () => {
    mkdirSync(parent('shared'));
    chmodSync(parent('shared'), 0o777);
    mkdirSync(parent('real'), { mode: 0o700 });
    symlinkSync(parent('real'), parent('link'));
    writeFileSync(parent('file'), '');
    const parents = ['shared', 'link', 'file', 'good'].map(parent);
    expect(unpackOnce(parents, 'v1', ['sub/lib.so'], () => files)).toBe(join(root, 'good/v1'));
  });

  it('replaces an unpacked folder that others can write to', () => {
    const folder = unpackOnce([parent('a')], 'v1', ['sub/lib.so'], () => files);
    chmodSync(folder, 0o777);
    unpackOnce([parent('a')], 'v1', ['sub/lib.so'], () => files);
    expect(statSync(folder).mode & 0o077).toBe(0);
  });

  it('says for each folder why it cannot be used', () => {
    writeFileSync(parent('file'), '');
    expect(() => unpackOnce([parent('file')], 'v1', ['sub/lib.so'], () => files)).toThrow(parent('file'));
    expect(() => unpackOnce([parent('a')], 'v1', ['other.so'], () => files)).toThrow('not all of other.so');
    const outside = [{ ...files[0], name: '../lib.so' }];
    expect(() => unpackOnce([parent('a')], 'v1', ['../lib.so'], () => outside)).toThrow('outside its folder');
    expect(readdirSync(root).sort()).toEqual(['a', 'file']);
  });
});
