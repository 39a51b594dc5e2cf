/** @file The buttons that copy and save what was found. */

import type { Region } from 'dbnet-webgpu';
import { onClick } from '../shared/attempt.ts';
import { download, find, make } from '../shared/dom.ts';
import { drawRegions, svgOf } from './picture-files.ts';

const buttons = ['copy-code', 'copy-json', 'save-png', 'save-svg'] as const;

/** What there is to take. */
export interface Result {
  /** Of the picture's file. */
  name: string;
  photo: HTMLCanvasElement;
  regions: readonly Region[];
  code: string;
}

type DrawMap = (context: CanvasRenderingContext2D, size: { width: number; height: number }) => void;

export function enableTaking(enabled: boolean): void {
  for (const id of buttons) find<HTMLButtonElement>(id).disabled = !enabled;
}

/** @param drawMap draws the map that lies over the picture, if one does */
export function takeAlong(result: () => Result, drawMap: DrawMap): void {
  onClick('copy-code', () => copy('copy-code', result().code));
  onClick('copy-json', () => {
    const { photo, regions } = result();
    const { width, height } = photo;
    return copy('copy-json', JSON.stringify({ width, height, regions }, null, 2));
  });
  onClick('save-png', () => savePng(result(), drawMap));
  onClick('save-svg', () => {
    const { name, photo, regions } = result();
    const text = svgOf(regions, photo, photo.toDataURL('image/jpeg', 0.9));
    download(fileNameOf(name, 'svg'), text, 'image/svg+xml');
  });
}

/** Copies, and says so on the button for a moment. */
async function copy(id: string, text: string): Promise<void> {
  if (!navigator.clipboard) {
    throw new Error('Browsers let secure pages alone copy: open this one by https or on localhost.');
  }
  await navigator.clipboard.writeText(text);
  const button = find(id);
  button.dataset.title ??= button.textContent ?? '';
  button.textContent = 'Copied';
  setTimeout(() => {
    button.textContent = button.dataset.title ?? '';
  }, 1500);
}

const fileNameOf = (name: string, ending: string): string =>
  `${name.replace(/\.[^.]*$/, '')}-regions.${ending}`;

async function savePng({ name, photo, regions }: Result, drawMap: DrawMap): Promise<void> {
  const { width, height } = photo;
  const canvas = make('canvas', { width, height });
  const context = canvas.getContext('2d');
  if (!context) throw new Error('this browser gives no 2D canvas to draw the picture with');
  context.drawImage(photo, 0, 0);
  drawMap(context, { width, height });
  drawRegions(context, regions, { width, height });
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, 'image/png'));
  if (!blob) throw new Error(`this browser writes no PNG of ${width}x${height} pixels: save SVG`);
  download(fileNameOf(name, 'png'), blob, 'image/png');
}
