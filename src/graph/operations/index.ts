/** @file The table of operations. A new one is a file here and a line below. */

import type { OperationKind } from '../operation.ts';
import { channelGate, gateFactors } from './channel-gate.ts';
import { conv2d } from './conv2d.ts';
import { dbHead } from './db-head.ts';
import { deformConv2d } from './deform-conv2d.ts';
import { depthwiseConv2d } from './depthwise-conv2d.ts';
import { maxPool } from './max-pool.ts';
import { stemPool } from './stem-pool.ts';
import { upsampleAdd, upsampleConcat } from './upsample.ts';
import { upsampledConv2d } from './upsampled-conv2d.ts';
import { winogradInput, winogradOutput, winogradProducts } from './winograd.ts';

export const operations = {
  conv2d,
  deformConv2d,
  depthwiseConv2d,
  channelGate,
  gateFactors,
  upsampledConv2d,
  winogradInput,
  winogradProducts,
  winogradOutput,
  maxPool,
  stemPool,
  upsampleAdd,
  upsampleConcat,
  dbHead,
};

type RecordOf<Kind> = Kind extends OperationKind<infer Record> ? Record : never;

/** One operation of a network, told by `op`. */
export type Operation = RecordOf<(typeof operations)[keyof typeof operations]>;
