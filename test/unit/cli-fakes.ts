/** @file Stand-ins for the terminal and the detector, so that commands run without a GPU. */

import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { createImageCodec } from '../../cli/image-codec.ts';
import type { Detector, OutputStream, Services } from '../../cli/services.ts';
import type {
  CreateOptions,
  DetectOptions,
  Maps,
  Region,
  TuneOptions,
  TuningReport,
} from '../../src/detect/types.ts';
import type { DetectionWarning, RawImage, SizeOption, SizeRule } from '../../src/input/types.ts';

/** A folder that is gone after the test. */
export function temporaryFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dbnet-cli-')));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A stream that keeps what is written. */
export function captureStream(isTTY = false): OutputStream & { text(): string } {
  const chunks: string[] = [];
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return Object.assign(stream, { isTTY, columns: 80, text: () => chunks.join('') });
}

/** What the fake detector was asked. */
export interface Calls {
  create: Omit<CreateOptions, 'gpu' | 'device'>[];
  detect: { image: RawImage; options: DetectOptions }[];
  tune: { size: SizeOption | undefined; options: TuneOptions }[];
  disposed: number;
}

export interface FakeOptions {
  cwd: string;
  isTTY?: boolean;
  software?: boolean;
  hasThresholdHead?: boolean;
  /** What `detect()` finds; may throw. */
  find?: (image: RawImage, call: number) => Region[] | Promise<Region[]>;
  /** The weights' own size rule. */
  size?: SizeRule;
  /** The part of the network's 64x32 pixels that the image fills. */
  content?: { width: number; height: number };
  /** What `detect()` warns of. */
  warnings?: DetectionWarning[];
  /** What the self test found. */
  replaced?: string[];
  /** What `tune()` gives; may throw. */
  tuning?: () => TuningReport;
  create?: () => void;
  /** What `createTrainer()` gives. */
  trainer?: Services['createTrainer'];
  codec?: Services['codec'];
  /** What stands on standard input. */
  stdin?: string;
}

/** A quad with its corners in order. */
export function box(x: number, y: number, width: number, height: number, score = 0.9): Region {
  const points: Region['points'] = [
    [x, y],
    [x + width, y],
    [x + width, y + height],
    [x, y + height],
  ];
  return { points, box: { x, y, width, height }, score };
}

/** Services with a fake detector; `find` says what is in a picture. */
export function fakeServices({
  cwd,
  isTTY = false,
  software = true,
  hasThresholdHead = true,
  find = () => [box(2, 3, 20, 8)],
  warnings = [],
  replaced = [],
  size = { rule: 'shortSide', value: 1024, multipleOf: 32 },
  content,
  tuning = () => ({
    classes: [],
    unmeasured: [],
    rejected: [],
    table: { version: 3, key: 'key', entries: {} },
    stored: undefined,
  }),
  create,
  trainer = () => Promise.reject(new Error('no trainer was expected')),
  codec = createImageCodec(),
  stdin = '',
}: FakeOptions) {
  const calls: Calls = { create: [], detect: [], tune: [], disposed: 0 };
  const controller = new AbortController();
  const stdout = captureStream(isTTY);
  const stderr = captureStream(isTTY);
  let time = 0;
  const detector: Detector = {
    info: {
      runsOn: 'Adapter One',
      adapter: { vendor: 'maker', architecture: 'arch', device: '', description: 'Adapter One' },
      software,
      precision: 'f32',
      warnings: replaced.map((message) => ({ code: 'kernel-replaced', message })),
      weights: {
        architecture: 'db-resnet18',
        parameters: 1,
        hasThresholdHead,
        input: { channelOrder: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] },
        size,
        metadata: {},
      },
    },
    async detect(image, options = {}) {
      calls.detect.push({ image, options });
      options.signal?.throwIfAborted();
      options.onProgress?.({ stage: 'network', done: 1, total: 4 });
      const regions = await find(image, calls.detect.length - 1);
      options.onProgress?.({ stage: 'network', done: 4, total: 4 });
      const timings = { preprocess: 1, network: 2000, readback: 3, postprocess: 4, total: 2008 };
      const { width, height } = image;
      const network = { width: 64, height: 32, ...(content && { content }) };
      const map = (value: number) => new Float32Array(64 * 32).fill(value);
      const alone = { P: map(0.25), ...network };
      const maps: Maps = hasThresholdHead ? { ...alone, T: map(0.5), B: map(0.75) } : alone;
      const detection = {
        regions,
        width,
        height,
        network,
        truncated: false,
        warnings,
        timings,
        runsOn: 'Adapter One',
      };
      return options.maps ? { ...detection, maps } : detection;
    },
    async tune(size, options = {}) {
      calls.tune.push({ size, options });
      options.signal?.throwIfAborted();
      options.onProgress?.({ stage: 'tune', done: 0.5, total: 4 });
      return tuning();
    },
    dispose() {
      calls.disposed += 1;
    },
  };
  const services: Services = {
    requirePackages() {},
    async createDetector(options) {
      calls.create.push(options);
      options.onProgress?.({ stage: 'weights', done: 5e6, total: 1e7 });
      create?.();
      return detector;
    },
    createTrainer: trainer,
    codec,
    stdin: () => Readable.from([Buffer.from(stdin)]),
    stdout,
    stderr,
    cwd,
    signal: controller.signal,
    now: () => time++,
  };
  return { services, calls, controller, stdout, stderr };
}
