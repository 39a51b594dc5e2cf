/**
 * @file `dbnet-webgpu/weights`: where the shipped weights are. A module of its own, so that an application that brings
 * others never bundles them. Bundlers find the file by the very form of this expression, and copy it.
 */

/** The address of `db-resnet18.safetensors`: in Node and Deno that of the file, in a page that of the bundler's copy. */
const weights: string = new URL('../weights/db-resnet18.safetensors', import.meta.url).href;

export default weights;
