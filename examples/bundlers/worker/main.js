import weights from 'dbnet-webgpu/weights';
import { createWorkerDetector } from 'dbnet-webgpu/worker';

const output = document.querySelector('output');
let detector;

/** Shows what a task gives, or why it failed. */
async function show(task) {
  output.value = 'Busy.';
  output.value = await task().catch((error) => `${error.code ?? error.name}: ${error.message}`);
}

async function open(source) {
  detector?.dispose();
  detector = await createWorkerDetector({ weights: source });
  return `Ready: ${detector.info.weights.architecture}.`;
}

const whenChosen = (id, task) =>
  document.getElementById(id).addEventListener('change', ({ target }) => show(() => task(target.files[0])));

whenChosen('weights', open);
whenChosen('photo', async (photo) => {
  const { regions } = await detector.detect(photo, { size: { shortSide: 224 } });
  return `${regions.length} regions of text.`;
});
document.querySelector('button').addEventListener('click', () =>
  show(async () => {
    await detector.tune({ width: 64, height: 64 }, { budgetMs: 1 });
    return 'Tuned.';
  }),
);
show(() => open(weights));
