/**
 * BYOL's loss (Grill et al. 2020, formula 2, both directions): the squared distance of unit vectors between the
 * prediction of one view and the target network's projection of the other, L = mean_i (2 - 2 cos(p_i, z_i)), summed
 * over the two directions. Targets carry no gradient.
 */

import type { Graph } from "../graph/graph.ts";
import { sameShape, specText, type Tensor } from "../graph/tensor.ts";
import { mul } from "../ops/binary.ts";
import { concat, split } from "../ops/concat.ts";
import { l2Normalize } from "../ops/l2_normalize.ts";
import { reduce } from "../ops/reduce.ts";
import { affine } from "../ops/unary.ts";

/** Predictions and targets [2n, d], rows n.. of the second views; the target of a view is that of the other. */
export function byolLoss(g: Graph, predictions: Tensor, targets: Tensor): Tensor {
  const n = predictions.shape[0]! / 2;
  if (!Number.isInteger(n) || !sameShape(predictions.shape, targets.shape)) {
    throw new TypeError(`byolLoss() takes two [2n, d], got ${specText(predictions)} and ${specText(targets)}`);
  }
  return g.scope("byol", () => {
    const others = concat(g, split(g, targets, [n, n], 0).reverse(), 0);
    const cosines = reduce(g, "Sum", mul(g, l2Normalize(g, predictions), l2Normalize(g, others)), []);
    // mean over n of (2 - 2 cos), for two directions: 4 - 2 / n * sum of all cosines
    return affine(g, cosines, -2 / n, 4);
  });
}
