/**
 * @file A device that computes nonsense is noticed: kernels that are broken on purpose give way to plainer ones, with right
 * results, or to a typed error. And all kernels that are not broken pass.
 */

import { TextDetector } from '../../src/detect/detector.ts';
import type { CreateOptions } from '../../src/detect/types.ts';
import { openDevice } from '../../src/gpu/device.ts';
import { PipelineCache } from '../../src/gpu/pipelines.ts';
import { chooseWinograd, defaultChoice } from '../../src/graph/choose-kernels.ts';
import { kindOf, type Network } from '../../src/graph/graph.ts';
import { inferShapes } from '../../src/graph/infer-shapes.ts';
import { foldBatchNorm } from '../../src/graph/passes/fold-batch-norm.ts';
import { allFusions, fuse } from '../../src/graph/passes/index.ts';
import { plan } from '../../src/graph/plan.ts';
import type { RawImage } from '../../src/input/types.ts';
import type { Kernel } from '../../src/kernels/kernel.ts';
import { authors, dbNet } from '../../src/models/dbnet.ts';
import { resNet18 } from '../../src/models/resnet.ts';
import { selfTest } from '../../src/self-test/self-test.ts';
import { fingerprint, tuningKey } from '../../src/tuning/cache.ts';
import { ppOcrV6 } from '../helpers/mobile-networks.ts';
import { smallNetwork, tinyNetwork, withRandomParameters } from '../helpers/networks.ts';
import { assert, assertClose, assertEqual, assertRejects, random } from './assert.ts';
import { precisionsOf } from './precision.ts';
import { withPrivateCache } from './private-cache.ts';
import { smallWeights, tinyWeights } from './small-engine.ts';
import type { GpuTest } from './suite.ts';

const size = { width: 64, height: 32 };

function noise(): RawImage {
  const next = random(1);
  const data = Uint8Array.from({ length: size.width * size.height * 3 }, () => next() * 256);
  return { data, ...size, channels: 3 };
}

/** What becomes of the code of a kernel. */
type Break = (label: string, code: string) => string;

/** A GPU whose driver gets some kernels wrong, and which counts what is submitted. */
function brokenGpu(gpu: GPU, breaks: Break = (_, code) => code) {
  const count = { submits: 0 };
  const requestAdapter = async (options?: GPURequestAdapterOptions) => {
    const adapter = (await gpu.requestAdapter(options))!;
    const requestDevice = adapter.requestDevice.bind(adapter);
    const open = async (descriptor?: GPUDeviceDescriptor) => {
      const device = await requestDevice(descriptor);
      const create = device.createShaderModule.bind(device);
      const submit = device.queue.submit.bind(device.queue);
      Object.defineProperty(device, 'createShaderModule', {
        value: ({ label = '', code, ...rest }: GPUShaderModuleDescriptor) =>
          create({ label, code: breaks(label, code), ...rest }),
      });
      Object.defineProperty(device.queue, 'submit', {
        value: (buffers: GPUCommandBuffer[]) => {
          count.submits++;
          submit(buffers);
        },
      });
      return device;
    };
    Object.defineProperty(adapter, 'requestDevice', { value: open });
    return adapter;
  };
  return { gpu: { requestAdapter } as GPU, count };
}

/** Replaces a part of the code of kernels of a kind. Fails where it is not there, so that nothing is broken. */
const breaking =
  (kind: RegExp, from: RegExp, to: string): Break =>
  (label, code) => {
    if (!kind.test(label)) return code;
    assert(from.test(code), `'${label}' has no ${from}`);
    return code.replace(from, to);
  };

/** Of a software adapter, without quads and with them. */
const usualTile = /\((direct 8x8|quad 4x16)\)$/;

const store = /output\[at\] = vec4<f32>\(value\);/;

const open = (gpu: GPU, more: Partial<CreateOptions> = {}) =>
  TextDetector.create({ weights: tinyWeights(true), gpu, tune: 'off', ...more });

/** P of an image on a GPU, and the warnings. */
async function compute(gpu: GPU, more: Partial<CreateOptions> = {}) {
  const detector = await open(gpu, more);
  try {
    const { P } = await detector.maps(noise(), { size });
    return { P, warnings: detector.info.warnings };
  } finally {
    detector.dispose();
  }
}

const replaced: { what: string; breaks: Break; says: RegExp }[] = [
  {
    what: 'a tile that writes zeros',
    breaks: breaking(usualTile, store, 'output[at] = vec4<f32>();'),
    says: /'(direct 8x8|quad 4x16)' gives way to 'direct 4x4'/,
  },
  {
    what: 'a transform of Winograd that loses its sign',
    breaks: breaking(/\.tiles$/, /\] = (f32|vec4<f32>)\(/, '] = -$1('),
    says: /Winograd's filtering gives way to the plain convolution/,
  },
  {
    what: 'heads that mix up what was merged',
    breaks: (label, code) =>
      /^dbHead/.test(label) && code.includes('u + head * ')
        ? code.replace('features0[', 'features0[1u + ')
        : code,
    says: /gives way to its parts \(no mergeHeads\)/,
  },
];

/** Nothing is remembered. */
const tools = { kindOf, inferShapes, plan, fingerprint, openStore: () => undefined, tuningKey };

const tests: GpuTest[] = [
  {
    name: 'every form of kernel of every family passes, of software adapters and of GPUs',
    async run({ device }) {
      const context = await openDevice({ device });
      const pipelines = new PipelineCache(context);
      const networks: Network[] = [
        smallNetwork(true, { width: 16, k: 5 }),
        dbNet(resNet18(4, authors.deformable[0]), { neck: 16, head: 4, thresholdHead: false }),
        ppOcrV6(4),
      ];
      for (const precision of await precisionsOf(context)) {
        for (const [i, network] of networks.entries()) {
          const software = i % 2 === 0;
          // Channels are too few for the rule of GPUs.
          const graph = fuse(foldBatchNorm(withRandomParameters(network, 1)), allFusions, (conv) =>
            chooseWinograd(conv, { software: true }, precision),
          );
          const choice = defaultChoice({ software, quads: software && context.quads }, precision);
          const source = ([3, 'texture', 4] as const)[i];
          const input = { source, channelOrder: 'bgr', mean: [120, 110, 100], std: [60, 50, 40] } as const;
          const planned = plan(graph, size, input, choice);
          const task = {
            context,
            pipelines,
            graph,
            plan: planned,
            input,
            choice,
            avoided: new Set<string>(),
            tools,
          };
          assertEqual(await selfTest(task), [], `network ${i}, ${precision}`);
        }
      }
    },
  },
  {
    name: 'an abort while the driver compiles leaves nothing on the device',
    async run({ device }) {
      const context = await openDevice({ device });
      const { memory } = context;
      const held = new Set<unknown>();
      const [create, free] = [memory.createBuffer.bind(memory), memory.free.bind(memory)];
      memory.createBuffer = (descriptor) => {
        const buffer = create(descriptor);
        held.add(buffer);
        return buffer;
      };
      memory.free = (...resources) => {
        for (const resource of resources) held.delete(resource);
        free(...resources);
      };
      const controller = new AbortController();
      const asked: Promise<unknown>[] = [];
      const pipelines = new (class extends PipelineCache {
        override get(kernel: Kernel) {
          controller.abort(new Error('enough'));
          const pipeline = super.get(kernel);
          asked.push(pipeline);
          return pipeline;
        }
      })(context);
      const graph = fuse(foldBatchNorm(withRandomParameters(tinyNetwork(true), 1)), [], () => undefined);
      const choice = defaultChoice({ software: true }, 'f32');
      const input = { source: 3, channelOrder: 'rgb', mean: [0, 0, 0], std: [1, 1, 1] } as const;
      const task = {
        context,
        pipelines,
        graph,
        plan: plan(graph, size, input, choice),
        input,
        choice,
        tools,
      };
      const error = await selfTest({ ...task, avoided: new Set(), signal: controller.signal }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      assertEqual(String(error), 'Error: enough', 'the reason');
      assert(asked.length > 0, 'expected pipelines to be asked for');
      await Promise.all(asked);
      await device.queue.onSubmittedWorkDone();
      assertEqual(held.size, 0, 'buffers that are left');
    },
  },
  {
    name: 'a kernel that computes wrong numbers is replaced, with a warning, and results are right',
    async run({ gpu }) {
      // What passed on a device counts for all of its name: each has a cache of its own.
      const weights = smallWeights(true);
      const right = await withPrivateCache(() => compute(brokenGpu(gpu).gpu, { weights }));
      assertEqual(right.warnings, [], 'warnings of a device that computes right');
      for (const { what, breaks, says } of replaced) {
        const { P, warnings } = await withPrivateCache(() =>
          compute(brokenGpu(gpu, breaks).gpu, { weights }),
        );
        assertEqual(
          warnings.map(({ code }) => code),
          ['kernel-replaced'],
          what,
        );
        assert(says.test(warnings[0].message), `${what}: ${warnings[0].message}`);
        assertClose(P, right.P, 1e-4, what);
      }
    },
  },
  {
    name: 'where quads of threads compute wrong numbers, single ones do it',
    async run({ gpu }) {
      const context = await openDevice({ gpu });
      context.close();
      if (!context.quads) return;
      const weights = smallWeights(false);
      const right = await withPrivateCache(() => compute(brokenGpu(gpu).gpu, { weights }));
      const breaks = breaking(/^dbHead.*quad/, /quadBroadcast\(own, 1u\)/g, 'quadBroadcast(own, 0u)');
      const { P, warnings } = await withPrivateCache(() => compute(brokenGpu(gpu, breaks).gpu, { weights }));
      assertEqual(
        warnings.map(({ code }) => code),
        ['kernel-replaced'],
        'warnings',
      );
      assert(/quads of threads give way to single ones/.test(warnings[0].message), warnings[0].message);
      assertClose(P, right.P, 1e-4, 'P');
    },
  },
  {
    name: 'where the plain kernel is wrong as well, an error says so, and without the self test nothing does',
    run: ({ gpu }) =>
      withPrivateCache(async () => {
        const breaks = breaking(/\((direct|quad) \d+x\d+\)$/, store, 'output[at] = vec4<f32>();');
        const error = await assertRejects(() => open(brokenGpu(gpu, breaks).gpu), 'wrong-results', 'zeros');
        assert(
          /gives wrong numbers on this device \(number \d+ is 0, not /.test(error.message),
          error.message,
        );
        const unaware = await compute(brokenGpu(gpu, breaks).gpu, { selfTest: false });
        assertEqual(unaware.warnings, [], 'warnings without the self test');
      }),
  },
  {
    name: 'what passed is not tried again, on the same GPU or on one with the same name; what failed is',
    run: ({ gpu }) =>
      withPrivateCache(async () => {
        const submits = async (broken: ReturnType<typeof brokenGpu>, more?: Partial<CreateOptions>) => {
          const before = broken.count.submits;
          (await open(broken.gpu, more)).dispose();
          return broken.count.submits - before;
        };
        const first = brokenGpu(gpu);
        const without = await submits(brokenGpu(gpu), { selfTest: false });
        assert((await submits(first)) > without, 'expected the first detector to try its kernels');
        assertEqual(await submits(first), without, 'submits of the second');
        assertEqual(await submits(brokenGpu(gpu)), without, 'submits in another session');
        const breaks = breaking(usualTile, store, 'output[at] = -vec4<f32>(value);');
        await withPrivateCache(async () => {
          const broken = brokenGpu(gpu, breaks);
          const often = await submits(broken);
          assert(often > without, `${often} submits on a device that fails`);
          assert((await submits(broken)) > without, 'expected what failed to be tried again');
        });
      }),
  },
];

export default tests;
