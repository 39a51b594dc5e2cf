/**
 * @file A page that compares in the browser that opened it: the procedure of measure.ts, each contender in a frame of
 * its own instead of a browser of its own. It ends with a table to paste.
 */

import { find, make } from '../../../pages/shared/dom.ts';
import { isSoftware } from '../../../src/adapter-name.ts';
import { messageOf } from '../../../src/describe.ts';
import { browserName } from '../../host/browser-name.ts';
import { contenderSpecs, type OpenContender, type OpenPage } from '../contenders.ts';
import { measure, tolerance } from '../measure.ts';
import { addRatios, formatMarkdown, makeRow } from '../report.ts';
import type { Peer, Setup } from './harness.ts';

/** Milliseconds for cold starts, and again for steady samples. */
const budget = 60_000;

document.body.append(
  make('h1', { textContent: 'dbnet-webgpu beside its peers' }),
  make('p', {
    textContent:
      'Every contender runs on this browser and its GPU, from the same network and pixels. It takes two minutes or more: leave the page in front.',
  }),
  make('button', { id: 'start', textContent: 'Compare' }),
  ' ',
  make('button', { id: 'copy', textContent: 'Copy the table', disabled: true }),
  make('pre', { id: 'log' }),
  make('pre', { id: 'table' }),
  make('div', { id: 'frames' }),
);
const log = (line: string) => find('log').append(`${line}\n`);

find<HTMLButtonElement>('start').onclick = async ({ currentTarget }) => {
  (currentTarget as HTMLButtonElement).disabled = true;
  try {
    find('table').textContent = await compare();
    find<HTMLButtonElement>('copy').disabled = false;
  } catch (error) {
    log(`error: ${messageOf(error)}`);
  }
};
find('copy').onclick = async () => {
  await navigator.clipboard.writeText(find('table').textContent);
  find('copy').textContent = 'Copied';
};

/** @returns the table, Markdown. @throws Error if ours fails. */
async function compare(): Promise<string> {
  const setup: Setup = await (await fetch('/setup.json')).json();
  const { runtime, runtimeVersion } = browserName(navigator.userAgent);
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('expected WebGPU with an adapter, found none: use a browser with WebGPU');
  const software = adapter.info.isFallbackAdapter || isSoftware(adapter.info);
  const browser = { version: `${runtime} ${runtimeVersion}`, flags: [], software };
  const { outcomes, adapter: used } = await measure(openFrame(browser), {
    tolerance,
    budget,
    only: contenderSpecs.map(({ id }) => id).filter((id) => setup.litert || id !== 'litert'),
    log,
  });
  const rows = addRatios(
    outcomes.map((outcome) =>
      makeRow(outcome, setup.versions[outcome.spec.package], { code: [], weights: [] }),
    ),
  );
  const about = [
    `${used.name || 'unknown adapter'}${software ? ' (software: these are times of a CPU)' : ''}; ${browser.version}, ${navigator.platform}`,
    `${setup.weights.replace(/^.*\//, '')}, ${setup.image} at ${setup.width}x${setup.height}, f32 throughout; ${new Date().toISOString().slice(0, 10)}`,
    '"x ours": a figure divided by that of maps(); first result: a new frame to P, in a browser that may know the shaders already',
  ];
  return formatMarkdown(about, rows);
}

/** Opens pages as frames of this one. */
function openFrame(browser: OpenContender['browser']): OpenPage {
  return async ({ page }) => {
    const frame = make('iframe', { src: page, width: '1', height: '1' });
    const loaded = new Promise((resolve) => {
      frame.onload = resolve;
    });
    find('frames').append(frame);
    await loaded;
    // Modules have run before the frame counts as loaded.
    const { peer } = frame.contentWindow as Window & { peer?: Peer };
    if (!peer) throw new Error(`${page} did not start`);
    return {
      browser,
      cold: () => peer.cold(),
      sample: () => peer.sample(),
      fetched: () => [],
      close: async () => frame.remove(),
    };
  };
}
