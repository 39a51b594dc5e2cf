/** @file The least that the library needs of a runtime, and proof that the harness sees what goes wrong. */

import {
  assert,
  assertClose,
  assertEqual,
  assertWritten,
  poison,
  randomFloats,
  readBuffer,
  USAGE,
} from './assert.ts';
import type { GpuTest } from './suite.ts';

const DOUBLE = /* wgsl */ `
@group(0) @binding(0) var<storage, read> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> target_: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&source)) {
    target_[id.x] = 2.0 * source[id.x];
  }
}`;

const tests: GpuTest[] = [
  {
    name: 'a compute shader writes every value',
    async run({ device }) {
      const values = randomFloats(1000, 1);
      const usage = USAGE.STORAGE | USAGE.COPY_DST | USAGE.COPY_SRC;
      const source = device.createBuffer({ size: values.byteLength, usage });
      const target = device.createBuffer({ size: values.byteLength, usage });
      device.queue.writeBuffer(source, 0, values);
      poison(device, target);

      const module = device.createShaderModule({ code: DOUBLE });
      const pipeline = await device.createComputePipelineAsync({
        layout: 'auto',
        compute: { module, entryPoint: 'main' },
      });
      const bindGroup = device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: [source, target].map((buffer, binding) => ({ binding, resource: { buffer } })),
      });
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindGroup);
      pass.dispatchWorkgroups(Math.ceil(values.length / 64));
      pass.end();
      device.queue.submit([encoder.finish()]);

      const bytes = await readBuffer(device, target);
      assertWritten(bytes, 'target');
      assertClose(
        new Float32Array(bytes),
        values.map((value) => 2 * value),
        0,
        'doubled values',
      );
    },
  },
  {
    name: 'a WGSL error is seen with its line',
    async run({ device }) {
      device.pushErrorScope('validation');
      const module = device.createShaderModule({ code: 'fn right() {}\nfn wrong() -> f32 { return 1u; }\n' });
      const { messages } = await module.getCompilationInfo();
      const error = await device.popErrorScope();
      assert(error !== null, 'the error scope saw no error');
      const first = messages.find((message) => message.type === 'error');
      assert(first !== undefined, 'getCompilationInfo() told of no error');
      assertEqual(first.lineNum, 2, 'line of the error');
    },
  },
  {
    name: 'fixtures are read, those outside test/fixtures by their path',
    async run({ fixture }) {
      const fixtures = await Promise.all([fixture('network.safetensors'), fixture('./package.json')]);
      assert(fixtures[0].length > 1_000_000, `network.safetensors has ${fixtures[0].length} bytes only`);
    },
  },
];

export default tests;
