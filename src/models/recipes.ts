/**
 * @file What publishers say of the use of their weights (input, size, thresholds), written as a weights file's metadata
 * states it, so that it is read, converted and saved like any other.
 */

export type Metadata = Readonly<Record<string, string>>;

const metadata = (input: object, postprocess: object): Metadata => ({
  input: JSON.stringify(input),
  postprocess: JSON.stringify(postprocess),
});

/** The mean that the authors of DBNet use, in the order red, green, blue. */
const authorsMean = [122.67891434, 116.66876762, 104.00698793];

/**
 * MhLiao/DB: OpenCV's BGR pixels minus a mean in RGB order, over 255; the demo's size. `boxThreshold` is that of ICDAR
 * 2015 (Total-Text: 0.7 and 0.6; MSRA-TD500: 0.5).
 */
const authors = (boxThreshold: number) =>
  metadata(
    {
      ...{ channelOrder: 'bgr', mean: authorsMean, std: [255, 255, 255] },
      size: { rule: 'shortSide', value: 736, multipleOf: 32 },
    },
    { threshold: 0.3, boxThreshold, unclipRatio: 1.5, maxCandidates: 1000 },
  );

/** MMOCR: RGB; scaled to fit, padded to multiples of 32. Rectangles with a side below 5 are dropped after the unclip. */
const mmocr = (mean: readonly number[], [shortSide, longSide]: readonly [number, number]) =>
  metadata(
    {
      ...{ channelOrder: 'rgb', mean, std: [58.395, 57.12, 57.375] },
      size: { rule: 'fit', shortSide, longSide, multipleOf: 32 },
    },
    { threshold: 0.3, boxThreshold: 0.3, unclipRatio: 1.5, maxCandidates: 3000, minSize: 3 },
  );

const imageNetMean = [123.675, 116.28, 103.53];

export const recipes = {
  authorsR18: authors(0.55),
  authorsR50: authors(0.6),
  mmocrR18: mmocr(imageNetMean, [736, 1333]),
  mmocrR50: mmocr(imageNetMean, [1024, 4068]),
  /** Before MMOCR 1.0 ResNet-50 had the authors' mean and ImageNet's standard deviation. */
  mmocr0R50: mmocr(authorsMean, [1024, 4068]),
};
