/** @file The program that does what the page shows. */

import { type Choices, detectOptions } from './choices.ts';
import { type Model, shippedModel } from './models.ts';

/** JavaScript for a page with a bundler. Options that are the defaults are left out. */
export function codeOf(model: Model, choices: Choices): string {
  const shipped = model.weights === shippedModel.weights;
  const { weights } = model;
  const name = typeof weights === 'string' ? weights.slice(weights.lastIndexOf('/') + 1) : weights.name;
  const options = Object.entries(detectOptions(choices)).map(
    ([option, value]) => `  ${option}: ${literal(value)},\n`,
  );
  const given = options.length === 0 ? '' : `, {\n${options.join('')}}`;
  return `import { TextDetector } from 'dbnet-webgpu';
${shipped ? "import weights from 'dbnet-webgpu/weights';\n" : ''}
${shipped ? '' : `const weights = ${quoted(name)}; // where your page serves it\n`}const detector = await TextDetector.create({ weights });
const image = document.querySelector('img');
await image.decode();
const { regions } = await detector.detect(image${given});
for (const { score, points } of regions) console.log(score.toFixed(2), points);
`;
}

const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function literal(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value !== 'object' || value === null) return String(value);
  return `{ ${Object.entries(value)
    .map(([key, item]) => `${key}: ${literal(item)}`)
    .join(', ')} }`;
}
