/** @file PNG files with 8 bits of red, green and blue, not interlaced, as fixtures have them: the same on every runtime. */

/** Pixels `[height, width, 3]`. */
export async function decodePng(bytes: Uint8Array): Promise<{
  width: number;
  height: number;
  channels: 3;
  data: Uint8Array<ArrayBuffer>;
}> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const form = bytes.subarray(24, 29).join();
  if (form !== '8,2,0,0,0') throw new Error(`expected a PNG of 8-bit RGB, not interlaced, found ${form}`);
  const compressed: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 8; at < bytes.length; at += 12 + view.getUint32(at)) {
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (type === 'IDAT')
      compressed.push(Uint8Array.from(bytes.subarray(at + 8, at + 8 + view.getUint32(at))));
  }
  const inflated = new Blob(compressed).stream().pipeThrough(new DecompressionStream('deflate'));
  const lines = new Uint8Array(await new Response(inflated).arrayBuffer());
  const data = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y++) {
    const filter = lines[y * (3 * width + 1)];
    for (let i = 0; i < 3 * width; i++) {
      const at = y * 3 * width + i;
      const left = i < 3 ? 0 : data[at - 3];
      const above = y === 0 ? 0 : data[at - 3 * width];
      const corner = i < 3 || y === 0 ? 0 : data[at - 3 * width - 3];
      const predicted = [0, left, above, (left + above) >> 1, paeth(left, above, corner)][filter];
      data[at] = lines[y * (3 * width + 1) + 1 + i] + predicted;
    }
  }
  return { width, height, channels: 3, data };
}

/** Of the three neighbours the one that is nearest to left + above - corner. */
function paeth(left: number, above: number, corner: number): number {
  const sum = left + above - corner;
  const [a, b, c] = [left, above, corner].map((value) => Math.abs(sum - value));
  if (a <= b && a <= c) return left;
  return b <= c ? above : corner;
}
