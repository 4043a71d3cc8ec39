/** InstanceNormalization (ONNX 6, in NHWC): each channel of each image normalised by its own mean and variance. */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add, mul, sub } from "./binary.ts";
import { reduce } from "./reduce.ts";
import { affine, unary } from "./unary.ts";

/** Normalises x [n, h, w, c]; scale and bias are [c]. The variance is biased. */
export function instanceNorm(g: Graph, x: Tensor, scale: Tensor, bias: Tensor, epsilon: number): Tensor {
  return g.scope("InstanceNormalization", () => {
    const d = sub(g, x, reduce(g, "Mean", x, [1, 2], true));
    const variance = reduce(g, "Mean", mul(g, d, d), [1, 2], true);
    const r = unary(g, "Reciprocal", unary(g, "Sqrt", affine(g, variance, 1, epsilon)));
    return add(g, mul(g, d, mul(g, r, scale)), bias);
  });
}
