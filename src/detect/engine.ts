/**
 * @file The detector's GPU side: from a ready image to mapped maps. Programs are kept per size, activation buffers
 * are shared by all of them, and calls take turns on the device.
 */

import { assertUsable, checked, explained, type GpuContext, lossError } from '../gpu/device.ts';
import { EngineDevice } from '../gpu/engine-device.ts';
import { Program } from '../gpu/program.ts';
import { run, submit } from '../gpu/run.ts';
import { Turns } from '../gpu/turns.ts';
import { chooseFusions, winogradSize } from '../graph/choose-kernels.ts';
import { type Graph, kindOf, type Network, probabilityAlone } from '../graph/graph.ts';
import { inferShapes } from '../graph/infer-shapes.ts';
import type { Constant, ParameterSource } from '../graph/operation.ts';
import { foldBatchNorm } from '../graph/passes/fold-batch-norm.ts';
import { fuse } from '../graph/passes/index.ts';
import type { WinogradRule } from '../graph/passes/winograd.ts';
import { constantsOf, type Plan, plan, planInSteps } from '../graph/plan.ts';
import type { ReadyImage } from '../input/image.ts';
import type { Recipe } from '../input/recipe.ts';
import type { Rgb } from '../input/types.ts';
import { ImageUpload } from '../input/upload.ts';
import { WaitingImages } from '../input/waiting-images.ts';
import type { Convolution } from '../kernels/convolution.ts';
import { maskUniforms } from '../kernels/db-head.ts';
import { backgroundUniforms, type Preprocess } from '../kernels/preprocess.ts';
import type { Precision } from '../kernels/wgsl.ts';
import { loadModule } from '../load-module.ts';
import { inPieces } from '../pace.ts';
import type { PaddedSize, Size } from '../size.ts';
import { fingerprint, openStore, tuningKey } from '../tuning/cache.ts';
import { convolutions } from '../tuning/classes.ts';
import type { TunedChoice, TuningReport } from '../tuning/tuned-choice.ts';
import type { Web } from '../web.ts';
import type { OnProgress, Timings, TuneOptions } from './types.ts';

/** Which maps are computed and read back. P alone skips the threshold head. */
export type Outputs = 'P' | 'PTB';

/** What its user decides of an engine. */
interface EngineHabits {
  /** How many programs are kept, the most recently used. What they hold apart from bind groups is shared. */
  maxPrograms: number;
  /** Whether kernels are tried before their first use. */
  selfTest: boolean;
}

interface CallOptions {
  onProgress?: OnProgress;
  signal?: Web<'AbortSignal'>;
}

export interface ComputeOptions extends CallOptions {
  /** What becomes of an image that is needed no longer: the call's own, or the caller's if no copy was made. Default: it is closed. */
  leave?: (image: ReadyImage) => void;
}

/** What is read back, and how the mask is thresholded if it is read. */
export interface MapRequest {
  read: readonly ('P' | 'T' | 'B' | 'mask')[];
  mask?: { of: 'P' | 'B'; threshold: number };
  /** What transparent pixels of the image are composed over. */
  background: Rgb;
}

/** Maps in mapped memory, until they are released. */
export interface MappedMaps {
  /**
   * P, T or B, row-major.
   * @throws DBNetError `disposed`, `device-lost`: the memory is gone with the device.
   */
  float32(name: 'P' | 'T' | 'B'): Float32Array;
  /** The mask, rows of `width / 32` words, bit i of a word being pixel 32 word + i. Throws as `float32()`. */
  words(name: 'mask'): Uint32Array;
  /** At which size the network ran. */
  size: PaddedSize;
  timings: Pick<Timings, 'preprocess' | 'network'>;
  /** Gives the memory back: what was read of it is valid no longer. */
  release(): void;
}

export class Engine {
  readonly context: GpuContext;
  /** Without any fusion; P alone where there is no threshold head. */
  readonly #graphs: ReadonlyMap<Outputs, Graph>;
  readonly #recipe: Recipe;
  readonly #choice: TunedChoice;
  readonly #device: EngineDevice;
  readonly #upload: ImageUpload;
  readonly #programs = new Map<string, Program>();
  readonly #maxPrograms: number;
  readonly #turns = new Turns();
  readonly #waiting: WaitingImages;
  readonly #selfTest: boolean;
  /** What the self test found, and what stands in for it. */
  readonly warnings: string[] = [];
  #loading: Promise<void> | undefined;
  #parameters: ParameterSource = () => {
    throw new Error('the weights are not there yet');
  };

  /**
   * An engine of a network whose parameters are still to be loaded. What it holds is freed with the context.
   * @param network without any fusion.
   */
  constructor(
    context: GpuContext,
    network: Network,
    recipe: Recipe,
    choice: TunedChoice,
    { maxPrograms, selfTest }: EngineHabits,
  ) {
    this.context = context;
    this.#maxPrograms = maxPrograms;
    this.#selfTest = selfTest;
    this.#recipe = recipe;
    this.#choice = choice;
    this.#device = new EngineDevice(context);
    this.#upload = new ImageUpload(context);
    this.#waiting = new WaitingImages(context);
    const graph = { ...network, parameters: (name: string) => this.#parameters(name) };
    const graphs = new Map<Outputs, Graph>([['P', foldBatchNorm(probabilityAlone(graph))]]);
    if (graph.outputs.length > 1) graphs.set('PTB', foldBatchNorm(graph));
    this.#graphs = graphs;
  }

  /**
   * Folds and uploads the weights.
   * @throws DBNetError `incompatible-weights` for numbers that are not finite, `gpu-error`, `disposed`, `device-lost`; the
   *   signal's reason.
   */
  async load(parameters: ParameterSource, signal?: Web<'AbortSignal'>): Promise<void> {
    this.#parameters = parameters;
    const upload = () => this.#device.constants.upload(this.#allConstants(), signal);
    this.#loading = explained(this.context, upload, signal);
    await this.#loading;
  }

  /**
   * Compiles and tries what `load()` and the first frame of a size need; the weights need not be there.
   * @throws DBNetError `gpu-error`, `wrong-results`, `disposed`, `device-lost`.
   */
  async compile(
    size: Size,
    outputs: Outputs,
    source: Preprocess['source'],
    onProgress?: OnProgress,
  ): Promise<void> {
    const compile = async ({ steps }: Plan) => {
      const transforms = [...this.#allConstants().values()].flatMap(({ transform }) => transform ?? []);
      const kernels = [...transforms.map(({ kernel }) => kernel()), ...steps.map(({ kernel }) => kernel)];
      let done = 0;
      await Promise.all(
        kernels.map(async (kernel) => {
          await this.#device.pipelines.get(kernel);
          onProgress?.({ stage: 'compile', done: ++done, total: kernels.length });
        }),
      );
      return undefined;
    };
    await explained(this.context, () => this.#prepared(size, outputs, source, compile));
  }

  /** Storage and arithmetic of weights and activations. */
  get precision(): Precision {
    return this.#choice.precision;
  }

  /** Whether the weights give such maps. */
  has(outputs: Outputs): boolean {
    return this.#graphs.has(outputs);
  }

  /** Bytes of GPU memory held, by use. */
  get memory(): { weights: number; activations: number; readback: number; input: number } {
    return {
      weights: this.#device.constants.bytes,
      activations: this.#device.arena.bytes,
      readback: this.#device.readback.bytes,
      input: this.#upload.bytes,
    };
  }

  /** Compiles what a size needs. */
  async warmup(
    size: Size,
    outputs: Outputs,
    source: Preprocess['source'],
    options: CallOptions,
  ): Promise<void> {
    await this.#turn(async () => {
      await this.#program(size, outputs, source, options);
    }, options);
  }

  /** True if tiles were measured for at least one layer of a size. */
  isTuned(size: Size): boolean {
    return this.#choice.knowsAnyOf(this.#convolutions(size));
  }

  /**
   * Measures tiles for a size and uses them from then on. Other calls wait until it is done.
   * @throws DBNetError `disposed`, `device-lost`, `gpu-error`; the signal's reason.
   */
  async tune(size: Size, options: TuneOptions): Promise<TuningReport> {
    const { budgetMs, onProgress, signal } = options;
    return await this.#turn(async () => {
      assertUsable(this.context);
      const old = [...this.#programs.values()];
      const codes = old.flatMap((program) => program.codes);
      try {
        const tuned = await this.#choice.tune(this.#convolutions(size), this.#device.pipelines, {
          budgetMs,
          onProgress: (done, total) => {
            assertUsable(this.context);
            onProgress?.({ stage: 'tune', done, total });
          },
          signal,
        });
        assertUsable(this.context);
        codes.push(...tuned.codes);
        this.#dropPrograms();
        // Winograd's weights and plain ones are not both needed.
        this.#device.constants.keepOnly(new Set(this.#allConstants().keys()));
        return tuned.report;
      } finally {
        this.#device.pipelines.keepOnly(new Set(codes));
      }
    }, options);
  }

  /**
   * Computes maps: those of `request.read` in mapped memory, which the caller releases. Other frames run meanwhile. The
   * image counts as it is when this is called.
   * @throws DBNetError `busy`, `invalid-image`, `disposed`, `device-lost`, `limit-exceeded`, `gpu-error`; the signal's reason.
   */
  async compute(
    image: ReadyImage,
    size: PaddedSize,
    outputs: Outputs,
    request: MapRequest,
    options: ComputeOptions,
  ): Promise<MappedMaps> {
    const { onProgress, signal, leave = (image) => image.close?.() } = options;
    const layout = layOut(request.read, size);
    const { bytes } = layout;
    let preprocessed = 0;
    let submitted = 0;
    const source = preprocessSource(image);
    // Without a wait the image is uploaded before this returns.
    const waits = !this.#turns.idle || !this.#programs.has(programKey(size, outputs, source));
    const kept = waits ? this.#waiting.keep(image) : image;
    const upload = async () => {
      try {
        const found = this.#program(size, outputs, source, options);
        const program = found instanceof Program ? found : await found;
        const own = 'then' in kept ? await kept : kept;
        const started = performance.now();
        program.setShape(backgroundUniforms(request.background));
        const steps = await checked(this.context, 'uploading the image', () => {
          const steps = program.steps(this.#upload.upload(own, size));
          if (own.kind === 'pixels' || own.kind === 'texture') return steps;
          // It is read where it is, so at once: then it is the caller's again.
          submit(this.context, steps.slice(0, 1));
          return steps.slice(1);
        }).catch((error) => {
          // What could not be had must not be taken for memory by the next image.
          this.#freeImages();
          this.#device.arena.destroy();
          throw error;
        });
        return { program, steps, started };
      } finally {
        leave(await kept);
      }
    };
    const compute = async () => {
      const { program, steps, started } = await upload();
      onProgress?.({ stage: 'preprocess', done: 1, total: 1 });
      signal?.throwIfAborted();
      assertUsable(this.context);
      if (request.mask) program.setShape(maskUniforms(request.mask));
      const staging = await this.#device.readback.acquire(bytes);
      try {
        submitted = performance.now();
        preprocessed = submitted - started;
        await run(this.context, steps, {
          submitSize: this.#device.submitSize,
          finish: (encoder) => {
            for (const [name, { offset, bytes }] of layout.maps) {
              encoder.copyBufferToBuffer(program.tensor(name).buffer, 0, staging, offset, bytes);
            }
          },
          onProgress: (done, total) => onProgress?.({ stage: 'network', done, total }),
          signal,
        });
      } catch (error) {
        this.#device.readback.release(staging);
        throw error;
      }
      return { staging, flops: program.flops };
    };
    const { staging, flops } = await this.#turn(compute, options);
    try {
      const mapped = await this.#device.readback.map(staging, bytes);
      assertUsable(this.context);
      const mappedAt = performance.now();
      onProgress?.({ stage: 'network', done: flops, total: flops });
      signal?.throwIfAborted();
      const view = (name: string): [memory: ArrayBuffer, offset: number, length: number] => {
        assertUsable(this.context);
        // A device that is lost takes its memory along, and says so a moment later.
        if (mapped.byteLength === 0) throw lossError('with memory that was mapped', this.context);
        const { offset, bytes } = layout.maps.get(name)!;
        return [mapped, offset, bytes / 4];
      };
      return {
        float32: (name) => new Float32Array(...view(name)),
        words: (name) => new Uint32Array(...view(name)),
        size,
        timings: { preprocess: preprocessed, network: mappedAt - submitted },
        release: () => this.#device.readback.release(staging),
      };
    } catch (error) {
      this.#device.readback.release(staging);
      assertUsable(this.context);
      throw error;
    }
  }

  /** As {@link WaitingImages.keep}: for an image of which several parts are computed. */
  keep(image: ReadyImage): ReadyImage | Promise<ReadyImage> {
    return this.#waiting.keep(image);
  }

  /** Frees everything; the device too, if it was opened here. Calls that are under way fail with `disposed`. */
  dispose(): void {
    this.#programs.clear();
    this.#freeImages();
    this.#device.dispose();
  }

  /** The next image gets memory of its own. */
  #freeImages(): void {
    this.#upload.destroy();
    this.#waiting.trim();
  }

  /** The convolutions at a size, as they are with Winograd's filtering nowhere and everywhere. */
  #convolutions(size: Size): Convolution[] {
    const plain = () => undefined;
    const forms = [plain, winogradSize].flatMap((rule) =>
      [...this.#graphs.keys()].map((outputs) => this.#graph(outputs, rule)),
    );
    return convolutions(forms, size, this.#choice.precision);
  }

  /** The fused graph. */
  #graph(outputs: Outputs, rule: WinogradRule = (operation) => this.#choice.winograd(operation)): Graph {
    const fusions = chooseFusions(this.context).filter((name) => !this.#choice.avoided.has(name));
    return fuse(this.#graphs.get(outputs)!, fusions, rule);
  }

  /** The weights in the forms in which kernels read them, for P alone and, if there are more, for all maps. */
  #allConstants(): ReadonlyMap<string, Constant> {
    const { precision } = this.#choice;
    return new Map(
      [...this.#graphs.keys()].flatMap((outputs) => [...constantsOf(this.#graph(outputs), precision)]),
    );
  }

  /**
   * What `compile` makes of a plan whose kernels were tried: where one computes wrong numbers, it is planned anew without it.
   * @throws DBNetError `wrong-results`, and what `compile` does.
   */
  async #prepared<T extends Program | undefined>(
    size: Size,
    outputs: Outputs,
    source: Preprocess['source'],
    compile: (plan: Plan) => Promise<T>,
    signal?: Web<'AbortSignal'>,
  ): Promise<T> {
    const { context } = this;
    const { pipelines, constants } = this.#device;
    const choice = this.#choice;
    const input = { source, ...this.#recipe.input };
    for (;;) {
      const { precision } = choice;
      const graph = this.#graph(outputs);
      const planned = await inPieces(planInSteps(graph, size, input, choice));
      const compiling = compile(planned);
      if (!this.#selfTest) return await compiling;
      // Beside it: what is tested needs the same pipelines, and a driver may compile on one core.
      const { avoided } = choice;
      const task = { context, pipelines, graph, plan: planned, input, choice, avoided, tools, signal };
      const testing = loadModule(import('../self-test/self-test.ts')).then(({ selfTest }) => selfTest(task));
      const [compiled, messages] = await Promise.all([compiling, testing]).catch((error) => {
        compiling.then((program) => program?.destroy()).catch(() => {});
        throw error;
      });
      if (messages.length === 0) return compiled;
      this.warnings.push(...messages);
      compiled?.destroy();
      if (choice.precision === precision) continue;
      // All weights are others.
      await this.#loading;
      this.#dropPrograms();
      constants.destroy();
    }
  }

  #dropPrograms(): void {
    for (const program of this.#programs.values()) program.destroy();
    this.#programs.clear();
  }

  /** A program that is known is there at once. */
  #program(
    size: Size,
    outputs: Outputs,
    source: Preprocess['source'],
    options: CallOptions,
  ): Program | Promise<Program> {
    assertUsable(this.context);
    options.signal?.throwIfAborted();
    const key = programKey(size, outputs, source);
    const known = this.#programs.get(key);
    if (!known) return this.#build(key, [size, outputs, source], options);
    // Taken out and put back, so that the map is ordered by use.
    this.#programs.delete(key);
    this.#programs.set(key, known);
    return known;
  }

  async #build(
    key: string,
    what: [Size, Outputs, Preprocess['source']],
    { onProgress, signal }: CallOptions,
  ): Promise<Program> {
    const program = await this.#prepared(
      ...what,
      (plan) =>
        Program.build(plan, this.#device, (done, total) => onProgress?.({ stage: 'compile', done, total })),
      signal,
    );
    // Also after an abort: what was built is of use to the next call.
    this.#programs.set(key, program);
    if (this.#programs.size > this.#maxPrograms) {
      const [oldest, unused] = this.#programs.entries().next().value!;
      this.#programs.delete(oldest);
      unused.destroy();
      this.#device.keepOnly(this.#programs.values());
      this.#freeImages();
    }
    signal?.throwIfAborted();
    return program;
  }

  /** Takes its turn. */
  #turn<T>(work: () => Promise<T>, { signal }: CallOptions): Promise<T> {
    return explained(this.context, () => this.#turns.take(work), signal);
  }
}

/** What the self test uses of this bundle. */
const tools = { kindOf, inferShapes, plan, fingerprint, openStore, tuningKey };

/** How the first kernel reads an image. */
function preprocessSource(image: ReadyImage): Preprocess['source'] {
  if (image.kind === 'pixels') return image.channels;
  return image.kind === 'external' ? 'external' : 'texture';
}

/** Under what a program is kept. */
const programKey = ({ width, height }: Size, outputs: Outputs, source: Preprocess['source']): string =>
  `${width}x${height} ${outputs} ${source}`;

interface ReadbackLayout {
  maps: ReadonlyMap<string, { offset: number; bytes: number }>;
  bytes: number;
}

/** Where each map stands in the readback buffer. */
function layOut(names: readonly string[], { width, height }: Size): ReadbackLayout {
  const maps = new Map<string, { offset: number; bytes: number }>();
  let offset = 0;
  for (const name of names) {
    const bytes = name === 'mask' ? (width / 8) * height : width * height * 4;
    maps.set(name, { offset, bytes });
    offset += bytes;
  }
  return { maps, bytes: offset };
}
