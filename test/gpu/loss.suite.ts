/**
 * @file Devices that are lost: calls that are under way say so, the next one computes on another device, bit for bit the same,
 * at whatever moment it happens. With a network of few layers.
 */

import { TextDetector } from '../../src/detect/detector.ts';
import type { CreateOptions, OnProgress } from '../../src/detect/types.ts';
import { DBNetError } from '../../src/errors.ts';
import type { RawImage } from '../../src/input/types.ts';
import type { Size } from '../../src/size.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { TrainerOptions, TrainingSample } from '../../src/train/types.ts';
import { assert, assertEqual, assertRejects, random } from './assert.ts';
import { tinyWeights } from './small-engine.ts';
import type { GpuTest } from './suite.ts';
import { spread, watchedGpu } from './watch-device.ts';

const size = { width: 64, height: 32 };

/** What `create()` compiles is what calls need. */
const weights = tinyWeights(false, { size: { rule: 'fixed', ...size } });

/** What is tried after it. */
const smaller = { width: 32, height: 32 };

/** Of a detector's life, at which its device is lost. `npm run soak` tries more. */
const moments = 8;

/** Of a step and a saved state. */
const trainingMoments = 4;

function noise(): RawImage {
  const next = random(1);
  const data = Uint8Array.from({ length: size.width * size.height * 4 }, (_, i) =>
    i % 4 === 3 ? 255 : next() * 256,
  );
  return { data, ...size, channels: 4 };
}

/** A picture to learn from. */
const sample: TrainingSample = {
  image: noise(),
  polygons: [
    {
      points: [
        [8, 6],
        [56, 6],
        [56, 26],
        [8, 26],
      ],
    },
  ],
};

const open = (gpu: GPU, more: Partial<CreateOptions> = {}) =>
  TextDetector.create({ weights, gpu, selfTest: false, ...more });

async function blobOf({ data, width, height }: RawImage): Promise<Blob> {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext('2d')!.putImageData(new ImageData(new Uint8ClampedArray(data), width, height), 0, 0);
  return await canvas.convertToBlob();
}

/** A picture of which a copy is made at once. */
function inResizableMemory(image: RawImage): RawImage {
  const { length } = image.data;
  // TypeScript does not know of it yet.
  const Resizable = ArrayBuffer as new (length: number, options: { maxByteLength: number }) => ArrayBuffer;
  const data = new Uint8Array(new Resizable(length, { maxByteLength: length }));
  data.set(image.data);
  return { ...image, data };
}

const codeOf = (error: unknown): unknown => (error instanceof DBNetError ? error.code : error);

/** A picture with something to find, for networks of random weights: whatever they see. */
const anything = { threshold: 0.3, boxThreshold: 0, minSize: 0 } as const;

const tests: GpuTest[] = [
  {
    name: 'between calls: the next one opens another device, without a download, and tells the caller',
    async run(context) {
      const { gpu, devices, refuseNext, loseNext } = watchedGpu(context.gpu);
      const reasons: string[] = [];
      const detector = await open(gpu, { onDeviceLost: (reason) => reasons.push(reason) });
      const image = noise();
      const expected = await detector.maps(image, { size });
      devices[0].device.destroy();
      await devices[0].device.lost;
      refuseNext();
      await assertRejects(() => detector.maps(image, { size }), 'no-webgpu', 'a call without another device');
      loseNext(1);
      await assertRejects(() => detector.maps(image, { size }), 'device-lost', 'a device lost as it opens');
      // Two at once share the new device; the picture counts as it is now.
      const calls = [detector.maps(image, { size }), detector.maps(image, { size })];
      (image.data as Uint8Array).fill(0);
      for (const maps of await Promise.all(calls)) assertEqual(maps, expected, 'maps');
      assertEqual(devices.length, 3, 'devices');
      assertEqual(reasons.length, 1, 'told');
      for (const { watched } of devices.slice(0, 2)) assertEqual(watched.held(), [], 'held on a lost device');
      detector.dispose();
      assertEqual(devices[2].watched.held(), [], 'held after dispose()');
      await devices[2].device.lost;
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
        const opened = devices.length;
        const found = await call(detector).catch(codeOf);
        // Lost after what create() needed, it is replaced by the call.
        if (found === 'device-lost' || devices.length > opened) lost++;
        if (found !== 'device-lost') assertEqual(found, expected, `lost at answer ${answer} of ${answers}`);
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
    name: 'while maps of a stream are mapped: it ends; disposed while another device opens: nothing stays',
    async run(context) {
      const { gpu, devices } = watchedGpu(context.gpu);
      const detector = await open(gpu);
      const { device } = devices[0];
      const lose: OnProgress = ({ stage }) => stage === 'postprocess' && device.destroy();
      const frames = async function* () {
        for (;;) yield noise();
      };
      const { maps: expected } = await detector.detect(noise(), { maps: true });
      const stream = async () => {
        for await (const { maps } of detector.stream(frames(), { maps: true, onProgress: lose })) return maps;
      };
      const found = await stream().catch(codeOf);
      // In Deno what is mapped outlives the device.
      if (found !== 'device-lost') assertEqual(found, expected, 'maps that were mapped');
      await device.lost;
      const call = assertRejects(() => detector.maps(noise(), { size }), 'disposed', 'a call');
      detector.dispose();
      await call;
      for (const { watched } of devices) assertEqual(watched.held(), [], 'held');
    },
  },
  {
    name: 'unasked, in the first call of a size: once more at the next smaller size, which the result says',
    async run(context) {
      const { gpu, devices } = watchedGpu(context.gpu, 'unknown');
      const reasons: string[] = [];
      const detector = await open(gpu, { onDeviceLost: (reason) => reasons.push(reason) });
      const lose = () => devices.at(-1)!.device.destroy();
      const loseComputing: OnProgress = ({ stage }) => stage === 'network' && lose();
      const detect = (size: Size, onProgress?: OnProgress) => {
        const image = noise();
        const call = detector.detect(image, { ...anything, size, maps: true, onProgress });
        // It waits for its shaders, so it has a copy.
        (image.data as Uint8Array).fill(0);
        return call;
      };
      let losing: typeof loseComputing | undefined = loseComputing;
      const once: OnProgress = (progress) => {
        losing?.(progress);
        if (progress.stage === 'network') losing = undefined;
      };
      devices[0].watched.at(1, lose);
      const found = [await detect(size), await detect(size, once)];
      const wanted = await detect(smaller);
      assertEqual(wanted.warnings, [], 'warnings without a loss');
      for (const { network, maps, regions, warnings } of found) {
        assertEqual([network, maps, regions], [smaller, wanted.maps, wanted.regions], 'the result');
        const [{ message, ...warning }] = warnings;
        assertEqual(warning, { code: 'smaller-after-loss', lostAt: size }, message);
      }
      assertEqual([devices.length, reasons.length], [3, 2], 'devices, told');
      const again = () => detect({ width: 128, height: 32 }, loseComputing);
      await assertRejects(again, 'device-lost', 'a loss in the second try, too');
      assertEqual(devices.length, 4, 'devices');
      detector.dispose();
      for (const { watched } of devices) assertEqual(watched.held(), [], 'held');
    },
  },
  {
    name: "unasked, later: what is computed again is a picture of the call's own; maps() is not",
    async run(context) {
      const { gpu, devices } = watchedGpu(context.gpu, 'unknown');
      const detector = await open(gpu);
      const losing = <T>(call: () => Promise<T>): Promise<T> => {
        const { device, watched } = devices.at(-1)!;
        watched.at(1, () => device.destroy());
        return call();
      };
      const larger = { width: 128, height: 32 };
      const borrowed = noise();
      const own = context.runtime === 'chromium' ? await blobOf(borrowed) : inResizableMemory(borrowed);
      await assertRejects(() => losing(() => detector.maps(own, { size: larger })), 'device-lost', 'maps()');
      await detector.detect(own, { size: larger });
      const { network } = await losing(() => detector.detect(own, { size: larger }));
      assertEqual(network, size, 'network');
      const call = () => detector.detect(borrowed, { size });
      await call();
      await assertRejects(() => losing(call), 'device-lost', "the caller's own picture");
      detector.dispose();
    },
  },
  {
    name: "a caller's device is not replaced, and no call made again",
    async run(context) {
      const { gpu } = watchedGpu(context.gpu, 'unknown');
      const device = await (await gpu.requestAdapter())!.requestDevice();
      const reasons: string[] = [];
      const detector = await TextDetector.create({
        weights,
        selfTest: false,
        device,
        onDeviceLost: (reason) => reasons.push(reason),
      });
      const call = () => detector.detect(noise(), { size, onProgress: () => device.destroy() });
      await assertRejects(call, 'device-lost', 'a call that is under way');
      const { message } = await assertRejects(call, 'device-lost', 'a call');
      assert(/with another device/.test(message), message);
      assertEqual(reasons.length, 1, 'told');
      detector.dispose();
    },
  },
  {
    name: 'of a trainer: all calls say so, and another that resumes goes on as if nothing had been',
    async run(context) {
      const { gpu, devices, loseNext } = watchedGpu(context.gpu);
      const train = async (from: Pick<TrainerOptions, 'weights' | 'resume'>): Promise<Uint8Array> => {
        const trainer = await Trainer.create({
          ...from,
          gpu,
          ...(from.weights && { cropSize: 64, batchNorm: 'batch' }),
        });
        try {
          await trainer.step([sample]);
          return await trainer.saveState();
        } catch (error) {
          assertEqual(codeOf(error), 'device-lost', 'a step and a state');
          await assertRejects(() => trainer.step([sample]), 'device-lost', 'a step after it');
          await assertRejects(() => trainer.save(), 'device-lost', 'save()');
          throw error;
        } finally {
          trainer.dispose();
          assertEqual(devices.at(-1)!.watched.held(), [], 'held after dispose()');
        }
      };
      const state = await train({ weights: tinyWeights(true) });
      const expected = await train({ resume: state });
      const { answers } = devices[1].watched;
      for (const answer of spread(trainingMoments, answers)) {
        loseNext(answer);
        const found = await train({ resume: state }).catch(codeOf);
        // In Deno what is mapped outlives the device.
        const isComplete = answer === answers && String(found) === String(expected);
        assert(found === 'device-lost' || isComplete, `lost at answer ${answer} of ${answers}`);
      }
      assert(String(await train({ resume: state })) === String(expected), 'the state after another try');
    },
  },
];

export default tests;
