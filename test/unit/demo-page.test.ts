/** @file The parts of the demo that need no page. */

import { access } from 'node:fs/promises';
import { transform } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { type Choices, detectOptions, regionOptions } from '../../pages/demo/choices.ts';
import { codeOf } from '../../pages/demo/code.ts';
import { coloured, colourOf } from '../../pages/demo/heat-map.ts';
import { assets, models, shippedModel } from '../../pages/demo/models.ts';
import { adviceFor } from '../../pages/demo/no-webgpu.ts';
import { describeRegion } from '../../pages/demo/overlay.ts';
import { svgOf } from '../../pages/demo/picture-files.ts';
import { wordsOf } from '../../pages/demo/progress.ts';
import { regionsOf } from '../../pages/demo/regions.ts';
import { duration } from '../../pages/demo/timings.ts';
import type { Region } from '../../src/postprocess/types.ts';

const first: Choices = { shape: 'quad', binarize: 'P' };

const region: Region = {
  points: [
    [1, 2],
    [11, 2],
    [11, 6.25],
    [1, 6.25],
  ],
  box: { x: 1, y: 2, width: 10, height: 4.25 },
  score: 0.875,
};

describe('choices', () => {
  it("come before the weights' own, and those before the paper's", () => {
    const stated = { threshold: 0.35, unclipRatio: 1.8 };
    expect(regionOptions({ ...first, boxThreshold: 0.4 }, stated)).toMatchObject({
      threshold: 0.35,
      boxThreshold: 0.4,
      unclipRatio: 1.8,
    });
    expect(regionOptions({ ...first, shape: 'polygon' }, stated)).toMatchObject({
      threshold: 0.35,
      boxThreshold: 0.6,
      unclipRatio: 2,
    });
  });

  it('are options of detect() where they are no defaults', () => {
    expect(detectOptions(first)).toEqual({});
    const chosen: Choices = { shape: 'polygon', binarize: 'B', shortSide: 480, threshold: 0.2 };
    expect(detectOptions(chosen)).toEqual({
      size: { shortSide: 480 },
      shape: 'polygon',
      binarize: 'B',
      threshold: 0.2,
    });
  });
});

describe('the code', () => {
  it('is the shortest for what is the default', () => {
    expect(codeOf(shippedModel, first)).toBe(`import { TextDetector } from 'dbnet-webgpu';
import weights from 'dbnet-webgpu/weights';

const detector = await TextDetector.create({ weights });
const image = document.querySelector('img');
await image.decode();
const { regions } = await detector.detect(image);
for (const { score, points } of regions) console.log(score.toFixed(2), points);
`);
  });

  it('names weights and options, and is JavaScript', async () => {
    const code = codeOf(
      { title: '', weights: new File([], "it's.onnx") },
      { shape: 'polygon', binarize: 'B', shortSide: 480, unclipRatio: 1.25 },
    );
    expect(code).toContain("const weights = 'it\\'s.onnx';");
    expect(code).toContain(
      "{\n  size: { shortSide: 480 },\n  shape: 'polygon',\n  binarize: 'B',\n  unclipRatio: 1.25,\n}",
    );
    const { warnings } = await transform(code, { format: 'esm', target: 'es2022' });
    expect(warnings).toEqual([]);
  });
});

describe('maps', () => {
  it('are dark at 0 and bright at 1', () => {
    expect(colourOf(0)).toEqual([0, 0, 4]);
    expect(colourOf(1)).toEqual([252, 255, 164]);
    expect(colourOf(7)).toEqual(colourOf(1));
    const lightness = (value: number) => colourOf(value).reduce((sum, channel) => sum + channel);
    for (let i = 0; i < 20; i++) expect(lightness((i + 1) / 20)).toBeGreaterThan(lightness(i / 20));
  });

  it('are coloured where the picture is', () => {
    const map = Float32Array.of(0, 1, 9, 1, 0, 9, 9, 9, 9);
    const pixels = coloured(map, 3, { width: 2, height: 2 });
    expect(pixels).toHaveLength(16);
    expect([...pixels.subarray(0, 8)]).toEqual([...colourOf(0), 255, ...colourOf(1), 255]);
    expect([...pixels.subarray(8)]).toEqual([...colourOf(1), 255, ...colourOf(0), 255]);
  });

  it('become regions of P or of B, in pixels of the picture', () => {
    const [width, height] = [32, 32];
    const map = (left: number, value: number) =>
      Float32Array.from({ length: width * height }, (_, i) =>
        i % width >= left && i % width < 28 && i >> 5 >= 8 && i >> 5 < 20 ? value : 0,
      );
    const maps = { P: map(4, 0.9), T: map(4, 0.5), B: map(16, 0.9), width, height };
    const find = (choices: Choices) => regionsOf(maps, { width: 320, height: 320 }, choices, {}).regions;
    const [ofP, ...others] = find({ ...first, unclipRatio: 0 });
    expect(others).toEqual([]);
    expect(ofP.box.x).toBeGreaterThanOrEqual(40);
    expect(ofP.box.x).toBeLessThan(60);
    const [ofB] = find({ ...first, unclipRatio: 0, binarize: 'B' });
    expect(ofB.box.x).toBeGreaterThanOrEqual(160);
    expect(find({ ...first, threshold: 0.95 })).toEqual([]);
  });
});

describe('what is said and saved', () => {
  it('is an SVG image of its own', () => {
    const svg = svgOf([region], { width: 900, height: 600 }, 'data:image/jpeg;base64,AAAA');
    expect(svg).toContain('viewBox="0 0 900 600"');
    expect(svg).toContain('<image href="data:image/jpeg;base64,AAAA" width="900" height="600"/>');
    expect(svg).toContain('<polygon points="1,2 11,2 11,6.3 1,6.3"><title>score 0.875</title></polygon>');
  });

  it('is a region in words', () => {
    expect(describeRegion(region, 1, 6)).toBe('Region 2 of 6, score 0.88: (1, 2) (11, 2) (11, 6) (1, 6)');
    const polygon = { ...region, points: Array(9).fill([0, 0]) };
    expect(describeRegion(polygon, 0, 1)).toMatch(/: 9 points$/);
  });

  it('is a time with three digits', () => {
    expect([0.04, 9.96, 123.4, 999.6, 18_640].map(duration)).toEqual([
      '0.0 ms',
      '10 ms',
      '123 ms',
      '1.00 s',
      '18.6 s',
    ]);
  });

  it('is how far it has come', () => {
    expect(wordsOf({ stage: 'weights', done: 2_900_000, total: 24_756_368 })).toBe(
      'Loading the weights: 2.9 of 25 MB',
    );
    expect(wordsOf({ stage: 'compile', done: 3, total: 91 })).toBe('Compiling shaders: 3 of 91');
    expect(wordsOf({ stage: 'network', done: 0, total: 1 })).toBe('Looking for text');
  });

  it('is what to do without WebGPU, the own browser first', () => {
    const chrome = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0';
    for (const [userAgent, browser] of [
      ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox'],
      [`Mozilla/5.0 (Linux; Android 10; K) ${chrome} Mobile Safari/537.36`, 'Chrome for Android'],
      [`Mozilla/5.0 (X11; Linux x86_64) ${chrome} Safari/537.36`, 'Chrome, Edge on Linux'],
      [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome} Safari/537.36`, 'Chrome, Edge'],
      [
        'Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15',
        'Safari',
      ],
    ]) {
      const [own, ...others] = adviceFor(userAgent);
      expect(own).toMatchObject({ browser, own: true });
      expect(others.filter((one) => one.own)).toEqual([]);
    }
    expect(adviceFor('curl/8').some(({ own }) => own)).toBe(false);
  });
});

it('the files of other packages are where the page takes them from', async () => {
  const root = new URL('../../', import.meta.url);
  for (const { from, to } of assets) {
    await access(new URL(from, root));
    expect(models.map(({ weights }) => weights)).toContain(`../../${to}`);
  }
});
