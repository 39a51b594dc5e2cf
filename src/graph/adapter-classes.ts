/**
 * @file What is assumed of GPUs that nobody measured here: one class for each vendor that WebGPU names, since it tells
 * neither how many cores there are nor how they work. The numbers are those of a card in the middle of each class; the
 * tuner finds out what a device really likes.
 */

/** What is known of an adapter. */
export interface Adapter {
  /** True where its shaders run on the CPU. */
  software: boolean;
  /** True where shaders may use subgroups, and each is a quad of four threads. */
  quads?: boolean;
  /** As the browser names it. */
  adapter?: { vendor: string };
}

export interface AdapterClass {
  /** Compute units, streaming multiprocessors, cores, Xe vector engines. */
  cores: number;
  /** Waves (warps, SIMD groups, threads of a vector engine) that a core wants to hide its latencies. */
  wavesPerCore: number;
  /** Threads of a wave. */
  waveSize: number;
  /** Whether its workgroup memory is a memory of its own, and fast. */
  workgroupMemory: boolean;
}

/**
 * Sources: AMD, RDNA 2 white paper and Navi 21 (80 compute units of two SIMDs, four waves each);
 * NVIDIA, Ampere and Ada tuning guides and GA104 (46 multiprocessors of four schedulers, four warps each);
 * Apple, philipturner/metal-benchmarks (M1 to M4: 8 to 10 cores, 24 SIMD groups a core hide the latency of a multiply-add);
 * Intel, oneAPI GPU optimization guide (Iris Xe: 96 vector engines, half of their seven threads);
 * Arm, OpenCL developer guide 101574 (local memory is ordinary memory), and Qualcomm, for which TVM, MNN and LiteRT
 * use none: cores and waves as their tables of tiles assume.
 */
const classes: Readonly<Record<string, AdapterClass>> = {
  amd: { cores: 80, wavesPerCore: 8, waveSize: 64, workgroupMemory: true },
  nvidia: { cores: 46, wavesPerCore: 16, waveSize: 32, workgroupMemory: true },
  apple: { cores: 10, wavesPerCore: 24, waveSize: 32, workgroupMemory: true },
  intel: { cores: 96, wavesPerCore: 4, waveSize: 16, workgroupMemory: true },
  arm: { cores: 10, wavesPerCore: 32, waveSize: 16, workgroupMemory: false },
  qualcomm: { cores: 6, wavesPerCore: 12, waveSize: 64, workgroupMemory: false },
};

/** A GPU that does not say what it is: a middle-sized one. */
const unknown: AdapterClass = { cores: 40, wavesPerCore: 8, waveSize: 64, workgroupMemory: true };

export const adapterClass = ({ adapter }: Adapter): AdapterClass =>
  classes[adapter?.vendor.toLowerCase() ?? ''] ?? unknown;

/** So many threads keep a class busy. */
export const busyThreads = ({ cores, wavesPerCore, waveSize }: AdapterClass): number =>
  cores * wavesPerCore * waveSize;
