/** @file The page: connects pictures, the detector, what is chosen and what is shown. */

import { type DetectionWithMaps, type Progress, type Region, TextDetector } from 'dbnet-webgpu';
import { showAdapter } from '../shared/adapter.ts';
import { attempt, onClick } from '../shared/attempt.ts';
import { find, make } from '../shared/dom.ts';
import { linkPages } from '../shared/nav.ts';
import { decodePhoto, examples, fileName, load, onDrop, onFiles } from '../shared/pictures.ts';
import { type Camera, openCamera } from './camera.ts';
import { type Choices, detectOptions, statedBy } from './choices.ts';
import { Choosing } from './choosing.ts';
import { codeOf } from './code.ts';
import { Finder, softwareShortSide } from './finder.ts';
import { MapLayer } from './map-layer.ts';
import { ModelList } from './model-list.ts';
import { isWeightsFile } from './models.ts';
import { showNoWebGpu } from './no-webgpu.ts';
import { Overlay } from './overlay.ts';
import { showProgress } from './progress.ts';
import { regionsOf } from './regions.ts';
import { enableTaking, takeAlong } from './take-along.ts';
import { duration, showTimings } from './timings.ts';

interface Picture {
  name: string;
  image: ImageBitmap;
}

linkPages('demo');
const overlay = new Overlay();
const layer = new MapLayer();
const choosing = new Choosing({
  onRegions: () => void attempt(redraw),
  onNetwork: () => void attempt(detect),
});
const finder = new Finder(showProgress);
const list = new ModelList(() => void attempt(detect));
const photo = find<HTMLCanvasElement>('photo');

let detector: TextDetector | undefined;
let picture: Picture | undefined;
let camera: Camera | undefined;
let found: DetectionWithMaps | undefined;
let regions: readonly Region[] = [];
/** Ends what is computed at the moment, as nobody waits for it any more. */
let current = new AbortController();
const superseded = new DOMException('nobody waits for this any more', 'AbortError');

/** Everything that computes goes on only while its signal lasts; one that ended is no error. */
async function supersede(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  current.abort(superseded);
  const mine = new AbortController();
  current = mine;
  try {
    await work(mine.signal);
  } catch (error) {
    if (mine.signal.reason !== superseded) throw error;
  } finally {
    if (current === mine) showProgress(undefined);
  }
}

/** The detector for the chosen model, and what the page says of it. */
async function openDetector(signal: AbortSignal): Promise<TextDetector> {
  const opened = await finder.open(list.model);
  signal.throwIfAborted();
  if (opened !== detector) {
    detector = opened;
    const { software, runsOn, weights } = opened.info;
    showAdapter(find('adapter'), runsOn, software);
    choosing.use(
      statedBy(weights.metadata),
      weights.hasThresholdHead,
      software ? softwareShortSide : undefined,
    );
    layer.allow(weights.hasThresholdHead);
  }
  return opened;
}

/** Runs the network on the picture, or on the camera. */
async function detect(): Promise<void> {
  if (camera) return watch(camera);
  const shown = picture;
  if (!shown) return;
  await supersede(async (signal) => {
    const onProgress = (progress: Progress) => {
      if (!signal.aborted) showProgress(progress);
    };
    const opened = await openDetector(signal);
    const used = choosing.choices;
    const options = { ...detectOptions(used), maps: true, signal, onProgress } as const;
    show(await opened.detect(shown.image, options), used);
  });
}

/** Shows regions over the camera for as long as it is on; an error ends it. */
async function watch({ video }: Camera): Promise<void> {
  await supersede(async (signal) => {
    try {
      const opened = await openDetector(signal);
      showProgress(undefined);
      const used = choosing.choices;
      const options = { ...detectOptions(used), maps: true, signal };
      for await (const { maps, ...detection } of opened.stream(video, options)) {
        if (maps) show({ ...detection, maps }, used);
      }
    } catch (error) {
      if (!signal.aborted) releaseCamera();
      throw error;
    }
  });
}

/** Shows what a run of the network gave. @param used the choices that it was run with */
function show(detection: DetectionWithMaps, used: Choices): void {
  found = detection;
  const { network, warnings, timings } = detection;
  showRegions(detection.regions, detection);
  showTimings(timings);
  find('redrawn').textContent = '';
  find('network-size').textContent = `, network at ${network.width} × ${network.height}`;
  find('warning').hidden = warnings.length === 0;
  find('warning').textContent = warnings.map(({ message }) => message).join(' ');
  // They may have been changed meanwhile.
  if (choosing.choices !== used) redraw();
}

/** Regions anew, from the kept maps. */
function redraw(): void {
  if (!found || !detector) return;
  const start = performance.now();
  const result = regionsOf(found.maps, found, choosing.choices, statedBy(detector.info.weights.metadata));
  const took = performance.now() - start;
  showRegions(result.regions, found);
  find('redrawn').textContent = `Redrawn in ${duration(took)}; the network did not run.`;
}

function showRegions(shown: readonly Region[], detection: DetectionWithMaps): void {
  regions = shown;
  setRatio(detection);
  overlay.show(regions, detection);
  layer.show(detection.maps);
  find('count').textContent = String(regions.length);
  find('count-words').textContent = regions.length === 1 ? 'region of text' : 'regions of text';
  enableTaking(true);
}

function setRatio({ width, height }: { width: number; height: number }): void {
  find('picture').style.setProperty('--ratio', String(width / height));
}

/** Takes what was found of another picture away. */
function clear(): void {
  found = undefined;
  regions = [];
  overlay.show([], { width: 1, height: 1 });
  layer.show(undefined);
  enableTaking(false);
  for (const id of ['count', 'total']) find(id).textContent = '–';
  for (const id of ['network-size', 'redrawn']) find(id).textContent = '';
  for (const id of ['bar', 'stages']) find(id).replaceChildren();
  find('warning').hidden = true;
}

async function showPicture(next: Picture): Promise<void> {
  stopCamera();
  current.abort(superseded);
  clear();
  picture?.image.close();
  picture = next;
  const { image, name } = next;
  Object.assign(photo, { width: image.width, height: image.height, hidden: false });
  photo.getContext('2d')?.drawImage(image, 0, 0);
  photo.setAttribute('aria-label', name);
  reveal(image, name);
  await detect();
}

/** Makes room for a picture. @param name that of the sample, if it is one */
function reveal(size: { width: number; height: number }, name: string): void {
  setRatio(size);
  find('empty').hidden = true;
  find('picture').hidden = false;
  for (const button of find('samples').querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(button.dataset.name === name));
  }
}

/** Pictures are shown, weights are used. */
async function openFiles(files: readonly File[]): Promise<void> {
  const weights = files.find(isWeightsFile);
  if (weights) {
    list.use(weights);
    await detect();
  }
  const file = files.find((one) => one !== weights);
  if (file) await showPicture({ name: file.name, image: await decodePhoto(file.name, file) });
}

async function openSample(address: string): Promise<void> {
  const name = fileName(address);
  await showPicture({ name, image: await decodePhoto(name, await (await load(address)).blob()) });
}

async function toggleCamera(): Promise<void> {
  // Its last frame stays.
  if (camera) return showPicture({ name: 'camera', image: await createImageBitmap(camera.video) });
  const video = find<HTMLVideoElement>('video');
  const opened = await openCamera(video);
  current.abort(superseded);
  clear();
  camera = opened;
  video.hidden = false;
  photo.hidden = true;
  find('camera').setAttribute('aria-pressed', 'true');
  find('camera').textContent = 'Stop camera';
  reveal({ width: video.videoWidth, height: video.videoHeight }, 'camera');
  await watch(opened);
}

function stopCamera(): void {
  if (camera) current.abort(superseded);
  releaseCamera();
}

function releaseCamera(): void {
  if (!camera) return;
  camera.stop();
  camera.video.hidden = true;
  camera = undefined;
  find('camera').setAttribute('aria-pressed', 'false');
  find('camera').textContent = 'Camera';
}

/** The photo, or the camera's frame at this moment, at its own size. */
function photoCanvas(): HTMLCanvasElement {
  if (!camera) return photo;
  const { video } = camera;
  const canvas = make('canvas', { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext('2d')?.drawImage(video, 0, 0);
  return canvas;
}

takeAlong(
  () => ({
    name: picture?.name ?? 'camera',
    photo: photoCanvas(),
    regions,
    code: codeOf(list.model, choosing.choices),
  }),
  (context, size) => layer.drawOn(context, size),
);

// Where pictures come from

const open = (files: File[]) => void attempt(() => openFiles(files));
onClick('choose', () => find('files').click());
onClick('camera', toggleCamera);
onClick('error-close', () => {});
onFiles(find<HTMLInputElement>('files'), open);
onFiles(find<HTMLInputElement>('weights-file'), open);
onDrop(find('stage'), open);
addEventListener('paste', ({ clipboardData }) => {
  const files = [...(clipboardData?.files ?? [])];
  if (files.length > 0) open(files);
});
for (const address of examples) {
  const button = make('button', { type: 'button' }, make('img', { src: address, alt: '' }));
  button.setAttribute('aria-label', `Sample ${fileName(address)}`);
  button.dataset.name = fileName(address);
  button.addEventListener('click', () => void attempt(() => openSample(address)));
  find('samples').append(button);
}
// A hidden camera computes for nobody.
addEventListener('pagehide', stopCamera);

void attempt(async () => {
  const support = await TextDetector.isSupported();
  if (support.supported) return openSample(examples[0]);
  find('adapter').textContent = 'no WebGPU';
  find('adapter').className = 'chip warn';
  for (const control of document.querySelectorAll<HTMLButtonElement>('main :is(button, select, input)')) {
    control.disabled = true;
  }
  find('empty').hidden = true;
  showNoWebGpu(support.reason);
});
