/**
 * Coefficients of latent walks (RandomCoefficients) as a function of (seed, stream, sample, variant), by the laws of
 * GenRep's pixel_transformations.py; shaders/random_coefficients.wgsl has them.
 */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import type { Tensor } from "../graph/tensor.ts";
import { checkDraw } from "./random_normal.ts";

/** The laws by their numbers in the shader: a color walk has a direction for each channel. */
export const COEFFICIENT_LAWS = [
  ...["color0", "color1", "color2"] as const,
  ...["rot3d", "rot2d", "zoom", "shiftx", "shifty"] as const,
] as const;
export type CoefficientLaw = typeof COEFFICIENT_LAWS[number];

/** Attributes of RandomCoefficients. */
export interface RandomCoefficientsAttrs {
  readonly stream: number;
  /** The law of each column. A column's draw does not depend on the others. */
  readonly laws: readonly CoefficientLaw[];
  /** What rot3d's coefficients are multiplied by. */
  readonly rot3dFactor: number;
}

/** Inputs rng u32 [4] (seed lo, seed hi, step, 0) and keys u32 [n, 2] (sample, variant); output [n, columns]. */
export const RandomCoefficients: Op<RandomCoefficientsAttrs> = {
  name: "RandomCoefficients",
  infer: ([rng, keys], { laws }) => {
    checkDraw(rng!, keys);
    if (laws.length < 1 || laws.length > 8) throw new RangeError(`${laws.length} columns are not 1 to 8`);
    return [{ shape: [keys!.shape[0]!, laws.length], dtype: "f32" }];
  },
  candidates: plain((node) => {
    const { stream, laws, rot3dFactor } = node.attrs as RandomCoefficientsAttrs;
    const rows = node.outputs[0]!.shape[0]!;
    const numbers = Array.from({ length: 8 }, (_, i) => i < laws.length ? COEFFICIENT_LAWS.indexOf(laws[i]!) : 0);
    return {
      kernels: [{
        shader: "random_coefficients",
        params: {
          laws_low: numbers.slice(0, 4),
          laws_high: numbers.slice(4),
          rows,
          columns: laws.length,
          stream,
          rot3d_factor: rot3dFactor,
        },
        bindings: [input(0), input(1), output(0)],
        workgroups: cover(rows, 64),
      }],
    };
  }),
  splitInputs: () => [false, true],
};

/** Adds the coefficients of walks: [n, columns] for keys [n, 2]. */
export function randomCoefficients(g: Graph, rng: Tensor, keys: Tensor, attrs: RandomCoefficientsAttrs): Tensor {
  return g.apply(RandomCoefficients, [rng, keys], attrs);
}
