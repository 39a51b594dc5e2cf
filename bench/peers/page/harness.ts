/**
 * @file What is the same on every page: the stages of a cold start, samples, and the way out of the page. A page is made
 * for one contender, so nothing that one loads helps or hinders another.
 */

import type { InputRecipe } from '../../../src/index.ts';

/** Served as `/setup.json`. */
export interface Setup {
  /** Of the network, pixels. */
  width: number;
  height: number;
  /** What pixels become: (pixel - mean) / std, in the stated order. */
  input: InputRecipe;
  /** Where the ONNX file is. */
  weights: string;
  /** The modules of ONNX Runtime Web. */
  onnxruntime: { webgpu: string; wasm: string };
  /** LiteRT.js: its module, the folder of its WASM files, and the same network as .tflite. Absent without the latter. */
  litert?: { code: string; wasm: string; weights: string };
  /** For reports. */
  versions: Record<string, string>;
  image: string;
}

/** What a contender runs on, as it states itself. */
export interface ContenderInfo {
  /** Of the device that it computes on; absent where that is no GPU device. */
  adapter?: string;
  threads?: number;
  /** What readers of its figures must know. */
  note?: string;
}

/** A contender. The calls come in this order, `prepare` and `run` again and again. */
export interface Contender {
  /** Fetches and evaluates the code. */
  load(setup: Setup): Promise<void>;
  /** Weights, device, session. */
  create(setup: Setup): Promise<ContenderInfo>;
  /** From RGBA pixels of the network's size to what `run` takes, where the contender leaves that to its user. */
  prepare(pixels: Uint8Array, setup: Setup): void;
  /** P in the memory of the CPU; undefined from one that gives regions instead. */
  run(pixels: Uint8Array, setup: Setup): Promise<Float32Array | undefined>;
}

/** Milliseconds. */
export interface Sample {
  prepare: number;
  run: number;
}

/** Milliseconds by stage; `first` holds preparation and run. */
export interface ColdStart {
  load: number;
  create: number;
  first: number;
  total: number;
}

/** A first result, for the outside: P as base64 of f32, little-endian. */
export interface FirstResult {
  cold: ColdStart;
  info: ContenderInfo;
  map?: string;
}

/** What a page offers to whoever drives it. */
export interface Peer {
  cold(): Promise<FirstResult>;
  sample(): Promise<Sample>;
}

/** Makes a contender callable from outside: `peer.cold()`, once, then `peer.sample()`. */
export function expose(contender: Contender): void {
  let setup: Setup;
  let pixels: Uint8Array;
  const peer: Peer = {
    async cold(): Promise<FirstResult> {
      setup = await (await fetch('/setup.json')).json();
      pixels = new Uint8Array(await (await fetch('/pixels.rgba')).arrayBuffer());
      const start = performance.now();
      await contender.load(setup);
      const loaded = performance.now();
      const info = await contender.create(setup);
      const created = performance.now();
      contender.prepare(pixels, setup);
      const map = await contender.run(pixels, setup);
      const end = performance.now();
      return {
        cold: { load: loaded - start, create: created - loaded, first: end - created, total: end - start },
        info,
        map: map && (await base64(map)),
      };
    },
    async sample(): Promise<Sample> {
      const start = performance.now();
      contender.prepare(pixels, setup);
      const prepared = performance.now();
      await contender.run(pixels, setup);
      return { prepare: prepared - start, run: performance.now() - prepared };
    },
  };
  Object.assign(globalThis, { peer });
}

function base64(values: Float32Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(new Blob([new Float32Array(values)]));
  });
}

/** The adapter's name, to be compared between contenders. */
export function describeAdapter(info: Partial<GPUAdapterInfo>): string {
  return ['vendor', 'architecture', 'device', 'description']
    .map((key) => info[key as 'vendor' | 'architecture' | 'device' | 'description'])
    .filter(Boolean)
    .join(' ');
}

/** Normalised pixels for ONNX Runtime and LiteRT, `[3, height, width]`, as a page of its own would write them. */
export function normalize(pixels: Uint8Array, { input }: Setup): Float32Array {
  const count = pixels.length / 4;
  const values = new Float32Array(count * 3);
  for (let c = 0; c < 3; c++) {
    const source = input.channelOrder === 'rgb' ? c : 2 - c;
    const scale = 1 / input.std[c];
    const shift = -input.mean[c] / input.std[c];
    for (let i = 0; i < count; i++) values[c * count + i] = pixels[i * 4 + source] * scale + shift;
  }
  return values;
}
