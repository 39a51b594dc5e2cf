/** @file A run of training: steps until the goal, pauses, and looks at the photos with the weights before and after. */

import { DBNetError, type StepResult, Trainer } from 'dbnet-webgpu/train';
import { shownPart } from './heat-map.ts';
import { findText, lookAtMap, type View } from './looks.ts';
import { type Model, nothingToLearn, type Photo } from './model.ts';
import type { RunSettings } from './settings-form.ts';

/** `busy` is everything before the first and after the last step. */
export type Phase = 'idle' | 'busy' | 'running' | 'pausing' | 'paused' | 'done';

/** With random crops the map of a photo is looked at every so many steps; otherwise training gives it anyway. */
const lookEvery = 10;
/** Milliseconds. */
const mapsEvery = 100;

export class TrainingRun {
  phase: Phase = 'idle';
  results: StepResult[] = [];
  /** Steps after which the run is done. */
  goal = 0;
  /** What is being done, and how much of it, 0 to 1. */
  activity = { text: '', share: 0 };
  readonly #model: Model;
  readonly #changed: () => void;
  #trainer: Trainer | undefined;
  #settings: RunSettings | undefined;
  #firstWeights: Uint8Array | undefined;
  #abort = new AbortController();
  /** Photos taken so far; the next batch begins there. */
  #taken = 0;
  /** Photos taken since the last step in which no text was large enough to learn from. */
  #barren = 0;
  #mapsKept = 0;

  constructor(model: Model, changed: () => void) {
    this.#model = model;
    this.#changed = changed;
  }

  get atWork(): boolean {
    return this.phase === 'busy' || this.phase === 'running' || this.phase === 'pausing';
  }

  get hasTrainer(): boolean {
    return this.#trainer !== undefined;
  }

  get cropSize(): number | undefined {
    return this.#settings?.trainer.cropSize;
  }

  /**
   * Trains so many steps more, after opening the weights if that has not been done.
   * @throws DBNetError as the library; the run is then paused where it stood, or idle.
   */
  async train(settings: RunSettings): Promise<void> {
    this.goal = this.results.length + settings.steps;
    await this.#guard(async () => {
      if (!this.#trainer) await this.#open(settings);
      this.#settings = { ...this.#settings!, steps: settings.steps, batch: settings.batch };
      await this.#steps();
    });
  }

  /** Goes on after a pause. */
  async resume(): Promise<void> {
    await this.#guard(() => this.#steps());
  }

  /** Pauses when the step that runs is done. */
  pause(): void {
    this.#enter('pausing');
  }

  /** Ends the run at once: the step that runs is given up. */
  stop(): void {
    this.goal = this.results.length;
    this.#abort.abort(new DOMException('Stopped.', 'AbortError'));
    if (this.phase === 'paused') this.#enter('done');
  }

  /** The trained weights, a safetensors file. */
  async save(): Promise<Uint8Array<ArrayBuffer>> {
    if (!this.#trainer) throw new Error('there are no trained weights yet: press Train');
    return new Uint8Array(await this.#trainer.save());
  }

  /** Forgets the trainer and all that it did. */
  reset(): void {
    this.#trainer?.dispose();
    this.#trainer = undefined;
    this.#firstWeights = undefined;
    this.results = [];
    this.#taken = 0;
    this.#barren = 0;
    for (const photo of this.#model.photos) {
      photo.before = undefined;
      photo.after = undefined;
      photo.map = undefined;
    }
    this.#enter('idle');
    this.#model.changed();
  }

  /** The regions that weights find in a photo, whatever the crop: labels are for text that a small crop hides too. */
  async suggest(photo: Photo, settings: RunSettings) {
    let found: Photo['before'] = [];
    await this.#guard(async () => {
      this.#enter('busy');
      const weights = this.#trainer ? await this.#trainer.save() : settings.trainer.weights!;
      await this.#look(weights, 'best', [photo], 'Looking for text', (_, regions) => {
        found = regions;
      });
    });
    return found;
  }

  async #open(settings: RunSettings): Promise<void> {
    this.#enter('busy', 'Opening the weights');
    this.#trainer = await Trainer.create({
      ...settings.trainer,
      onProgress: ({ done, total }) => this.#progress('Opening the weights', done / total),
      signal: this.#abort.signal,
    });
    this.#settings = settings;
    this.#firstWeights = await this.#trainer.save();
  }

  async #steps(): Promise<void> {
    await this.#lookBefore();
    this.#enter('running');
    try {
      while (this.results.length < this.goal && this.phase === 'running') await this.#step();
    } catch (error) {
      if (!this.#abort.signal.aborted || this.results.length === 0) throw error;
    }
    // What was stopped are the steps; the look at what they came to can be stopped again.
    this.#abort = new AbortController();
    await this.#lookAfter();
  }

  async #step(): Promise<void> {
    const trainer = this.#trainer!;
    const { batch, trainer: options } = this.#settings!;
    const photos = this.#nextPhotos(batch);
    const samples = photos.map(({ image, labels }) => ({ image, polygons: labels }));
    const number = this.results.length + 1;
    const step = trainer.step(samples, {
      signal: this.#abort.signal,
      onProgress: ({ stage, done, total }) =>
        stage === 'compile'
          ? this.#progress(`Compiling shaders, ${done} of ${total}`, done / total)
          : this.#progress(`Step ${number} of ${this.goal}`, (number - 1 + done / total) / this.goal),
    });
    this.#taken += photos.length;
    let result: StepResult;
    try {
      result = await step;
    } catch (error) {
      if (!(error instanceof DBNetError && error.code === 'nothing-to-learn')) throw error;
      // Other photos may have larger text.
      this.#barren += photos.length;
      if (this.#barren >= this.#model.labelled.length) throw error;
      return;
    }
    this.#barren = 0;
    this.results.push(result);
    if (options.augment === false) await this.#keepMaps(photos, result.step - 1);
    else if (number % lookEvery === 0) await this.#lookAtMap();
    this.#progress(`Step ${number} of ${this.goal}`, number / this.goal);
    this.#model.changed();
  }

  /** As many photos per step, in turn. Labels may change while training: the next step takes them as they are. */
  #nextPhotos(batch: number): Photo[] {
    const { labelled } = this.#model;
    if (labelled.length === 0) throw new Error(nothingToLearn(this.#model));
    const count = Math.min(batch, labelled.length);
    return Array.from({ length: count }, (_, i) => labelled[(this.#taken + i) % labelled.length]);
  }

  /** The step has computed P of its photos: showing it costs a copy, which fast steps are spared. */
  async #keepMaps(photos: readonly Photo[], step: number): Promise<void> {
    const now = performance.now();
    if (now - this.#mapsKept < mapsEvery && this.results.length < this.goal) return;
    this.#mapsKept = now;
    const { P, width: side } = await this.#trainer!.maps();
    for (const [i, photo] of photos.entries()) {
      const crop = P.subarray(i * side * side, (i + 1) * side * side);
      photo.map = { ...shownPart(crop, side, photo.image), step };
    }
  }

  async #lookAtMap(): Promise<void> {
    const { photo } = this.#model;
    if (!photo) return;
    const map = await lookAtMap(await this.save(), this.cropSize!, photo, this.#abort.signal);
    photo.map = { ...map, step: this.results.length };
  }

  async #lookBefore(): Promise<void> {
    const photos = this.#model.photos.filter(({ before }) => !before);
    if (photos.length === 0) return;
    this.#enter('busy');
    const text = 'Looking at the photos with the first weights';
    await this.#look(this.#firstWeights!, this.cropSize!, photos, text, (photo, regions) => {
      photo.before = regions;
    });
  }

  async #lookAfter(): Promise<void> {
    const end = this.results.length >= this.goal ? 'done' : 'paused';
    this.#enter('busy');
    const text = 'Looking at the photos with the trained weights';
    const shownFirst = [...this.#model.photos].sort(
      (a, b) => Number(this.#model.isShown(b)) - Number(this.#model.isShown(a)),
    );
    await this.#look(await this.save(), this.cropSize!, shownFirst, text, (photo, regions) => {
      photo.after = regions;
    });
    this.#enter(end);
  }

  async #look(
    weights: NonNullable<RunSettings['trainer']['weights']>,
    view: View,
    photos: readonly Photo[],
    text: string,
    keep: (photo: Photo, regions: NonNullable<Photo['before']>) => void,
  ): Promise<void> {
    this.#progress(text, 0);
    await findText(weights, view, photos, {
      signal: this.#abort.signal,
      onProgress: (share) => this.#progress(text, share),
      onFound: (photo, regions) => {
        keep(photo, regions);
        this.#model.changed();
      },
    });
  }

  /** However it ends, the run is in a phase from which one can go on. */
  async #guard(work: () => Promise<void>): Promise<void> {
    const before = this.phase;
    this.#abort = new AbortController();
    try {
      await work();
      if (this.phase === 'busy') this.#enter(before);
    } catch (error) {
      this.#enter(this.#restingPhase());
      if (!this.#abort.signal.aborted) throw error;
    }
  }

  #restingPhase(): Phase {
    if (!this.#trainer) return 'idle';
    if (this.results.length > 0) return this.results.length >= this.goal ? 'done' : 'paused';
    // Nothing was trained: other settings may be wanted.
    this.reset();
    return 'idle';
  }

  #enter(phase: Phase, text = this.activity.text): void {
    this.phase = phase;
    this.#progress(text, this.activity.share);
  }

  #progress(text: string, share: number): void {
    this.activity = { text, share };
    this.#changed();
  }
}
