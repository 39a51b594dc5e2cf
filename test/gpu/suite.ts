/** @file What a GPU test is: a plain function on a device, which Node, Deno and a browser page all can run. */

/** Where a test runs. */
export type Runtime = 'node' | 'deno' | 'chromium';

/** What a test is given. */
export interface GpuTestContext {
  /**
   * A device of this test alone, with the default limits (the least that WebGPU promises), and with
   * `timestamp-query` and `shader-f16` where the adapter has them. An uncaptured error or the loss of it fails
   * the test, so a test that provokes either makes its own device from `gpu`.
   */
  device: GPUDevice;
  adapterInfo: GPUAdapterInfo;
  gpu: GPU;
  runtime: Runtime;
  /** Bytes of test/fixtures/NAME, or of a path from the project's root if the name holds a slash. */
  fixture(name: string): Promise<Uint8Array<ArrayBuffer>>;
}

/** A test; it fails by throwing. */
export interface GpuTest {
  name: string;
  run(context: GpuTestContext): Promise<void>;
}

/** A named list of tests. */
export interface GpuSuite {
  name: string;
  tests: GpuTest[];
}
