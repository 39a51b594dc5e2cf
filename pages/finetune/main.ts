/** @file The page: connects what it shows, what it knows, and the run. */

import { matchImage } from 'dbnet-webgpu/eval';
import { attempt, messageOf, onClick } from '../shared/attempt.ts';
import { download, find, make, plural } from '../shared/dom.ts';
import { linkPages } from '../shared/nav.ts';
import { examples, fileName, onDrop, onFiles } from '../shared/pictures.ts';
import { renderComparison } from './comparison.ts';
import { applyLabels, labelsAsJson, readLabels, takeLabels, type Waiting } from './labels-file.ts';
import { renderLabels, renderPhotos } from './lists.ts';
import { LossPlot } from './loss-plot.ts';
import { type Label, Model, nothingToLearn, type Photo } from './model.ts';
import { loadExampleLabels, openExample, openPhoto } from './photos.ts';
import { renderRun } from './run-panel.ts';
import { describeAdapter, readSettings } from './settings-form.ts';
import { Stage } from './stage.ts';
import { TrainingRun } from './training-run.ts';

const model = new Model();
const stage = new Stage(model);
const plot = new LossPlot();
const waiting: Waiting = new Map();
const run = new TrainingRun(model, renderRunning);

// However many changes a frame brings, such as a drag or fast steps: the stage itself follows at once.
let scheduled = false;
model.onChange(() => {
  if (!scheduled) requestAnimationFrame(render);
  scheduled = true;
});
linkPages('finetune');
render();
void attempt(describeAdapter);

function render(): void {
  scheduled = false;
  const { photo } = model;
  find('empty').hidden = photo !== undefined;
  find<HTMLButtonElement>('undo').disabled = !photo || photo.past.length === 0;
  find<HTMLButtonElement>('redo').disabled = !photo || photo.future.length === 0;
  find<HTMLButtonElement>('export-labels').disabled = withLabels().length === 0;
  find('hint').textContent = hint();
  const tag = find('map-tag');
  tag.hidden = !photo?.map;
  if (photo?.map) tag.textContent = `P after ${plural(photo.map.step, 'step')}`;
  renderPhotos(model);
  renderLabels(model);
  renderComparison(model, run.cropSize);
  plot.render(run.results);
  renderRunning();
}

/** What follows the run alone, which reports more often than anything else changes. */
function renderRunning(): void {
  renderRun(run);
  find<HTMLButtonElement>('suggest').disabled = !model.photo || run.atWork;
}

function withLabels(): Photo[] {
  return model.photos.filter(({ labels }) => labels.length > 0);
}

function hint(): string {
  const { photo, photos, labelled } = model;
  if (!photo) return '';
  if (withLabels().length === 0) return 'Drag a box around each text. Click it to move it or its corners.';
  const left = photos.length - labelled.length;
  const unused =
    left === 0
      ? ''
      : ` ${plural(left, 'photo')} without a readable text ${left === 1 ? 'is' : 'are'} left out.`;
  return `${plural(labelled.length, 'photo')} to train on.${unused}`;
}

/** Adds what can be opened, and gives what is to be said of the rest. */
async function addAll(opening: readonly (() => Promise<Photo>)[]): Promise<string[]> {
  const problems: string[] = [];
  for (const open of opening) {
    try {
      const photo = await open();
      const known = model.photos.findIndex(({ name }) => name === photo.name);
      if (known !== -1) {
        URL.revokeObjectURL(photo.url);
        model.show(known);
        continue;
      }
      model.add(photo);
      takeLabels(photo, model, waiting);
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  stage.focus();
  return problems;
}

/** All that went wrong, as one message. */
function throwAll(problems: readonly string[]): void {
  if (problems.length > 0) throw new Error(problems.join('\n'));
}

/** Label files and photos may come together. */
async function openFiles(files: readonly File[]): Promise<void> {
  const isLabels = ({ name }: File) => name.toLowerCase().endsWith('.json');
  const photos = files.filter((file) => !isLabels(file));
  const problems = await addAll(photos.map((file) => () => openPhoto(file.name, file)));
  for (const file of files.filter(isLabels)) {
    try {
      find('notice').textContent = applyLabels(await file.text(), file.name, model, waiting);
    } catch (error) {
      problems.push(messageOf(error));
    }
  }
  throwAll(problems);
}

/** Labels where the weights find text that is not labelled yet. */
async function suggest(): Promise<void> {
  const { photo } = model;
  if (!photo) return;
  const found = await run.suggest(photo, readSettings());
  const { pairs } = matchImage(photo.labels, found);
  const added = found
    .filter((_, i) => !pairs.some(({ detection }) => detection === i))
    .map((points): Label => ({ points, text: '', ignore: false }));
  if (added.length > 0) model.edit([...photo.labels, ...added], photo);
  find('notice').textContent =
    added.length === 0
      ? 'The weights find no text that is not labelled yet.'
      : `${plural(added.length, 'label')} suggested: correct them, and add what is missing.`;
}

async function train(): Promise<void> {
  const { phase } = run;
  if (phase === 'running') return run.pause();
  const problem = nothingToLearn(model);
  if (problem !== '') {
    stage.focus();
    throw new Error(problem);
  }
  await (phase === 'paused' ? run.resume() : run.train(readSettings()));
}

find<HTMLFormElement>('settings').addEventListener('submit', (event) => {
  event.preventDefault();
  void attempt(train);
});
onClick('stop', () => run.stop());
onClick('reset', () => run.reset());
onClick('undo', () => model.undo());
onClick('redo', () => model.redo());
onClick('suggest', suggest);
onClick('example-labels', async () => {
  const { photo } = model;
  if (!photo) return;
  const labels: Waiting = new Map();
  readLabels(await loadExampleLabels(), 'labels.json', labels);
  takeLabels(photo, model, labels);
});
onClick('download', async () =>
  download('db-resnet18-finetuned.safetensors', await run.save(), 'application/octet-stream'),
);
onClick('export-labels', () => download('labels.json', labelsAsJson(withLabels()), 'application/json'));
onClick('error-close', () => {});
for (const [button, input] of [
  ['choose', 'files'],
  ['add', 'files'],
  ['load-labels', 'labels-file'],
]) {
  onClick(button, () => find<HTMLInputElement>(input).click());
}
const openAll = (files: File[]) => void attempt(() => openFiles(files));
for (const id of ['files', 'labels-file']) onFiles(find<HTMLInputElement>(id), openAll);
onDrop(find('stage'), openAll);

addEventListener('beforeunload', (event) => {
  // The browser asks first.
  if (run.hasTrainer || model.photos.some(({ past }) => past.length > 0)) event.preventDefault();
});

for (const address of examples) {
  const picture = make('img', { src: address, alt: '' });
  const button = make('button', { type: 'button' }, picture, fileName(address));
  button.addEventListener(
    'click',
    () => void attempt(async () => throwAll(await addAll([() => openExample(address)]))),
  );
  find('examples').append(button);
}
