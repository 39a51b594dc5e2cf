/** @file The page: connects pictures, the detector, what is chosen and what is shown. */

import {
  type DetectionWithMaps,
  type OnProgress,
  type Progress,
  type Region,
  TextDetector,
} from 'dbnet-webgpu';
import { adapterName, showAdapter } from '../shared/adapter.ts';
import { attempt, onClick } from '../shared/attempt.ts';
import { download, find, make } from '../shared/dom.ts';
import { linkPages } from '../shared/nav.ts';
import { decodePhoto, examples, fileName, load, onDrop, onFiles } from '../shared/pictures.ts';
import { type Camera, frames, openCamera } from './camera.ts';
import { detectOptions, statedBy } from './choices.ts';
import { Choosing } from './choosing.ts';
import { codeOf } from './code.ts';
import { Finder, softwareShortSide } from './finder.ts';
import { MapLayer } from './map-layer.ts';
import { isWeightsFile, type Model, models } from './models.ts';
import { showNoWebGpu } from './no-webgpu.ts';
import { Overlay } from './overlay.ts';
import { drawRegions, svgOf } from './picture-files.ts';
import { showProgress } from './progress.ts';
import { regionsOf } from './regions.ts';
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
const finder = new Finder();

let model: Model = models[0];
let detector: TextDetector | undefined;
let picture: Picture | undefined;
let camera: Camera | undefined;
let found: DetectionWithMaps | undefined;
let regions: readonly Region[] = [];
/** Ends what is computed at the moment, as nobody waits for it any more. */
let current = new AbortController();

/** Everything that computes goes on only while its signal lasts; one that ended is no error. */
async function supersede(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  current.abort();
  const mine = new AbortController();
  current = mine;
  try {
    await work(mine.signal);
  } catch (error) {
    if (!mine.signal.aborted) throw error;
  } finally {
    if (current === mine) showProgress(undefined);
  }
}

/** The detector for the chosen model, and what the page says of it. */
async function openDetector(signal: AbortSignal): Promise<TextDetector> {
  const opened = await finder.open(model, (progress) => {
    if (!signal.aborted) showProgress(progress);
  });
  signal.throwIfAborted();
  if (opened !== detector) {
    detector = opened;
    const { software, adapter, weights } = opened.info;
    showAdapter(find('adapter'), adapterName(adapter), software);
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
    await run(opened, shown.image, { signal, onProgress });
  });
}

/** Shows regions over the camera for as long as it is on. */
async function watch({ video }: Camera): Promise<void> {
  await supersede(async (signal) => {
    const opened = await openDetector(signal);
    showProgress(undefined);
    for await (const frame of frames(video, signal)) await run(opened, frame, { signal });
  });
}

/** Runs the network and shows what it gave. */
async function run(
  opened: TextDetector,
  image: ImageBitmap,
  options: { signal: AbortSignal; onProgress?: OnProgress },
): Promise<void> {
  const used = choosing.choices;
  show(await opened.detect(image, { ...detectOptions(used), maps: true, ...options }));
  // They may have been changed meanwhile.
  if (choosing.choices !== used) redraw();
}

function show(detection: DetectionWithMaps): void {
  found = detection;
  const { network, warnings, timings } = detection;
  showRegions(detection.regions, detection);
  showTimings(timings);
  find('redrawn').textContent = '';
  find('network-size').textContent = `, network at ${network.width} × ${network.height}`;
  find('warning').hidden = warnings.length === 0;
  find('warning').textContent = warnings.map(({ message }) => message).join(' ');
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
  enableExports(true);
}

function setRatio({ width, height }: { width: number; height: number }): void {
  find('picture').style.setProperty('--ratio', String(width / height));
}

function enableExports(enabled: boolean): void {
  for (const id of ['copy-code', 'copy-json', 'save-png', 'save-svg']) {
    find<HTMLButtonElement>(id).disabled = !enabled;
  }
}

/** Takes what was found of another picture away. */
function clear(): void {
  found = undefined;
  regions = [];
  overlay.show([], { width: 1, height: 1 });
  layer.show(undefined);
  enableExports(false);
  for (const id of ['count', 'total']) find(id).textContent = '–';
  for (const id of ['network-size', 'redrawn']) find(id).textContent = '';
  for (const id of ['bar', 'stages']) find(id).replaceChildren();
  find('warning').hidden = true;
}

async function showPicture(next: Picture): Promise<void> {
  stopCamera();
  current.abort();
  clear();
  picture?.image.close();
  picture = next;
  const { image, name } = next;
  const canvas = find<HTMLCanvasElement>('photo');
  Object.assign(canvas, { width: image.width, height: image.height, hidden: false });
  canvas.getContext('2d')?.drawImage(image, 0, 0);
  canvas.setAttribute('aria-label', name);
  reveal(image);
  for (const button of find('samples').querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(button.getAttribute('aria-label') === `Sample ${name}`));
  }
  await detect();
}

function reveal(size: { width: number; height: number }): void {
  setRatio(size);
  find('empty').hidden = true;
  find('picture').hidden = false;
}

/** Pictures are shown, weights are used. */
async function openFiles(files: readonly File[]): Promise<void> {
  const weights = files.find(isWeightsFile);
  if (weights) {
    model = { title: weights.name, weights };
    addModel(model);
    await detect();
  }
  const photo = files.find((file) => file !== weights);
  if (photo) await showPicture({ name: photo.name, image: await decodePhoto(photo.name, photo) });
}

async function openSample(address: string): Promise<void> {
  const name = fileName(address);
  await showPicture({ name, image: await decodePhoto(name, await (await load(address)).blob()) });
}

async function toggleCamera(): Promise<void> {
  if (camera) return stopCamera();
  const video = find<HTMLVideoElement>('video');
  const opened = await openCamera(video);
  clear();
  camera = opened;
  video.hidden = false;
  find('photo').hidden = true;
  find('camera').setAttribute('aria-pressed', 'true');
  find('camera').textContent = 'Stop camera';
  for (const button of find('samples').querySelectorAll('button'))
    button.setAttribute('aria-pressed', 'false');
  reveal({ width: video.videoWidth, height: video.videoHeight });
  try {
    await watch(opened);
  } catch (error) {
    stopCamera();
    throw error;
  }
}

/** The last frame stays, with its regions. */
function stopCamera(): void {
  if (!camera) return;
  current.abort();
  const { video } = camera;
  const { videoWidth: width, videoHeight: height } = video;
  const canvas = find<HTMLCanvasElement>('photo');
  Object.assign(canvas, { width, height, hidden: false });
  canvas.getContext('2d')?.drawImage(video, 0, 0);
  camera.stop();
  camera = undefined;
  video.hidden = true;
  picture?.image.close();
  picture = undefined;
  find('camera').setAttribute('aria-pressed', 'false');
  find('camera').textContent = 'Camera';
}

// The model

const modelSelect = find<HTMLSelectElement>('model');
const ownFile = 'own';

function addModel(added: Model): void {
  const listed = offered.indexOf(added) === -1 ? offered.push(added) - 1 : offered.indexOf(added);
  const option = make('option', { value: String(listed) }, added.title);
  modelSelect.insertBefore(option, modelSelect.querySelector(`[value=${ownFile}]`));
  modelSelect.value = option.value;
}

const offered: Model[] = [];
modelSelect.append(make('option', { value: ownFile }, 'A file of yours…'));
for (const one of models) addModel(one);
modelSelect.value = '0';
modelSelect.addEventListener('change', () => {
  if (modelSelect.value === ownFile) {
    modelSelect.value = String(offered.indexOf(model));
    find<HTMLInputElement>('weights-file').click();
    return;
  }
  model = offered[Number(modelSelect.value)];
  void attempt(detect);
});

// Taking it along

/** Says so on the button for a moment. */
async function copy(id: string, text: string): Promise<void> {
  await navigator.clipboard.writeText(text);
  const button = find(id);
  const title = button.dataset.title ?? button.textContent ?? '';
  button.dataset.title = title;
  button.textContent = 'Copied';
  setTimeout(() => {
    button.textContent = title;
  }, 1500);
}

/** What the picture's files begin with: the photo, or the camera's frame, at its own size. */
function photoCanvas(): HTMLCanvasElement {
  if (!camera) return find<HTMLCanvasElement>('photo');
  const { video } = camera;
  const canvas = make('canvas', { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext('2d')?.drawImage(video, 0, 0);
  return canvas;
}

const baseName = () => (picture?.name ?? 'camera').replace(/\.[^.]*$/, '');

function savePng(): void {
  const photo = photoCanvas();
  const { width, height } = photo;
  const canvas = make('canvas', { width, height });
  const context = canvas.getContext('2d');
  if (!context) throw new Error('this browser gives no 2D canvas to draw the picture with');
  context.drawImage(photo, 0, 0);
  layer.drawOn(context, { width, height });
  drawRegions(context, regions, { width, height });
  const name = `${baseName()}-regions.png`;
  canvas.toBlob((blob) => blob && download(name, blob, 'image/png'), 'image/png');
}

function saveSvg(): void {
  const photo = photoCanvas();
  const text = svgOf(regions, photo, photo.toDataURL('image/jpeg', 0.9));
  download(`${baseName()}-regions.svg`, text, 'image/svg+xml');
}

onClick('copy-code', () => copy('copy-code', codeOf(model, choosing.choices)));
onClick('copy-json', () => {
  const { width, height } = found ?? {};
  return copy('copy-json', JSON.stringify({ width, height, regions }, null, 2));
});
onClick('save-png', savePng);
onClick('save-svg', saveSvg);

// Where pictures come from

const open = (files: File[]) => void attempt(() => openFiles(files));
onClick('choose', () => find<HTMLInputElement>('files').click());
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
