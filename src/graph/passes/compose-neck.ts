/**
 * @file The linear neck composed: where the FPN has no bias, norm or activation (as in the authors' architecture),
 * `out . in` is one 3x3 convolution, computed offline in f64, and the widest levels need not exist.
 * Identities, with P = in(c) + up2(Q): out(P) = (out . in)(c) + out(up2(Q)), and the same again for Q at twice the
 * scale; out(up(.)) runs at low resolution as class images. Not valid where anything in the neck is not linear:
 * such levels are left alone.
 */

import { dropUnused, type Graph } from '../graph.ts';
import type { Conv2dOperation } from '../operations/conv2d.ts';
import type { Operation } from '../operations/index.ts';
import { type Derive, isLinear, isPoint, isSame3x3, producer, replaceOperations } from './rewrite.ts';

/** One summand of an expanded level: a tensor upsampled by `scale`, seen through a 1x1 convolution or not. */
interface Term {
  tensor: string;
  scale: number;
  through?: Conv2dOperation;
}

export const composeNeck = (graph: Graph): Graph =>
  dropUnused(
    replaceOperations(graph, (operation, derive) => {
      if (!isLinear(operation)) return [operation];
      const [source] = operation.sources;
      if (!isSame3x3(source)) return [operation];
      const terms = expand(graph, source.tensor, 1);
      return terms.length > 1 ? compose(operation, terms, graph, derive) : [operation];
    }),
  );

/** A level as a sum, expanded as long as the lateral convolution widens its input (else nothing is saved). */
function expand(graph: Graph, tensor: string, scale: number): Term[] {
  const add = producer(graph, tensor);
  const lateral = add?.op === 'upsampleAdd' ? producer(graph, add.lateral) : undefined;
  if (add?.op !== 'upsampleAdd' || !isPointwise(lateral) || !widens(lateral)) return [{ tensor, scale }];
  return [
    { tensor: lateral.sources[0].tensor, scale, through: lateral },
    ...expand(graph, add.top, 2 * scale),
  ];
}

const isPointwise = (operation: Operation | undefined): operation is Conv2dOperation =>
  isLinear(operation) && isPoint(operation.sources[0]);

const widens = ({ sources, outChannels }: Conv2dOperation): boolean => sources[0].inChannels < outChannels;

function compose(
  operation: Conv2dOperation,
  [full, ...upsampled]: readonly Term[],
  { parameters }: Graph,
  derive: Derive,
): Operation[] {
  const { name, outChannels } = operation;
  const [source] = operation.sources;
  /** The weights that a term is seen through, and the channels that it has. */
  const seen = ({ through }: Term) => {
    if (!through) return { weight: source.weight, inChannels: source.inChannels };
    const [{ weight, inChannels }] = through.sources;
    return {
      weight: derive(`${source.weight} . ${weight}`, () =>
        composePointwise(parameters(source.weight), parameters(weight), outChannels, through.outChannels),
      ),
      inChannels,
    };
  };
  const classes = upsampled.map((term) => {
    const output = `${name}.${term.through?.name ?? term.tensor}`;
    const { tensor: input, scale } = term;
    return { op: 'upsampledConv2d', name: output, output, input, scale, outChannels, ...seen(term) } as const;
  });
  return [
    ...classes,
    {
      ...operation,
      name: `${name}.${full.through!.name}`,
      sources: [{ ...source, tensor: full.tensor, ...seen(full) }],
      residuals: classes.map(({ output }) => ({ tensor: output, kind: 'classes' as const })),
    },
  ];
}

/** `outer . inner` for `outer` `[out, middle, 3, 3]` and `inner` `[middle, in, 1, 1]`: `[out, in, 3, 3]`. */
export function composePointwise(
  outer: ArrayLike<number>,
  inner: ArrayLike<number>,
  outChannels: number,
  middleChannels: number,
): Float64Array {
  const inChannels = inner.length / middleChannels;
  const composed = new Float64Array(outChannels * inChannels * 9);
  for (let out = 0, to = 0; out < outChannels; out++) {
    const first = out * middleChannels * 9;
    for (let input = 0; input < inChannels; input++, to += 9) {
      // A sum for each tap, by names: in an array they would be stored and read again at each step.
      let a = 0;
      let b = 0;
      let c = 0;
      let d = 0;
      let e = 0;
      let f = 0;
      let g = 0;
      let h = 0;
      let i = 0;
      for (let at = input, tap = first; at < inner.length; at += inChannels, tap += 9) {
        const x = inner[at];
        a += x * outer[tap];
        b += x * outer[tap + 1];
        c += x * outer[tap + 2];
        d += x * outer[tap + 3];
        e += x * outer[tap + 4];
        f += x * outer[tap + 5];
        g += x * outer[tap + 6];
        h += x * outer[tap + 7];
        i += x * outer[tap + 8];
      }
      composed[to] = a;
      composed[to + 1] = b;
      composed[to + 2] = c;
      composed[to + 3] = d;
      composed[to + 4] = e;
      composed[to + 5] = f;
      composed[to + 6] = g;
      composed[to + 7] = h;
      composed[to + 8] = i;
    }
  }
  return composed;
}
