/** Squared error (torch.nn.functional.mse_loss). */

import type { Graph } from "../graph/graph.ts";
import { sameShape, sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { sub } from "./binary.ts";
import { reduce } from "./reduce.ts";
import { affine } from "./unary.ts";

/** Squared differences of two tensors of one shape, over all elements: their mean or their sum. One value. */
export function mse(g: Graph, x: Tensor, target: Tensor, over: "mean" | "sum" = "mean"): Tensor {
  if (!sameShape(x.shape, target.shape)) {
    throw new TypeError(`mse() takes tensors of one shape, got ${specText(x)} and ${specText(target)}`);
  }
  return g.scope("mse", () => {
    const sum = reduce(g, "SumSquare", sub(g, x, target), []);
    return over === "sum" ? sum : affine(g, sum, 1 / sizeOf(x.shape), 0);
  });
}
