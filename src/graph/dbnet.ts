/**
 * @file DB-ResNet-18 as a list that reads like the paper's figure 3: backbone, neck, heads.
 * Names are those of the authors' checkpoints; batch norm is named beside the convolution that it follows.
 */

/** A convolution as the authors wrote it, with the names of its parameters. */
export interface ConvEntry {
  op: 'conv2d';
  output: string;
  input: string;
  /** Parameter `[out, in, kernel, kernel]`. */
  weight: string;
  /** Prefix of the batch norm that follows. */
  norm?: string;
  inChannels: number;
  outChannels: number;
  kernel: number;
  stride: number;
  /** Tensor added before the ReLU. */
  residual?: string;
  relu: boolean;
}

/** The head's tail: transposed convolution, batch norm, ReLU, transposed convolution, sigmoid; binarization. */
export interface HeadEntry {
  op: 'dbHead';
  outputs: readonly string[];
  /** One prefix and one input per head. */
  heads: readonly { prefix: string; input: string }[];
  channels: number;
}

export type Entry =
  | ConvEntry
  | { op: 'maxPool'; output: string; input: string }
  | { op: 'upsampleAdd'; output: string; lateral: string; top: string }
  | { op: 'upsampleConcat'; output: string; inputs: readonly string[]; scales: readonly number[] }
  | HeadEntry;

/** Channels of every head: features, and hidden channels of the tail. */
const headChannels = 64;

/** The network, P alone or with the threshold head. */
export function dbResNet18({ thresholdHead }: { thresholdHead: boolean }): Entry[] {
  return [
    // Backbone: ResNet-18.
    conv('stem', 'image', 'backbone.conv1.weight', 'backbone.bn1', [3, 64], { kernel: 7, stride: 2 }),
    { op: 'maxPool', output: 'pool', input: 'stem' },
    ...residualLayer('C2', 'pool', 'backbone.layer1', [64, 64]),
    ...residualLayer('C3', 'C2', 'backbone.layer2', [64, 128]),
    ...residualLayer('C4', 'C3', 'backbone.layer3', [128, 256]),
    ...residualLayer('C5', 'C4', 'backbone.layer4', [256, 512]),
    // Neck: FPN without biases, norms or activations.
    lateral('P5', 'C5', 'decoder.in5.weight', 512),
    lateral('in4', 'C4', 'decoder.in4.weight', 256),
    { op: 'upsampleAdd', output: 'P4', lateral: 'in4', top: 'P5' },
    lateral('in3', 'C3', 'decoder.in3.weight', 128),
    { op: 'upsampleAdd', output: 'P3', lateral: 'in3', top: 'P4' },
    lateral('in2', 'C2', 'decoder.in2.weight', 64),
    { op: 'upsampleAdd', output: 'P2', lateral: 'in2', top: 'P3' },
    smooth('p5', 'P5', 'decoder.out5.0.weight'),
    smooth('p4', 'P4', 'decoder.out4.0.weight'),
    smooth('p3', 'P3', 'decoder.out3.0.weight'),
    smooth('p2', 'P2', 'decoder.out2.weight'),
    { op: 'upsampleConcat', output: 'fuse', inputs: ['p5', 'p4', 'p3', 'p2'], scales: [8, 4, 2, 1] },
    // Heads.
    headConv('probabilityFeatures', 'decoder.binarize'),
    ...(thresholdHead ? [headConv('thresholdFeatures', 'decoder.thresh')] : []),
    {
      op: 'dbHead',
      outputs: thresholdHead ? ['P', 'T', 'B'] : ['P'],
      heads: [
        { prefix: 'decoder.binarize', input: 'probabilityFeatures' },
        ...(thresholdHead ? [{ prefix: 'decoder.thresh', input: 'thresholdFeatures' }] : []),
      ],
      channels: headChannels,
    },
  ];
}

function conv(
  output: string,
  input: string,
  weight: string,
  norm: string | undefined,
  [inChannels, outChannels]: readonly [number, number],
  {
    kernel = 3,
    stride = 1,
    relu = true,
    residual,
  }: { kernel?: number; stride?: number; relu?: boolean; residual?: string } = {},
): ConvEntry {
  return {
    op: 'conv2d',
    output,
    input,
    weight,
    norm,
    inChannels,
    outChannels,
    kernel,
    stride,
    relu,
    residual,
  };
}

/** Two BasicBlocks; the first halves the size where the channels change, with a projection shortcut. */
function residualLayer(output: string, input: string, prefix: string, [from, to]: [number, number]): Entry[] {
  const block = (name: string, x: string, path: string, channels: number): Entry[] => {
    const projected = channels !== to;
    const stride = projected ? 2 : 1;
    const shortcut = `${path}.shortcut`;
    return [
      conv(`${path}.conv1`, x, `${path}.conv1.weight`, `${path}.bn1`, [channels, to], { stride }),
      ...(projected
        ? [
            conv(shortcut, x, `${path}.downsample.0.weight`, `${path}.downsample.1`, [channels, to], {
              kernel: 1,
              stride,
              relu: false,
            }),
          ]
        : []),
      conv(name, `${path}.conv1`, `${path}.conv2.weight`, `${path}.bn2`, [to, to], {
        residual: projected ? shortcut : x,
      }),
    ];
  };
  return [
    ...block(`${prefix}.0`, input, `${prefix}.0`, from),
    ...block(output, `${prefix}.0`, `${prefix}.1`, to),
  ];
}

const lateral = (output: string, input: string, weight: string, channels: number) =>
  conv(output, input, weight, undefined, [channels, 256], { kernel: 1, relu: false });

const smooth = (output: string, input: string, weight: string) =>
  conv(output, input, weight, undefined, [256, 64], { relu: false });

const headConv = (output: string, prefix: string) =>
  conv(output, 'fuse', `${prefix}.0.weight`, `${prefix}.1`, [256, headChannels]);

/** Names and shapes of all parameters that the entries need. */
export function parameterShapes(entries: readonly Entry[]): Map<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  const norm = (prefix: string, channels: number) => {
    for (const part of normParts) shapes.set(`${prefix}.${part}`, [channels]);
  };
  for (const entry of entries) {
    if (entry.op === 'conv2d') {
      shapes.set(entry.weight, [entry.outChannels, entry.inChannels, entry.kernel, entry.kernel]);
      if (entry.norm) norm(entry.norm, entry.outChannels);
    } else if (entry.op === 'dbHead') {
      const { channels } = entry;
      for (const { prefix } of entry.heads) {
        shapes.set(`${prefix}.3.weight`, [channels, channels, 2, 2]);
        shapes.set(`${prefix}.3.bias`, [channels]);
        norm(`${prefix}.4`, channels);
        shapes.set(`${prefix}.6.weight`, [channels, 1, 2, 2]);
        shapes.set(`${prefix}.6.bias`, [1]);
      }
    }
  }
  return shapes;
}

/** Parameters of a batch norm, as PyTorch names them (`num_batches_tracked` takes no part). */
export const normParts = ['weight', 'bias', 'running_mean', 'running_var'] as const;
