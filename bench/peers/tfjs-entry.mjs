/**
 * @file What the page of TensorFlow.js needs of it, and no more: bundled with tree shaking, which is the fewest bytes
 * that an application of it can get by with.
 */

import '@tensorflow/tfjs-backend-webgpu';

export {
  add,
  backend,
  concat,
  conv2dTranspose,
  fused,
  image,
  maxPool,
  mul,
  ready,
  relu,
  setBackend,
  sigmoid,
  sub,
  tensor,
  tidy,
} from '@tensorflow/tfjs-core';
