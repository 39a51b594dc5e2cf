import { TextDetector } from 'dbnet-webgpu';
import shipped from 'dbnet-webgpu/weights';

let detector;

async function answer({ weights, photo, tune }) {
  if (weights) {
    detector?.dispose();
    detector = await TextDetector.create({ weights });
    return `Ready: ${detector.info.weights.architecture}.`;
  }
  if (tune) {
    await detector.tune({ width: 64, height: 64 }, { budgetMs: 1 });
    return 'Tuned.';
  }
  const { regions } = await detector.detect(photo, { size: { shortSide: 224 } });
  return `${regions.length} regions of text.`;
}

const reply = (message) =>
  answer(message).then(postMessage, (error) => postMessage(`${error.code ?? error.name}: ${error.message}`));
addEventListener('message', ({ data }) => reply(data));
reply({ weights: shipped });
