/** @file Reads the reference tensors and JSON files of `test/fixtures`. */

import { readFileSync } from 'node:fs';

/** A tensor of a fixture file. */
export interface FixtureTensor {
  dtype: string;
  shape: number[];
  data: Float64Array | Float32Array | Int32Array | Uint8Array;
}

const ARRAYS = { F64: Float64Array, F32: Float32Array, I32: Int32Array, U8: Uint8Array };

const locate = (name: string) => new URL(`../fixtures/${name}`, import.meta.url);

/** The tensors of a safetensors file in `test/fixtures`, by name. Trusts the file, unlike the library's reader. */
export function readFixture(name: string): Map<string, FixtureTensor> {
  const file = readFileSync(locate(name));
  const dataStart = 8 + Number(file.readBigUInt64LE(0));
  const header: Record<string, { dtype: keyof typeof ARRAYS; shape: number[]; data_offsets: number[] }> =
    JSON.parse(file.toString('utf8', 8, dataStart));
  const tensors = new Map<string, FixtureTensor>();
  for (const [key, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (key === '__metadata__') continue;
    const [from, to] = data_offsets.map((offset) => dataStart + offset);
    const bytes = new Uint8Array(file.subarray(from, to)).buffer;
    tensors.set(key, { dtype, shape, data: new ARRAYS[dtype](bytes) });
  }
  return tensors;
}

/** A JSON file in `test/fixtures`. */
export function readJsonFixture<T>(name: string): T {
  return JSON.parse(readFileSync(locate(name), 'utf8'));
}
