import { TextDetector } from 'dbnet-webgpu';
import { gpu } from 'dbnet-webgpu/node';
import weights from 'dbnet-webgpu/weights';

const detector = await TextDetector.create({ gpu: await gpu(), weights });
// A black page with a white line: whatever decodes your images gives you such bytes.
const [width, height] = [320, 64];
const data = new Uint8Array(width * height).fill(0);
for (let x = 60; x < 260; x++) if (x % 12 < 6) for (let y = 24; y < 40; y++) data[y * width + x] = 255;
const { regions } = await detector.detect({ data, width, height, channels: 1 }, { size: { width, height } });
console.log(`${regions.length} regions of text.`);
detector.dispose();
