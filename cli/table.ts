/** @file What the commands print for people: regions, timings, rates, tiles, and the adapter in one line. */

import Table from 'cli-table3';
import type { Detection, Region, Timings, TuningReport } from '../src/detect/types.ts';
import type { Counts, Rates } from '../src/eval/icdar.ts';
import type { DetectionWarning } from '../src/input/types.ts';
import { type Tile, tileName } from '../src/kernels/tile.ts';
import type { WinogradSize } from '../src/kernels/winograd.ts';

/** No frame and no colours, so that the text reads the same in a file. */
const PLAIN = {
  chars: {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  },
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
};

/**
 * The table of regions. Quads: number, score, centre, size and angle (degrees, clockwise positive as y points
 * down); polygons: number, score, corners and bounding box. Lengths in pixels of the source image.
 */
export function regionTable(regions: readonly Region[], shape: 'quad' | 'polygon'): string {
  if (regions.length === 0) return '';
  return shape === 'quad'
    ? align(['#', 'score', 'centre x', 'centre y', 'width', 'height', 'angle'], regions.map(quadRow))
    : align(['#', 'score', 'points', 'left', 'top', 'right', 'bottom'], regions.map(polygonRow));
}

function quadRow({ points, score }: Region, index: number): string[] {
  const [a, b, c, d] = points;
  const distance = (p: number[], q: number[]) => Math.hypot(q[0] - p[0], q[1] - p[1]);
  const angle = (Math.atan2(b[1] - a[1], b[0] - a[0]) * 180) / Math.PI;
  return [
    `${index + 1}`,
    score.toFixed(3),
    ((a[0] + b[0] + c[0] + d[0]) / 4).toFixed(1),
    ((a[1] + b[1] + c[1] + d[1]) / 4).toFixed(1),
    ((distance(a, b) + distance(d, c)) / 2).toFixed(1),
    ((distance(b, c) + distance(a, d)) / 2).toFixed(1),
    `${angle.toFixed(1).replace(/^-0\.0$/, '0.0')}°`,
  ];
}

function polygonRow({ points, score }: Region, index: number): string[] {
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  return [`${index + 1}`, score.toFixed(3), `${points.length}`, ...box.map((side) => side.toFixed(1))];
}

/** The first `texts` columns are text, which stands on the left; the others numbers. */
function align(head: string[], rows: string[][], texts = 0): string {
  const colAligns = head.map((_, column) => (column < texts ? 'left' : 'right'));
  const table = new Table({ ...PLAIN, head, colAligns });
  table.push(...rows);
  return table.toString();
}

/** One line on a detection: how many regions, the sizes of image and network, and the time by stage. */
export function detectionSummary(detection: Detection): string {
  const { regions, width, height, network, truncated, timings } = detection;
  const count = `${regions.length} ${regions.length === 1 ? 'region' : 'regions'}`;
  const cut = truncated
    ? ' (truncated: more contours than --max-candidates, the smallest were left out)'
    : '';
  const { content } = network;
  const padded = content ? `, ${content.width} x ${content.height} of it the image` : '';
  const sizes = `${width} x ${height} pixels, network at ${network.width} x ${network.height}${padded}`;
  return `${count} in ${sizes}${cut}, ${timingLine(timings)}`;
}

/** What a detection warns of, and which option helps. */
export function warningLine(warning: DetectionWarning): string {
  if (warning.code === 'smaller-after-loss') {
    const { width, height } = warning.lostAt;
    return (
      `the GPU was lost with the network at ${width} x ${height}, for lack of memory it seems, so it ran at a smaller size: use ` +
      'a lower --max-long-side.'
    );
  }
  const { scale, sufficientLongSide } = warning;
  return (
    `for the network it was shrunk to ${scale.toPrecision(2)} of its size, so that small text is lost: use ` +
    `--max-long-side ${sufficientLongSide} (more memory and time), or cut the image into parts.`
  );
}

function timingLine({ preprocess, network, readback, postprocess, total }: Timings): string {
  const stages = Object.entries({ preprocess, network, readback, postprocess }).map(
    ([stage, ms]) => `${stage} ${duration(ms)}`,
  );
  return `${duration(total)} (${stages.join(', ')})`;
}

/** Milliseconds, or seconds from one second on. */
export function duration(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(2)} s` : `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

/** The totals of an evaluation. */
export function ratesSummary(counts: Counts, { precision, recall, f }: Rates, images: number): string {
  const { matched, labels, detections } = counts;
  return [
    `precision ${precision.toFixed(4)}   ${matched} of ${detections} detections are right`,
    `recall    ${recall.toFixed(4)}   ${matched} of ${labels} labels are found`,
    `F         ${f.toFixed(4)}   ICDAR 2015 protocol, ${images} ${images === 1 ? 'image' : 'images'}`,
  ].join('\n');
}

/** `direct 8x8`, `F(4,3)`: how a class of layers is computed. */
export function methodName(tile: Tile, winograd: WinogradSize | undefined): string {
  return winograd ? `F(${winograd},3) ${tileName(tile)}` : tileName(tile);
}

/** What is taken for a class, and its milliseconds. */
function fastest({ tile, ms, winograd, products, standard }: TuningReport['classes'][number]): {
  method: string;
  ms: number;
} {
  if (!winograd || winograd.ms >= ms) return { method: tileName(tile), ms };
  // Where no tile was looked for, the products keep the library's own.
  const ownTile = products?.tile ?? (standard?.winograd === winograd.size ? standard.tile : undefined);
  return {
    method: ownTile ? methodName(ownTile, winograd.size) : `F(${winograd.size},3)`,
    ms: winograd.ms,
  };
}

/**
 * What tuning found: class of layers, tile (behind Winograd's size where its filtering is the fastest, then the tile of
 * its products), number of such layers, milliseconds and 1e9 floating-point operations of the plain convolution per
 * second of one of them, and how many times faster it is than by default.
 */
export function tuningTable({ classes }: Pick<TuningReport, 'classes'>): string {
  if (classes.length === 0) return '';
  return align(
    ['class', 'tile', 'layers', 'ms', 'GFLOP/s', 'gain', 'default'],
    classes.map((one) => {
      const { name, layers, standard } = one;
      const { method, ms } = fastest(one);
      const gflops = (one.gflops * one.ms) / ms;
      return [
        name,
        method,
        `${layers}`,
        ms.toPrecision(3),
        gflops.toFixed(gflops < 100 ? 1 : 0),
        standard ? `${(standard.ms / ms).toFixed(2)}x` : '-',
        standard ? methodName(standard.tile, standard.winograd) : 'fails',
      ];
    }),
    2,
  );
}

/** One line on a tuning: what it gained, and what it left out. */
export function tuningSummary({ classes, unmeasured }: Pick<TuningReport, 'classes' | 'unmeasured'>): string {
  const of = unmeasured.length > 0 ? ` of ${classes.length + unmeasured.length}` : '';
  const count = `${classes.length}${of} classes of layers measured`;
  const compared = classes.filter(({ standard }) => standard);
  if (compared.length === 0) return `${count}.`;
  const time = compared.reduce((sum, one) => sum + one.layers * fastest(one).ms, 0);
  const before = compared.reduce((sum, { layers, standard }) => sum + layers * standard!.ms, 0);
  return `${count}: together ${duration(time)}, ${(before / time).toFixed(2)} times as fast as by default.`;
}
