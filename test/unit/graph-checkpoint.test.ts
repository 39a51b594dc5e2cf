/** @file Which weights files are of a network that is known, and what is said of those that are not. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Network, parameterShapes, probabilityAlone, steepnessOf } from '../../src/graph/graph.ts';
import { writeNetwork } from '../../src/graph/network-json.ts';
import { readCheckpoint } from '../../src/models/checkpoint.ts';
import { authors, dbNet, mmocr, mmocr0, type Names } from '../../src/models/dbnet.ts';
import { families } from '../../src/models/families.ts';
import { resNet18 } from '../../src/models/resnet.ts';
import { resNet50 } from '../../src/models/resnet50.ts';
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
    const file = parseSafetensors(bytes);
    const checkpoint = readCheckpoint(file);
    expect(checkpoint.parameterCount).toBe(12_340_930);
    expect(checkpoint.metadata).toEqual(file.metadata);
    expect(checkpoint.dropped).toEqual([]);
    expect(checkpoint.graph.parameters('backbone.conv1.weight').length).toBe(64 * 3 * 49);
    const { parameters, ...network } = checkpoint.graph;
    expect(network).toEqual(fullNetwork());
    expect(probabilityAlone(network)).toEqual(fullNetwork(false));
  });

  it.each(['fifty', '', '0', '-50', 'Infinity'])('refuses the steepness %o', (k) => {
    const file = { ...fileOf(expectedShapes()), metadata: { k } };
    expect(errorOf('incompatible-weights', () => readCheckpoint(file)).message).toMatch(
      /'k'.*expected .+, found/,
    );
  });

  it('takes the steepness that the metadata states', () => {
    const { graph } = readCheckpoint({ ...fileOf(expectedShapes()), metadata: { k: '40' } });
    expect(steepnessOf(graph)).toBe(40);
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

  it.each(['model.module.', 'module.'])(
    'takes the prefix %s of wrapped models, and reads through it',
    (prefix) => {
      const wrapped = new Map([...expectedShapes()].map(([name, shape]) => [prefix + name, shape]));
      const asked: string[] = [];
      const checkpoint = readCheckpoint(
        fileOf(wrapped, (name, size) => {
          asked.push(name);
          return zeros(name, size);
        }),
      );
      checkpoint.graph.parameters('decoder.out2.weight');
      expect(asked).toEqual([`${prefix}decoder.out2.weight`]);
      expect(checkpoint.parameterCount).toBe(12_340_930);
    },
  );

  it.each(['module.model.', 'student.'])('names the prefix %s of all names, in short', (prefix) => {
    const wrapped = new Map([...expectedShapes()].map(([name, shape]) => [prefix + name, shape]));
    const message = refusal(wrapped);
    expect(message).toContain(`"${prefix}" in front of all ${wrapped.size} names`);
    expect(message.length).toBeLessThan(400);
  });

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
    const wrapped = new Map([...shapes].map(([name, shape]) => [`module.${name}`, shape]));
    const { parameterCount, dropped } = readCheckpoint(fileOf(wrapped));
    expect(parameterCount).toBe(12_340_930);
    expect(dropped).toEqual([
      'module.backbone.fc.weight',
      'module.backbone.fc.bias',
      'module.backbone.smooth.weight',
      'module.backbone.bn1.num_batches_tracked',
      'module.decoder.thresh.4.num_batches_tracked',
    ]);
    expect(readCheckpoint(fileOf(expectedShapes())).dropped).toEqual([]);
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

const publishers = {
  authors: ["the authors'", authors],
  mmocr: ["MMOCR's", mmocr],
  mmocr0: ["MMOCR 0.x's", mmocr0],
} as const;
const backbones = { 18: resNet18, 50: resNet50 } as const;
const forms = ['plain', 'deformable', 'deformable as before mmcv 1.0'];

/** Each family in each of its forms: a quarter as wide, or as in the paper; with plain and with deformable convolutions. */
const members = Object.values(publishers).flatMap(([publisher, names]) =>
  ([18, 50] as const).flatMap((depth) =>
    [undefined, ...names.deformable].flatMap((deformable, form) =>
      [true, false].map((thresholdHead) => ({
        name: `DB-ResNet-${depth} with ${publisher} names`,
        form: `${forms[form]}, ${thresholdHead ? 'P and T' : 'P alone'}`,
        architecture: `db-resnet${depth}${deformable ? '-dcn' : ''}`,
        network: dbNet(backbones[depth](16, deformable), { names, neck: 64, head: 16, thresholdHead }),
      })),
    ),
  ),
);

describe('families', () => {
  for (const { name, form, architecture, network } of members) {
    it(`${name}, ${form}`, () => {
      const checkpoint = readCheckpoint(fileOf(parameterShapes(network)));
      const { parameters, ...found } = checkpoint.graph;
      expect(found).toEqual(network);
      expect(checkpoint.architecture).toBe(architecture);
    });
  }

  it('have the tensors by which they are told', () => {
    const nothing = new Map();
    for (const { name, tensors, member } of families) {
      const expected = parameterShapes(member(nothing, 50).network);
      for (const tensor of tensors) expect(expected.has(tensor), `${name}: ${tensor}`).toBe(true);
    }
  });

  it("the authors' ResNet-50 takes offsets of another size where it halves, and no other network", () => {
    const flat = (network: Network) =>
      network.operations.flatMap((operation) =>
        operation.op === 'deformConv2d' && operation.flatOffsets ? [operation.name] : [],
      );
    const [own] = authors.deformable;
    expect(flat(dbNet(resNet50(16, own), { names: authors }))).toEqual(
      [2, 3, 4].map((layer) => `backbone.layer${layer}.0.conv2`),
    );
    expect(flat(dbNet(resNet18(16, own), { names: authors }))).toEqual([]);
    for (const deformable of mmocr.deformable) {
      expect(flat(dbNet(resNet50(16, deformable), { names: mmocr }))).toEqual([]);
    }
  });

  it('bring what their publishers say, unless the file states its input', () => {
    const recipeOf = (network: Network, metadata = {}) => {
      const file = { ...fileOf(parameterShapes(network)), metadata };
      const { input, postprocess } = readCheckpoint(file).metadata;
      return { input: input && JSON.parse(input), postprocess: postprocess && JSON.parse(postprocess) };
    };
    const r18 = dbNet(resNet18(16), { names: authors, neck: 64, head: 16 });
    const std = [58.395, 57.12, 57.375];
    expect(recipeOf(r18)).toEqual({
      input: {
        channelOrder: 'bgr',
        mean: [122.67891434, 116.66876762, 104.00698793],
        std: [255, 255, 255],
        size: { rule: 'shortSide', value: 736, multipleOf: 32 },
      },
      postprocess: { threshold: 0.3, boxThreshold: 0.55, unclipRatio: 1.5, maxCandidates: 1000 },
    });
    expect(recipeOf(dbNet(resNet50(16), { neck: 64, head: 16 })).postprocess.boxThreshold).toBe(0.6);
    const fit = { rule: 'fit', shortSide: 736, longSide: 1333, multipleOf: 32 };
    const post = { threshold: 0.3, boxThreshold: 0.3, unclipRatio: 1.5, maxCandidates: 3000, minSize: 3 };
    const input = { channelOrder: 'rgb', mean: [123.675, 116.28, 103.53], std, size: fit };
    expect(recipeOf(dbNet(resNet18(16), { names: mmocr, neck: 64, head: 16 }))).toEqual({
      input,
      postprocess: post,
    });
    const large = { ...fit, shortSide: 1024, longSide: 4068 };
    const r50 = (names: Names) => dbNet(resNet50(16, mmocr.deformable[0]), { names, neck: 64, head: 16 });
    expect(recipeOf(r50(mmocr)).input).toEqual({ ...input, size: large });
    const older = [122.67891434, 116.66876762, 104.00698793];
    expect(recipeOf(r50(mmocr0)).input).toEqual({ ...input, mean: older, size: large });

    const own = JSON.stringify({ channelOrder: 'rgb' });
    expect(recipeOf(r18, { input: own })).toEqual({ input: { channelOrder: 'rgb' }, postprocess: undefined });
    const thresholds = JSON.stringify({ threshold: 0.2 });
    expect(recipeOf(r18, { postprocess: thresholds }).postprocess).toEqual({ threshold: 0.2 });
    expect(
      readCheckpoint({ ...fileOf(parameterShapes(r18)), metadata: { note: 'mine' } }).metadata.note,
    ).toBe('mine');
  });

  it('a file that lacks what tells its family is told by most of its tensors', () => {
    for (const { name, network } of members) {
      const shapes = parameterShapes(network);
      shapes.delete('neck.lateral_convs.0.conv.weight');
      shapes.delete('decoder.in5.weight');
      const message = refusal(shapes);
      expect(message).toContain(`tensors of a ${name}, the nearest`);
      expect(message).toMatch(/1 missing: (neck\.lateral_convs\.0\.conv|decoder\.in5)\.weight/);
    }
  });

  it('a deformable file without some of its offsets is refused by what is missing', () => {
    const network = dbNet(resNet18(16, authors.deformable[0]), { neck: 64, head: 16 });
    const shapes = parameterShapes(network);
    shapes.delete('backbone.layer2.0.conv2_offset.weight');
    shapes.delete('backbone.layer4.1.conv2_offset.bias');
    expect(refusal(shapes)).toContain(
      '2 missing: backbone.layer2.0.conv2_offset.weight, backbone.layer4.1.conv2_offset.bias',
    );
    shapes.set('backbone.layer2.0.conv2_offset.weight', [18, 32, 3, 3]);
    expect(refusal(shapes)).toContain('conv2_offset.weight (expected [27,32,3,3], found [18,32,3,3])');
  });
});

describe('networks of other kinds are refused by what they look like', () => {
  const backbone = [...expectedShapes()].filter(([name]) => name.startsWith('backbone.'));
  const torchvision = backbone.map(([name, shape]) => [name.replace('backbone.', ''), shape] as const);
  const mmocrR50 = [...parameterShapes(dbNet(resNet50(), { names: mmocr }))];
  const cases: [string, (readonly [string, readonly number[]])[]][] = [
    ['a classifier', [...torchvision, ['fc.weight', [1000, 512]], ['fc.bias', [1000]]]],
    ['a classifier', [...backbone, ['backbone.fc.weight', [1000, 512]]]],
    ['DB++', [...expectedShapes(), ['decoder.concat_attention.conv.weight', [64, 256, 3, 3]]]],
    ['DB++', [...mmocrR50, ['neck.asf_conv.conv.weight', [256, 256, 3, 3]]]],
    ['oCLIP', [...mmocrR50, ['backbone.stem.0.weight', [32, 3, 3, 3]]]],
    ['docTR', [['feat_extractor.conv1.weight', [64, 3, 7, 7]]]],
    ['docTR', [['fpn.in_branches.0.0.weight', [256, 64, 1, 1]]]],
    ['PP-OCR', [['model.backbone.encoder.convolution.convolution.weight', [16, 3, 3, 3]]]],
    ['PP-OCR', [['model.neck.insert_conv.0.in_conv.weight', [96, 16, 1, 1]]]],
    ['PaddleOCR', [['neck.in2_conv.weight', [256, 64, 1, 1]]]],
  ];

  it.each(cases)('%s', (what, tensors) => {
    const message = refusal(new Map(tensors));
    expect(message).toContain(what);
    expect(message).toContain("DB-ResNet-18 with the authors' names");
    expect(message.length).toBeLessThan(450);
  });

  it('and one of which nothing is known by what it lacks, with the families that are', () => {
    const message = refusal(new Map([['encoder.layers.0.weight', [8, 8]]]));
    expect(message).toContain('missing: backbone.conv1.weight');
    expect(message).toContain('1 superfluous: encoder.layers.0.weight');
    for (const { name } of families) expect(message).toContain(name);
  });
});
