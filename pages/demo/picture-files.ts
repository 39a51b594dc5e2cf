/** @file The picture with its regions, as files. */

import type { Region } from 'dbnet-webgpu';

/** Over any picture: bright, on a dark edge. */
export const ink = { line: '#3df0ff', edge: 'rgb(4 14 26 / 0.75)' };

interface Size {
  width: number;
  height: number;
}

/** Pixels of the picture: what a line of two pixels is where the picture is 900 wide. */
export const lineWidth = ({ width, height }: Size): number => Math.max(1, Math.max(width, height) / 450);

const rounded = (value: number): number => Math.round(10 * value) / 10;

const listOf = ({ points }: Region): string => points.map((point) => point.map(rounded).join()).join(' ');

/** An SVG image of its own. @param photo a data URL. */
export function svgOf(regions: readonly Region[], size: Size, photo: string): string {
  const { width, height } = size;
  const line = rounded(lineWidth(size));
  const polygons = regions.map(
    (region) =>
      `    <polygon points="${listOf(region)}"><title>score ${region.score.toFixed(3)}</title></polygon>\n`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
  <image href="${photo}" width="${width}" height="${height}"/>
  <g fill="none" stroke="${ink.line}" stroke-width="${line}" stroke-linejoin="round">
${polygons.join('')}  </g>
</svg>
`;
}

/** Draws the regions as the page does. */
export function drawRegions(
  context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D,
  regions: readonly Region[],
  size: Size,
): void {
  const line = lineWidth(size);
  context.lineJoin = 'round';
  for (const [style, width] of [
    [ink.edge, 2 * line],
    [ink.line, line],
  ] as const) {
    context.strokeStyle = style;
    context.lineWidth = width;
    for (const { points } of regions) context.stroke(new Path2D(`M${points.join('L')}Z`));
  }
}
