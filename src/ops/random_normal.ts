/**
 * Normal draws, plain or cut to a range (RandomNormal), as a function of (seed, stream, sample, variant, element):
 * see shaders/shared/philox.wgsl for the words and shaders/shared/normal.wgsl for their way to a normal value.
 */

import type { Graph } from "../graph/graph.ts";
import { cover, input, type Op, output, plain } from "../graph/op.ts";
import { sizeOf, specText, type Tensor, type TensorSpec } from "../graph/tensor.ts";

/** Attributes of RandomNormal. */
export interface RandomNormalAttrs {
  /** Keeps draws for different uses apart. */
  readonly stream: number;
  /** Shape of one sample. */
  readonly shape: readonly number[];
  /** Standard deviation of the normal before it is cut. */
  readonly scale: number;
  /** Values lie within +-truncation * scale; null: no cut. */
  readonly truncation: number | null;
  /** Whether a sample's variants differ; else they are the same draw. */
  readonly variants: boolean;
}

/** Inputs rng u32 [4] (seed lo, seed hi, step, 0) and keys u32 [n, 2] (sample, variant); output [n, ...shape]. */
export const RandomNormal: Op<RandomNormalAttrs> = {
  name: "RandomNormal",
  infer: ([rng, keys], { shape, scale, truncation }) => {
    checkDraw(rng, keys);
    if (!(scale >= 0)) throw new RangeError(`scale ${scale} is below 0`);
    if (truncation !== null && !(truncation > 0)) throw new RangeError(`truncation ${truncation} is not above 0`);
    return [{ shape: [keys.shape[0], ...shape], dtype: "f32" }];
  },
  candidates: plain((node) => {
    const { stream, shape, scale, truncation, variants } = node.attrs as RandomNormalAttrs;
    const rows = node.outputs[0].shape[0];
    const width = sizeOf(shape);
    const cut = truncation === null ? 0 : normalCdf(-truncation);
    return {
      kernels: [{
        shader: "random_normal",
        params: { rows, width, stream, variants: Number(variants), scale, cut, keep: 1 - 2 * cut },
        bindings: [input(0), input(1), output(0)],
        workgroups: cover(rows * Math.ceil(width / 4), 64),
      }],
    };
  }),
  splitInputs: () => [false, true],
};

/** Adds normal draws: [n, ...shape] for keys [n, 2]. */
export function randomNormal(g: Graph, rng: Tensor, keys: Tensor, attrs: RandomNormalAttrs): Tensor {
  return g.apply(RandomNormal, [rng, keys], attrs);
}

/** Throws TypeError unless `rng` and `keys` are what draws are made from. */
export function checkDraw(rng: TensorSpec, keys?: TensorSpec): void {
  if (rng.dtype !== "u32" || sizeOf(rng.shape) !== 4) throw new TypeError(`rng is u32[4], got ${specText(rng)}`);
  if (keys && (keys.dtype !== "u32" || keys.shape.length !== 2 || keys.shape[1] !== 2)) {
    throw new TypeError(`keys are u32[n,2], got ${specText(keys)}`);
  }
}

/**
 * P(X < x) of a standard normal, to 1e-15 absolute, by the series
 * Phi(x) = 1/2 + phi(x) (x + x^3/3 + x^5/(3 5) + ...), which for x < 0 is used by symmetry.
 */
export function normalCdf(x: number): number {
  if (Math.abs(x) > 9) return x < 0 ? 0 : 1;
  let term = Math.abs(x);
  let sum = term;
  for (let k = 3; term > 1e-17 * sum; k += 2) sum += term *= x * x / k;
  const half = sum * Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  return x < 0 ? Math.max(0, 0.5 - half) : Math.min(1, 0.5 + half);
}
