/** @file PyTorch files for tests: those of the fixture, and pickles and archives by hand, right or wrong. */

import { readFixture } from '../helpers/fixtures.ts';

/** The bytes of a file in `test/fixtures/torch.safetensors`, whose `note` says what it is. */
export function torchFixture(name: string): Uint8Array {
  return Uint8Array.from(readFixture('torch.safetensors').get(`${name}/file`)!.data);
}
