/** @file Runs one kernel description on a device: inputs by binding name in, outputs by binding name out. */

import { bind, encode, storesHalf, Uniforms } from '../../src/gpu/bind.ts';
import { checked, type GpuContext } from '../../src/gpu/device.ts';
import { PipelineCache } from '../../src/gpu/pipelines.ts';
import { toHalf } from '../../src/kernels/half.ts';
import type { Binding, Kernel } from '../../src/kernels/kernel.ts';
import { assert, assertWritten, poison, readBuffer, USAGE } from './assert.ts';
import { fromHalf } from './precision.ts';

/** Numbers (stored as the kernel declares them), bytes, words, or a texture. */
export type KernelInput = Float32Array | Uint8Array | Uint32Array | GPUTextureView | GPUExternalTexture;

/** One cache per context, so that a test of several sizes compiles a shader once. */
const caches = new WeakMap<GpuContext, PipelineCache>();

function pipelinesOf(context: GpuContext): PipelineCache {
  const known = caches.get(context) ?? new PipelineCache(context);
  caches.set(context, known);
  return known;
}

/**
 * Uploads the inputs, poisons the outputs (but those that an input is given for: they are changed in place), dispatches once and reads the outputs. The same array under two names is
 * one buffer. Numbers come and go as f32; they are stored as halves where the kernel declares f16.
 *
 * @throws Error if an input is missing or of the wrong size, or a word of an output was not written;
 *   DBNetError `gpu-error` for whatever the device complains of
 */
export async function runKernel(
  context: GpuContext,
  kernel: Kernel,
  inputs: Readonly<Record<string, KernelInput>>,
): Promise<Record<string, Float32Array<ArrayBuffer>>> {
  const { device } = context;
  const pipeline = await pipelinesOf(context).get(kernel);
  const uploaded = new Map<KernelInput, GPUBuffer>();
  const outputs = new Map<string, GPUBuffer>();

  const upload = (binding: Binding): GPUBindingResource => {
    const input = inputs[binding.name];
    assert(input !== undefined, `${kernel.label}: nothing is given for '${binding.name}'`);
    if (!ArrayBuffer.isView(input)) return input;
    const known = uploaded.get(input);
    if (known) return { buffer: known };
    const bytes = stored(kernel, binding.name, input);
    assert(
      binding.bytes === 0 || binding.bytes === bytes.length,
      `${kernel.label}: '${binding.name}' has ${binding.bytes} bytes, ${bytes.length} are given`,
    );
    const buffer = device.createBuffer({ size: bytes.length, usage: USAGE.STORAGE | USAGE.COPY_DST });
    device.queue.writeBuffer(buffer, 0, bytes);
    uploaded.set(input, buffer);
    return { buffer };
  };
  const prepare = ({ name, bytes }: Binding): GPUBindingResource => {
    const usage = USAGE.STORAGE | USAGE.COPY_DST | USAGE.COPY_SRC;
    const buffer = device.createBuffer({ size: bytes, usage });
    const before = inputs[name];
    if (before === undefined) poison(device, buffer);
    else {
      assert(ArrayBuffer.isView(before), `${kernel.label}: '${name}' is no texture`);
      device.queue.writeBuffer(buffer, 0, stored(kernel, name, before));
    }
    outputs.set(name, buffer);
    return { buffer };
  };

  const uniforms = await Uniforms.create(context, [kernel]);
  await checked(context, kernel.label, () => {
    const step = bind(context, pipeline, kernel, uniforms.at(0), (binding) =>
      binding.access === 'read_write' ? prepare(binding) : upload(binding),
    );
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    encode(pass, [step]);
    pass.end();
    device.queue.submit([encoder.finish()]);
  });

  const results: Record<string, Float32Array<ArrayBuffer>> = {};
  for (const [name, buffer] of outputs) {
    const bytes = await readBuffer(device, buffer);
    assertWritten(bytes, `${kernel.label}, ${name}`);
    results[name] = storesHalf(kernel, name) ? fromHalf(new Uint16Array(bytes)) : new Float32Array(bytes);
  }
  for (const owner of [uniforms, ...uploaded.values(), ...outputs.values()]) owner.destroy();
  return results;
}

/** The bytes that a buffer gets, padded to whole words. */
function stored(kernel: Kernel, name: string, input: ArrayBufferView): Uint8Array<ArrayBuffer> {
  const array = input instanceof Float32Array && storesHalf(kernel, name) ? toHalf(input) : input;
  const bytes = new Uint8Array(Math.ceil(array.byteLength / 4) * 4);
  bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  return bytes;
}
