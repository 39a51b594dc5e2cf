import sharp from 'sharp';
import { describe, expect, it, test } from 'vitest';
import { drawLossPlot, type LossCurve } from '../../cli/loss-plot.ts';
import { errorOf } from './safetensors-helpers.ts';

const curve = (name: string, losses: readonly number[]): LossCurve => ({
  name,
  points: losses.map((loss, i) => [i * 10, loss] as const),
});

/** Places of the line that is drawn in a colour: the path with this stroke width. */
function lineOf(svg: string, width: number): number[][] {
  const found = new RegExp(`<path d="M([^"]+)" stroke-width="${width}"/>`).exec(svg)!;
  return found[1].split('L').map((pair) => pair.split(',').map(Number));
}

describe('drawLossPlot', () => {
  it('draws falling losses as a falling line across the frame, the first of the key boldest', () => {
    const svg = drawLossPlot({ curves: [curve('total', [4, 3, 2, 1]), curve('bce', [2, 1.5, 1, 0.5])] });
    const total = lineOf(svg, 2.6);
    const part = lineOf(svg, 1.8);
    expect(total.map(([x]) => x)).toEqual([84, 351.33, 618.67, 886]);
    for (const line of [total, part]) {
      for (let i = 1; i < line.length; i++) expect(line[i][1]).toBeGreaterThan(line[i - 1][1]);
    }
    // The part lies below the total, at half its height over zero.
    const [zero] = [540];
    expect((zero - part[0][1]) / (zero - total[0][1])).toBeCloseTo(0.5);
  });

  it('writes round numbers at its axes and names in its key', () => {
    const texts = (curves: LossCurve[]) =>
      [...drawLossPlot({ curves, evaluations: [[10, 0.5]] }).matchAll(/<(text|tspan) [^>]*>([^<]+)</g)].map(
        ([, , content]) => content,
      );
    const linear = texts([curve('loss', [2, 1.6, 1.2]), curve('a<b', [1, 0.5, 0.5])]);
    const losses = ['0', '0.2', '0.4', '0.6', '0.8', '1', '1.2', '1.4', '1.6', '1.8', '2'];
    const rates = ['0.0', '0.2', '0.4', '0.6', '0.8', '1.0'];
    expect(linear.slice(0, losses.length)).toEqual(losses);
    expect(linear).toEqual(expect.arrayContaining(['10', '20', ...rates, '— loss', '— a&lt;b', '◆ F']));
    const logarithmic = texts([curve('loss', [20, 4, 0.2])]);
    expect(logarithmic).toEqual(expect.arrayContaining(['0.2', '1', '2', '10', '20']));
    expect(logarithmic).not.toContain('9');
  });

  it('takes a logarithmic axis for losses that span much, and a linear one with zeros', () => {
    const heights = (losses: number[]) =>
      lineOf(drawLossPlot({ curves: [curve('total', losses)] }), 2.6).map(([, y]) => y);
    const [a, b, c] = heights([100, 10, 1]);
    expect(b - a).toBeCloseTo(c - b, 1);
    const [d, e, f] = heights([100, 10, 0]);
    expect(e - d).toBeGreaterThan(5 * (f - e));
  });

  it('smooths noise away and keeps the level', () => {
    const losses = Array.from({ length: 2000 }, (_, i) => (i % 2 === 0 ? 1 : 3));
    const ys = lineOf(drawLossPlot({ curves: [curve('total', losses)] }), 2.6).map(([, y]) => y);
    expect(ys.length).toBe(400);
    // The mean is 2; the frame is 484 high and shows 0 to 3.
    for (const y of ys) expect(Math.abs(y - 217)).toBeLessThan(20);
  });

  it('marks evaluations on an axis from 0 to 1', () => {
    const svg = drawLossPlot({
      curves: [curve('total', [2, 1])],
      evaluations: [
        [0, 0],
        [10, 1],
      ],
    });
    expect(svg).toContain('<path transform="translate(84 540)"');
    expect(svg).toContain('<path transform="translate(886 56)"');
  });

  it('draws a single point, and losses that are all alike', () => {
    for (const losses of [[1], [2, 2, 2], [0, 0]]) {
      expect(drawLossPlot({ curves: [curve('total', losses)] })).not.toContain('NaN');
    }
  });

  it('refuses nothing, what is not finite, and steps that do not rise', () => {
    const refusal = (curves: LossCurve[]) =>
      errorOf('invalid-argument', () => drawLossPlot({ curves })).message;
    expect(refusal([])).toContain('at least one loss');
    expect(refusal([curve('total', [])])).toContain('at least one loss');
    expect(refusal([curve('bce', [1, Number.NaN])])).toContain('curve bce');
    const back = [[5, 1] as const, [5, 1] as const];
    expect(refusal([{ name: 'l1', points: back }])).toContain('rising steps');
  });
});

test('a picture of it has the curve in it', async () => {
  const svg = drawLossPlot({ curves: [curve('total', [1, 1]), curve('bce', [1, 2])] });
  const { data, info } = await sharp(Buffer.from(svg))
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  expect([info.format, info.width, info.height]).toEqual(['raw', 960, 600]);
  const blue = (p: number) => data[p] < 40 && data[p + 2] > 150;
  let count = 0;
  for (let p = 0; p < data.length; p += 3) if (blue(p)) count++;
  expect(count).toBeGreaterThan(800);
});
