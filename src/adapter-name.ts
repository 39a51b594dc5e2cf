/** @file What an adapter is called, and the honest word on whether it is a GPU at all. */

/** What WebGPU tells of an adapter; browsers leave out what they like. */
export interface AdapterDescription {
  vendor: string;
  architecture: string;
  device: string;
  description: string;
}

/** A name for people: the most that is told. */
export const adapterName = ({ vendor, architecture, device, description }: AdapterDescription): string =>
  description || device || [vendor, architecture].filter(Boolean).join(' ') || 'an unnamed adapter';

/** True where shaders run on the CPU (SwiftShader, lavapipe, WARP), as far as names tell. */
export const isSoftware = ({ vendor, architecture, device, description }: AdapterDescription): boolean =>
  softwareNames.test([vendor, architecture, device, description].join(' '));

/** Names under which software adapters are known. */
const softwareNames = /swiftshader|llvmpipe|lavapipe|software|basic render|\bwarp\b/i;

/** What computes, for people. */
export const runsOn = ({ adapter, software }: { adapter: AdapterDescription; software: boolean }): string =>
  adapterName(adapter) + (software ? ': computes on the CPU, many times slower than a GPU' : '');
