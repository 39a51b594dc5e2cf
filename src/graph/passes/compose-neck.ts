/**
 * @file The linear neck composed: where the FPN has no bias, norm or activation (as in the authors' architecture),
 * `out . in` is one 3x3 convolution, computed offline in f64, and the widest levels need not exist.
 * Identities, with P = in(c) + up2(Q): out(P) = (out . in)(c) + out(up2(Q)), and the same again for Q at twice the
 * scale; out(up(.)) runs at low resolution as class images. Not valid where anything in the neck is not linear:
 * such levels are left alone.
 */

import type { ConvLayer, Graph, Layer } from '../layers.ts';
import { classConv } from './class-conv.ts';
import { dropUnused, isLinear, producer, replaceLayers } from './rewrite.ts';

/** One summand of an expanded level: a tensor upsampled by `scale`, seen through a 1x1 convolution or not. */
interface Term {
  tensor: string;
  scale: number;
  through?: ConvLayer;
}

export function composeNeck(graph: Graph): Graph {
  return dropUnused(
    replaceLayers(graph, (layer) => {
      if (!isLinear(layer) || layer.sources[0].kernel !== 3 || layer.sources[0].stride !== 1) return [layer];
      const terms = expand(graph, layer.sources[0].tensor, 1);
      return terms.length > 1 ? compose(layer, terms) : [layer];
    }),
  );
}

/** A level as a sum, expanded as long as the lateral convolution widens its input (else nothing is saved). */
function expand(graph: Graph, tensor: string, scale: number): Term[] {
  const add = producer(graph, tensor);
  const lateral = add?.op === 'upsampleAdd' ? producer(graph, add.lateral) : undefined;
  if (add?.op !== 'upsampleAdd' || !isPointwise(lateral) || !widens(lateral, graph))
    return [{ tensor, scale }];
  return [
    { tensor: lateral.sources[0].tensor, scale, through: lateral },
    ...expand(graph, add.top, 2 * scale),
  ];
}

const isPointwise = (layer: Layer | undefined): layer is ConvLayer =>
  isLinear(layer) && layer.sources[0].kernel === 1 && layer.sources[0].stride === 1;

function widens(layer: ConvLayer, graph: Graph): boolean {
  const source = producer(graph, layer.sources[0].tensor);
  return source?.op === 'conv2d' && source.outChannels < layer.outChannels;
}

function compose(layer: ConvLayer, terms: readonly Term[]): ConvLayer[] {
  const weights =
    ({ through }: Term) =>
    () => {
      const outer = layer.parameters().weights[0];
      return through
        ? composePointwise(outer, through.parameters().weights[0], layer.outChannels, through.outChannels)
        : outer;
    };
  const [full, ...upsampled] = terms;
  const classes = upsampled.map((term) =>
    classConv(
      `${layer.name}.${term.through ? `${term.through.name}` : term.tensor}`,
      term.tensor,
      term.scale,
      layer.outChannels,
      weights(term),
    ),
  );
  return [
    ...classes,
    {
      ...layer,
      name: `${layer.name}.${full.through!.name}`,
      sources: [{ ...layer.sources[0], tensor: full.tensor }],
      residuals: classes.map(({ output }) => ({ tensor: output, kind: 'classes' as const })),
      parameters: () => ({ weights: [weights(full)()] }),
    },
  ];
}

/** `outer . inner` for `outer` `[out, middle, 3, 3]` and `inner` `[middle, in, 1, 1]`: `[out, in, 3, 3]`. */
export function composePointwise(
  outer: Float64Array,
  inner: Float64Array,
  outChannels: number,
  middleChannels: number,
): Float64Array {
  const inChannels = inner.length / middleChannels;
  const composed = new Float64Array(outChannels * inChannels * 9);
  for (let out = 0; out < outChannels; out++) {
    for (let middle = 0; middle < middleChannels; middle++) {
      for (let tap = 0; tap < 9; tap++) {
        const weight = outer[(out * middleChannels + middle) * 9 + tap];
        for (let input = 0; input < inChannels; input++) {
          composed[(out * inChannels + input) * 9 + tap] += weight * inner[middle * inChannels + input];
        }
      }
    }
  }
  return composed;
}
