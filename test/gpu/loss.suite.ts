/**
 * @file Devices that are lost: calls that are under way say so, the next one computes on another device, bit for bit the same,
 * at whatever moment it happens. With a network of few channels.
 */

import { TextDetector } from '../../src/detect/detector.ts';
import type { CreateOptions } from '../../src/detect/types.ts';
import { DBNetError } from '../../src/errors.ts';
import type { RawImage } from '../../src/input/types.ts';
import { assert, assertEqual, assertRejects, random } from './assert.ts';
import { smallWeights } from './small-engine.ts';
import type { GpuTest } from './suite.ts';
import { spread, type WatchedDevice, watchDevice } from './watch-device.ts';

const size = { width: 64, height: 32 };

/** Of a detector's life, at which its device is lost. `npm run soak` tries more. */
const moments = 8;

function noise(): RawImage {
  const next = random(1);
  const data = Uint8Array.from({ length: size.width * size.height * 3 }, () => next() * 256);
  return { data, ...size, channels: 3 };
}

/** A GPU that remembers the devices that it gives, and can lose the newest at a moment of its life. */
function watchedGpu(gpu: GPU) {
  const devices: { device: GPUDevice; watched: WatchedDevice }[] = [];
  let ahead = { answer: 0, action: (_: GPUDevice) => {} };
  const requestAdapter = async (options?: GPURequestAdapterOptions) => {
    const adapter = (await gpu.requestAdapter(options))!;
    const requestDevice = adapter.requestDevice.bind(adapter);
    const watch = async (descriptor?: GPUDeviceDescriptor) => {
      const device = await requestDevice(descriptor);
      const watched = watchDevice(device);
      const { answer, action } = ahead;
      watched.at(answer, () => action(device));
      devices.push({ device, watched });
      return device;
    };
    Object.defineProperty(adapter, 'requestDevice', { value: watch });
    return adapter;
  };
  return {
    gpu: { requestAdapter } as GPU,
    devices,
    /** Loses the next device at the `answer`-th answer. */
    loseNext(answer: number) {
      ahead = {
        answer,
        action: (device) => {
          ahead = { answer: 0, action: () => {} };
          device.destroy();
        },
      };
    },
  };
}

const open = (gpu: GPU, more: Partial<CreateOptions> = {}) =>
  TextDetector.create({ selfTest: false, weights: smallWeights(true), gpu, ...more });

const codeOf = (error: unknown): unknown => (error instanceof DBNetError ? error.code : error);

const tests: GpuTest[] = [
  {
    name: 'between calls: the next one opens another device, without a download, and tells the caller',
    async run(context) {
      const { gpu, devices } = watchedGpu(context.gpu);
      const reasons: string[] = [];
      const detector = await open(gpu, { onDeviceLost: (reason) => reasons.push(reason) });
      const image = noise();
      const expected = await detector.maps(image, { size });
      devices[0].device.destroy();
      await devices[0].device.lost;
      // Two at once share the new device; the picture counts as it is now.
      const calls = [detector.maps(image, { size }), detector.maps(image, { size })];
      (image.data as Uint8Array).fill(0);
      for (const maps of await Promise.all(calls)) assertEqual(maps, expected, 'maps');
      assertEqual(devices.length, 2, 'devices');
      assertEqual(reasons.length, 1, 'told');
      assertEqual(devices[0].watched.held(), [], 'held on the lost device');
      detector.dispose();
      assertEqual(devices[1].watched.held(), [], 'held after dispose()');
      await devices[1].device.lost;
      assertEqual(reasons.length, 1, 'told of a disposal');
      await assertRejects(() => detector.maps(image, { size }), 'disposed', 'a call after dispose()');
    },
  },
  {
    name: 'at any moment: no call hangs, what fails says why, and the next result is the same',
    async run(context) {
      const { gpu, devices, loseNext } = watchedGpu(context.gpu);
      const image = noise();
      const call = (detector: TextDetector) => detector.maps(image, { size });
      const whole = await open(gpu);
      const expected = await call(whole);
      const { answers } = devices[0].watched;
      whole.dispose();
      let lost = 0;
      for (const answer of spread(moments, answers)) {
        loseNext(answer);
        const detector = await open(gpu).catch(codeOf);
        if (!(detector instanceof TextDetector)) {
          assertEqual(detector, 'device-lost', `create(), lost at answer ${answer} of ${answers}`);
          lost++;
          continue;
        }
        const found = await call(detector).catch(codeOf);
        if (found === 'device-lost') lost++;
        else assertEqual(found, expected, `lost at answer ${answer} of ${answers}`);
        await devices
          .at(-1)!
          .device.queue.onSubmittedWorkDone()
          .catch(() => {});
        assertEqual(await call(detector), expected, `after the loss at answer ${answer} of ${answers}`);
        detector.dispose();
      }
      assert(lost >= moments - 1, `a loss is noticed, found ${lost} of ${moments}`);
    },
  },
  {
    name: 'disposed while another device opens: nothing stays',
    async run(context) {
      const { gpu, devices } = watchedGpu(context.gpu);
      const detector = await open(gpu);
      devices[0].device.destroy();
      await devices[0].device.lost;
      const call = assertRejects(() => detector.maps(noise(), { size }), 'disposed', 'a call');
      detector.dispose();
      await call;
      for (const { watched } of devices) assertEqual(watched.held(), [], 'held');
    },
  },
  {
    name: "a caller's device is not replaced",
    async run({ gpu }) {
      const device = await (await gpu.requestAdapter())!.requestDevice();
      const reasons: string[] = [];
      const detector = await TextDetector.create({
        weights: smallWeights(true),
        selfTest: false,
        device,
        onDeviceLost: (reason) => reasons.push(reason),
      });
      device.destroy();
      await device.lost;
      const { message } = await assertRejects(
        () => detector.maps(noise(), { size }),
        'device-lost',
        'a call',
      );
      assert(/with another device/.test(message), message);
      assertEqual(reasons.length, 1, 'told');
      detector.dispose();
    },
  },
];

export default tests;
