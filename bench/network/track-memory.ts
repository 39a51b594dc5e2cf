/** @file Counts what a device holds: every buffer and texture from its creation to its `destroy()`. */

export interface TrackedMemory {
  /** Bytes held now. */
  readonly bytes: number;
}

/** Bytes of a texel of the formats that this project uses. */
const texelBytes: Readonly<Record<string, number>> = { rgba8unorm: 4, r8unorm: 1 };

/** Begins to count. What was created earlier is not seen. */
export function trackMemory(device: GPUDevice): TrackedMemory {
  let bytes = 0;
  const count = <T extends { destroy(): undefined }>(resource: T, size: number): T => {
    bytes += size;
    let held = true;
    const destroy = resource.destroy.bind(resource);
    resource.destroy = () => {
      if (held) bytes -= size;
      held = false;
      destroy();
    };
    return resource;
  };
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => count(createBuffer(descriptor), descriptor.size);
  const createTexture = device.createTexture.bind(device);
  device.createTexture = (descriptor) => {
    const texture = createTexture(descriptor);
    const texel = texelBytes[texture.format] ?? 4;
    return count(texture, texture.width * texture.height * texture.depthOrArrayLayers * texel);
  };
  return {
    get bytes() {
      return bytes;
    },
  };
}
