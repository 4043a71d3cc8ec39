/** Which samples a step sees (SampleKeys): the index range of a finite set, or ever new ones, and their variants. */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import type { Tensor } from "../graph/tensor.ts";
import { checkDraw } from "./random_normal.ts";

/** Attributes of SampleKeys. */
export interface SampleKeysAttrs {
  /** Samples a step. */
  readonly batch: number;
  /** Size of a finite set; null: sample number step * batch + row, which never comes again. */
  readonly samples: number | null;
  /** Whether a finite set is gone through in another order each epoch. */
  readonly shuffle: boolean;
  /** Variants of a sample: one of so many is picked at each step; null: no variant comes twice. */
  readonly neighbors: number | null;
  /** Different variants of each sample in a step, at most `neighbors`. */
  readonly images: number;
  readonly shuffleStream: number;
  readonly neighborStream: number;
}

/**
 * Input rng u32 [4]; output u32 [images * batch, 2] = (sample, variant). Row v * batch + r has position
 * step * batch + r in the run (modulo 2^32); a finite set of N is position modulo N, or a permutation of it keyed by
 * the epoch. The variants of a sample follow each other from the one that is picked, modulo their number.
 */
export const SampleKeys: Op<SampleKeysAttrs> = {
  name: "SampleKeys",
  infer: ([rng], { batch, samples, neighbors, images }) => {
    checkDraw(rng);
    for (const [name, count] of Object.entries({ batch, images, samples: samples ?? 1, neighbors: neighbors ?? 1 })) {
      if (!Number.isInteger(count) || count < 1 || count > 0xffffffff) {
        throw new RangeError(`${name} ${count} is no whole number from 1 to 2^32 - 1`);
      }
    }
    if (neighbors !== null && images > neighbors) {
      throw new RangeError(`${images} different variants of ${neighbors} cannot be had`);
    }
    return [{ shape: [images * batch, 2], dtype: "u32" }];
  },
  candidates: plain((node) => {
    const { batch, samples, shuffle, neighbors, images, shuffleStream, neighborStream } = node.attrs as SampleKeysAttrs;
    return {
      kernels: [{
        shader: "sample_keys",
        params: {
          batch,
          images,
          samples: samples ?? 0,
          shuffle: Number(shuffle),
          half_bits: halfBits(samples ?? 1),
          neighbors: neighbors ?? 0,
          shuffle_stream: shuffleStream,
          neighbor_stream: neighborStream,
        },
        bindings: [input(0), output(0)],
        workgroups: cover(images * batch, 64),
      }],
    };
  }),
};

/** The least b > 0 with 4^b >= samples. */
export function halfBits(samples: number): number {
  let bits = 1;
  while (4 ** bits < samples) bits++;
  return bits;
}

/** Adds the keys of a step's samples: u32 [images * batch, 2]. */
export function sampleKeys(g: Graph, rng: Tensor, attrs: SampleKeysAttrs): Tensor {
  return g.apply(SampleKeys, [rng], attrs);
}
