/** @file The bits of `GPUBufferUsage`, which Node has no global for. */

export const bufferUsage = {
  mapRead: 0x1,
  copyFrom: 0x4,
  copyTo: 0x8,
  uniform: 0x40,
  storage: 0x80,
} as const;
