/**
 * @file A kernel of one's own in the benchmark: `npm run bench -- --filter "conv 3x3" --kernel bench/examples/my-kernel.ts`
 *
 * The naive convolution: one thread per output, one scalar at a time, everything from storage. It is the first step
 * of the ladder (bench/ladder.md). Copy this file, change the WGSL, and see it beside the library's kernels; its
 * output is compared with theirs before it is timed.
 */

import { declare, type TypedBinding, traffic } from '../../src/kernels/kernel.ts';
import type { CustomKernel } from '../cases/custom-kernel.ts';

const myKernel: CustomKernel = {
  name: 'naive',

  conv2d(conv, precision) {
    const [{ height, width, channels, kernel, stride, padding }] = conv.sources;
    // Channels are stored in whole vec4s.
    const stored = 4 * Math.ceil(channels / 4);
    const residual = conv.residuals[0];
    // Not for fused convolutions: those have several sources, or residuals of other sizes.
    if (conv.sources.length > 1 || conv.residuals.length > 1) return undefined;
    if (residual && residual.kind !== 'same') return undefined;
    // Nor for what mobile networks put around the activation.
    if (conv.scaled || conv.affine) return undefined;
    // Nor for outputs that are stored with channels of padding, or other activations.
    if (conv.outChannels % 4 > 0 || (conv.activation !== 'relu' && conv.activation !== 'none'))
      return undefined;

    const bytes = precision === 'f16' ? 2 : 4;
    const outputs = conv.outHeight * conv.outWidth * conv.outChannels;
    const read = (name: string, count: number): TypedBinding => ({
      name,
      access: 'read',
      bytes: count * bytes,
      type: precision,
    });
    const typed: TypedBinding[] = [
      read('source0', height * width * stored),
      read('weights', kernel * kernel * stored * conv.outChannels),
      ...(conv.bias
        ? [{ name: 'bias', access: 'read' as const, bytes: conv.outChannels * 4, type: 'f32' }]
        : []),
      ...(residual ? [read('residual0', outputs)] : []),
      { name: 'output', access: 'read_write', bytes: outputs * bytes, type: precision },
    ];
    // Sizes are a uniform, so that images of all sizes share a pipeline.
    const shape = { height, width, out_height: conv.outHeight, out_width: conv.outWidth };
    const { bindings, declarations } = declare(typed, shape);
    const code = `${precision === 'f16' ? 'enable f16;' : ''}
${declarations}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let index = id.y * ${64 * 1024}u + id.x;
  let channel = index % ${conv.outChannels}u;
  let x = (index / ${conv.outChannels}u) % shape.out_width;
  let y = index / ${conv.outChannels}u / shape.out_width;
  if (y >= shape.out_height) { return; }
  var sum = ${conv.bias ? 'bias[channel]' : '0.0'};
  for (var ky = 0u; ky < ${kernel}u; ky++) {
    for (var kx = 0u; kx < ${kernel}u; kx++) {
      // Above or left of the image the subtraction wraps around, so that one comparison tests both sides.
      let row = y * ${stride}u + ky - ${padding.top}u;
      let column = x * ${stride}u + kx - ${padding.left}u;
      if (row < shape.height && column < shape.width) {
        for (var c = 0u; c < ${channels}u; c++) {
          let value = f32(source0[(row * shape.width + column) * ${stored}u + c]);
          let weight = f32(weights[((ky * ${kernel}u + kx) * ${stored}u + c) * ${conv.outChannels}u + channel]);
          sum += value * weight;
        }
      }
    }
  }
  ${residual ? 'sum += f32(residual0[index]);' : ''}
  output[index] = ${precision}(${conv.activation === 'relu' ? 'max(sum, 0.0)' : 'sum'});
}
`;
    const workgroups = Math.ceil(outputs / 64);
    return {
      label: `${conv.label} (naive)`,
      code,
      bindings,
      shape,
      // 65,535 workgroups is the most in one dimension: the rest goes into y.
      dispatch: [Math.min(workgroups, 1024), Math.ceil(workgroups / 1024), 1],
      flops: 2 * outputs * kernel * kernel * channels,
      bytes: traffic(typed),
    };
  },
};

export default myKernel;
