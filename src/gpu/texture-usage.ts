/** @file The bits of `GPUTextureUsage`, which Node has no global for. */

export const textureUsage = {
  copyFrom: 0x1,
  copyTo: 0x2,
  binding: 0x4,
  render: 0x10,
} as const;
