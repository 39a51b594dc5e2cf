/** @file A node's attributes, and how nodes and graphs are refused. */

import { quote } from '../describe.ts';
import { DBNetError } from '../errors.ts';
import type { OnnxNode, OnnxTensor } from './model.ts';

/** Why a node cannot be part of a network; the node is added where it is caught. */
export class Refusal {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

export function refuse(reason: string): never {
  throw new Refusal(reason);
}

/** The error for a file whose graph is not what is expected. */
export const unfit = (expected: string, found: string): DBNetError =>
  new DBNetError('incompatible-weights', `ONNX file: expected ${expected}, found ${found}.`);

/** A number among the attributes. */
export function number(node: OnnxNode, name: string, otherwise: number): number {
  const value = node.attributes.get(name) ?? otherwise;
  return typeof value === 'number' ? value : refuse(`${name} that is no number`);
}

export function text(node: OnnxNode, name: string, otherwise: string): string {
  const value = node.attributes.get(name) ?? otherwise;
  return typeof value === 'string' ? value : refuse(`${name} that is no string`);
}

/** The longest list that says what an operator does: something for each side of a tensor, before and after. */
export const mostListed = 16;

export function list(node: OnnxNode, name: string): readonly number[] | undefined {
  const value = node.attributes.get(name);
  if (value === undefined) return undefined;
  const isList =
    Array.isArray(value) && value.length <= mostListed && value.every((item) => typeof item === 'number');
  return isList
    ? (value as readonly number[])
    : refuse(`${name} that is no list of up to ${mostListed} numbers`);
}

export function tensor(node: OnnxNode, name: string): OnnxTensor | undefined {
  const value = node.attributes.get(name);
  if (value === undefined) return undefined;
  return typeof value === 'object' && 'numbers' in value ? value : refuse(`${name} that is no tensor`);
}

/** An axis counted from the end where it is below zero. */
export function axisOf(axis: number, rank: number): number {
  const place = axis < 0 ? axis + rank : axis;
  return Number.isInteger(place) && place >= 0 && place < rank ? place : refuse(`axis ${axis} of ${rank}`);
}

/** A name of the file for a message. */
export const shown = (name: string): string => quote(name, 40);
