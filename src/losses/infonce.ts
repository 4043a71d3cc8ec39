/**
 * InfoNCE with given negatives, formula (1) of the paper:
 *   L = -mean_i log [e^(tau a_i.p_i) / (e^(tau a_i.p_i) + sum_k e^(tau a_i.n_k))],
 * the cross-entropy of [tau a.p, tau a.n_1, ..., tau a.n_K] with class 0. tau multiplies: it is 1 / temperature.
 */

import type { Graph } from "../graph/graph.ts";
import { sameShape, specText, type Tensor } from "../graph/tensor.ts";
import { mul } from "../ops/binary.ts";
import { concat } from "../ops/concat.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { matmul } from "../ops/matmul.ts";
import { reduce } from "../ops/reduce.ts";
import { reshape } from "../ops/reshape.ts";
import { affine } from "../ops/unary.ts";

/** Anchors and positives [n, d]; negatives of each anchor [n, k, d], or shared by all [k, d]. One value. */
export function infonceLoss(g: Graph, anchor: Tensor, positive: Tensor, negatives: Tensor, tau: number): Tensor {
  const [n, d] = anchor.shape as [number, number];
  const shared = negatives.shape.length === 2;
  const fits = sameShape(anchor.shape, positive.shape) && negatives.shape.at(-1) === d &&
    (shared || (negatives.shape.length === 3 && negatives.shape[0] === n));
  if (anchor.shape.length !== 2 || !fits) {
    const got = [anchor, positive, negatives].map(specText).join(", ");
    throw new TypeError(`infonceLoss() takes [n, d], [n, d] and [n, k, d] or [k, d], got ${got}`);
  }
  return g.scope("infonce", () => {
    const near = reduce(g, "Sum", mul(g, anchor, positive), [1], true);
    const rows = shared ? anchor : reshape(g, anchor, [n, 1, d]);
    const far = reshape(g, matmul(g, rows, negatives, { transB: true }), [n, negatives.shape.at(-2)!]);
    const logits = affine(g, concat(g, [near, far], 1), tau, 0);
    return crossEntropy(g, logits, g.constant(new Int32Array(n), [n], "i32", "the positive's class"));
  });
}
