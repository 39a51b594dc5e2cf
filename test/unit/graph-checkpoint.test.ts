/** @file Which weights files are a DB-ResNet-18, and what is said of those that are not. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parameterShapes, probabilityAlone } from '../../src/graph/graph.ts';
import { writeNetwork } from '../../src/graph/network-json.ts';
import { readCheckpoint } from '../../src/models/checkpoint.ts';
import { dbNet } from '../../src/models/dbnet.ts';
import { resNet18 } from '../../src/models/resnet.ts';
import { parseSafetensors, type Safetensors } from '../../src/safetensors/parse.ts';
import { fullNetwork } from '../helpers/networks.ts';
import { errorOf } from './safetensors-helpers.ts';

type Shapes = Map<string, readonly number[]>;

const expectedShapes = (thresholdHead = true): Shapes => parameterShapes(fullNetwork(thresholdHead));

/** A file with tensors of these shapes, whose values are made when they are read. */
function fileOf(shapes: Shapes, values: (name: string, size: number) => Float32Array = zeros): Safetensors {
  const sizeOf = (name: string) => shapes.get(name)!.reduce((product, side) => product * side, 1);
  return {
    tensors: new Map(
      [...shapes].map(([name, shape]) => {
        const size = sizeOf(name);
        return [name, { dtype: 'F32', shape, size, byteOffset: 0, byteLength: 4 * size }];
      }),
    ),
    metadata: {},
    float32: (name) => values(name, sizeOf(name)),
    bytes: () => new Uint8Array(),
  };
}

const zeros = (_: string, size: number) => new Float32Array(size);

const refusal = (shapes: Shapes): string =>
  errorOf('incompatible-weights', () => readCheckpoint(fileOf(shapes))).message;

describe('readCheckpoint', () => {
  it('takes the given weights, and counts their parameters', () => {
    const bytes = readFileSync(new URL('../../weights/db-resnet18.safetensors', import.meta.url));
    const checkpoint = readCheckpoint(parseSafetensors(bytes));
    expect(checkpoint.parameterCount).toBe(12_340_930);
    expect(checkpoint.graph.parameters('backbone.conv1.weight').length).toBe(64 * 3 * 49);
    const { parameters, ...network } = checkpoint.graph;
    expect(network).toEqual(fullNetwork());
    expect(probabilityAlone(network)).toEqual(fullNetwork(false));
  });

  it('is P-only without the threshold head', () => {
    const checkpoint = readCheckpoint(fileOf(expectedShapes(false)));
    expect(checkpoint.parameterCount).toBe(12_176_513);
    const { parameters, ...network } = checkpoint.graph;
    expect(network).toEqual(fullNetwork(false));
  });

  it('knows the architecture by the tensors, and refuses metadata that says another', () => {
    const file = fileOf(expectedShapes());
    expect(readCheckpoint(file).architecture).toBe('db-resnet18');
    expect(readCheckpoint({ ...file, metadata: { architecture: 'db-resnet18' } }).architecture).toBe(
      'db-resnet18',
    );
    const other = { ...file, metadata: { architecture: 'db-resnet50' } };
    expect(errorOf('incompatible-weights', () => readCheckpoint(other)).message).toContain(
      "expected 'db-resnet18' as metadata 'architecture'",
    );
    const own = { architecture: 'mine', network: writeNetwork(fullNetwork()) };
    expect(readCheckpoint({ ...file, metadata: own }).architecture).toBe('mine');
  });

  it('takes channels that fill no vec4', () => {
    const network = dbNet(resNet18(), { neck: 72, head: 18 });
    const { parameters, ...read } = readCheckpoint(fileOf(parameterShapes(network))).graph;
    expect(read).toEqual(network);
  });

  it('takes the prefix of wrapped models, and reads through it', () => {
    const wrapped = new Map([...expectedShapes()].map(([name, shape]) => [`model.module.${name}`, shape]));
    const asked: string[] = [];
    const checkpoint = readCheckpoint(
      fileOf(wrapped, (name, size) => {
        asked.push(name);
        return zeros(name, size);
      }),
    );
    checkpoint.graph.parameters('decoder.out2.weight');
    expect(asked).toEqual(['model.module.decoder.out2.weight']);
    expect(checkpoint.parameterCount).toBe(12_340_930);
  });

  it.each(['module.', 'module.model.', 'student.'])(
    'names the prefix %s of all names, in short',
    (prefix) => {
      const wrapped = new Map([...expectedShapes()].map(([name, shape]) => [prefix + name, shape]));
      const message = refusal(wrapped);
      expect(message).toContain(`"${prefix}" in front of all ${wrapped.size} names`);
      expect(message.length).toBeLessThan(400);
    },
  );

  it('takes nothing for a prefix that the network has itself', () => {
    const backbone = new Map([...expectedShapes()].filter(([name]) => name.startsWith('backbone.')));
    expect(refusal(backbone)).toMatch(/found 21 missing: decoder\.in5\.weight, .* and 16 more$/);
  });

  it('refuses wrapped and plain names together, which would hide one of two', () => {
    const shapes = expectedShapes();
    shapes.set('model.module.backbone.conv1.weight', [64, 3, 7, 7]);
    expect(refusal(shapes)).toContain(
      "all names or none to begin with 'model.module.', found 1 that do and 1",
    );
  });

  it('keeps the error short, whatever the file holds', () => {
    const long = 'n'.repeat(10_000);
    const shapes: Shapes = new Map(Array.from({ length: 1000 }, (_, i) => [long + i, [1]]));
    shapes.set('backbone.conv1.weight', Array<number>(10_000).fill(1));
    const message = refusal(shapes);
    expect(message).toContain('1000 superfluous: ');
    expect(message).toContain(' and 995 more');
    expect(message.length).toBeLessThan(1500);
  });

  it('ignores what takes no part in inference', () => {
    const shapes = expectedShapes();
    shapes.set('backbone.fc.weight', [1000, 512]).set('backbone.fc.bias', [1000]);
    shapes.set('backbone.smooth.weight', [2048, 2048, 1, 1]);
    shapes.set('backbone.bn1.num_batches_tracked', []);
    shapes.set('decoder.thresh.4.num_batches_tracked', []);
    expect(readCheckpoint(fileOf(shapes)).parameterCount).toBe(12_340_930);
  });

  it('lists all that is missing, superfluous and misshapen in one error', () => {
    const shapes = expectedShapes();
    shapes.delete('backbone.conv1.weight');
    shapes.delete('decoder.thresh.6.bias');
    shapes.set('decoder.extra.weight', [1]).set('head.weight', [2]);
    shapes.set('decoder.in5.weight', [256, 2048, 1, 1]);
    shapes.set('backbone.bn1.bias', [32]);
    const message = refusal(shapes);
    expect(message).toContain('2 missing: backbone.conv1.weight, decoder.thresh.6.bias');
    expect(message).toContain('2 superfluous: decoder.extra.weight, head.weight');
    expect(message).toContain('2 misshapen: backbone.bn1.bias (expected [64], found [32])');
    expect(message).toContain('decoder.in5.weight (expected [256,512,1,1], found [256,2048,1,1])');
  });

  it('leaves out of the error what is not wrong', () => {
    const shapes = expectedShapes();
    shapes.delete('decoder.out2.weight');
    const message = refusal(shapes);
    expect(message).toContain('1 missing: decoder.out2.weight');
    expect(message).not.toMatch(/superfluous|misshapen/);
  });

  it('tells a scalar from a vector of one, and an empty file from a network', () => {
    const shapes = expectedShapes();
    shapes.set('decoder.binarize.6.bias', []);
    expect(refusal(shapes)).toContain('decoder.binarize.6.bias (expected [1], found [])');
    expect(refusal(new Map())).toContain('missing: backbone.conv1.weight');
  });

  it('refuses deformable convolutions by name, whatever else is wrong', () => {
    const shapes = expectedShapes();
    shapes.set('backbone.layer2.0.conv2_offset.weight', [27, 128, 3, 3]);
    shapes.set('model.module.backbone.layer3.1.conv2_offset.bias', [27]);
    shapes.delete('decoder.out2.weight');
    const message = refusal(shapes);
    expect(message).toContain('backbone.layer2.0.conv2_offset.weight');
    expect(message).toContain('backbone.layer3.1.conv2_offset.bias');
    expect(message).toContain('deformable');
  });

  it('refuses a variance below zero, when it is read', () => {
    const values = (name: string, size: number) =>
      zeros(name, size).fill(name === 'backbone.bn1.running_var' ? -1e-6 : -1);
    const source = readCheckpoint(fileOf(expectedShapes(), values)).graph.parameters;
    const { message } = errorOf('incompatible-weights', () => source('backbone.bn1.running_var'));
    expect(message).toContain("at index 0 of 'backbone.bn1.running_var'");
    expect(source('backbone.bn1.running_mean')[0]).toBe(-1);
  });

  it('refuses weights that are not finite, when they are read', () => {
    for (const wrong of [Number.NaN, Infinity, -Infinity]) {
      const checkpoint = readCheckpoint(
        fileOf(expectedShapes(), (name, size) => {
          const values = new Float32Array(size);
          if (name === 'decoder.in4.weight') values[17] = wrong;
          return values;
        }),
      );
      expect(checkpoint.graph.parameters('decoder.in5.weight').length).toBe(256 * 512);
      const { message } = errorOf('incompatible-weights', () =>
        checkpoint.graph.parameters('decoder.in4.weight'),
      );
      expect(message).toContain(`${wrong} at index 17 of 'decoder.in4.weight'`);
    }
  });
});
