/** @file The next size of the network where one was too much for the device. */

import { floorToMultiple, multiple, padded } from '../input/size-rule.ts';
import type { SmallerAfterLoss } from '../input/types.ts';
import type { PaddedSize, Size } from '../size.ts';

/** How many times as large sides are: half the memory. */
const factor = 0.7;

/** The next size; undefined where there is none. */
export function smallerSize(size: PaddedSize): PaddedSize | undefined {
  const shrink = (side: number) => Math.max(multiple, floorToMultiple(side * factor));
  const most = { width: shrink(size.width), height: shrink(size.height) };
  if (most.width === size.width && most.height === size.height) return undefined;
  const { content } = size;
  if (!content) return most;
  const scale = Math.min(most.width / content.width, most.height / content.height);
  const round = (side: number) => Math.max(1, Math.floor(side * scale));
  return padded({ width: round(content.width), height: round(content.height) });
}

/** What is said of a detection that had to do with it. */
export function lossWarning(wanted: Size, network: Size): SmallerAfterLoss {
  const { width, height } = wanted;
  return {
    code: 'smaller-after-loss',
    message:
      `the GPU was lost with the network at ${width}x${height}, for lack of memory it seems, so it ran again at ` +
      `${network.width}x${network.height}, and small text may be lost: use a smaller size, or split: true`,
    lostAt: { width, height },
  };
}
