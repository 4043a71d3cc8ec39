/** Binary cross-entropy on logits (torch.nn.functional.binary_cross_entropy_with_logits), safe for any logits. */

import type { Graph } from "../graph/graph.ts";
import { sameShape, specText, type Tensor } from "../graph/tensor.ts";
import { mul, sub } from "./binary.ts";
import { unary } from "./unary.ts";

/** -t ln s(x) - (1 - t) ln(1 - s(x)) = softplus(x) - t x for each logit x and its target t from 0 to 1. */
export function bceWithLogits(g: Graph, x: Tensor, target: Tensor): Tensor {
  if (!sameShape(x.shape, target.shape)) {
    throw new TypeError(`bceWithLogits() takes tensors of one shape, got ${specText(x)} and ${specText(target)}`);
  }
  return g.scope("bce", () => sub(g, unary(g, "Softplus", x), mul(g, target, x)));
}
