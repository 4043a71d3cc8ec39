/**
 * Barlow Twins (Zbontar et al. 2021): the cross-correlation matrix c of two views' embeddings, each dimension
 * standardised over the batch, is to be the identity,
 *   L = sum_i (1 - c_ii)^2 + lambda sum over i != j of c_ij^2,  lambda = 0.0051.
 */

import type { Graph } from "../graph/graph.ts";
import { sameShape, specText, type Tensor } from "../graph/tensor.ts";
import { add, mul, sub } from "../ops/binary.ts";
import { matmul } from "../ops/matmul.ts";
import { reduce } from "../ops/reduce.ts";
import { standardize } from "../ops/standardize.ts";
import { affine } from "../ops/unary.ts";

/** The authors' weight of the redundancy term, and the epsilon of their batch norm. */
const LAMBDA = 0.0051;
const EPSILON = 1e-5;

/** Loss of the embeddings [n, d] of two views. One value. */
export function barlowTwinsLoss(g: Graph, a: Tensor, b: Tensor): Tensor {
  if (a.shape.length !== 2 || !sameShape(a.shape, b.shape)) {
    throw new TypeError(`barlowTwinsLoss() takes two [n, d], got ${specText(a)} and ${specText(b)}`);
  }
  const n = a.shape[0]!;
  return g.scope("barlow_twins", () => {
    const [x, y] = [a, b].map((z) => {
      const { centered, rate } = standardize(g, z, [0], EPSILON);
      return mul(g, centered, rate);
    }) as [Tensor, Tensor];
    // sum (1 - c_ii)^2 + lambda (sum of all c_ij^2 - sum c_ii^2)
    const diagonal = affine(g, reduce(g, "Sum", mul(g, x, y), [0]), 1 / n, 0);
    const all = affine(g, reduce(g, "SumSquare", matmul(g, x, y, { transA: true }), []), 1 / n ** 2, 0);
    const off = sub(g, all, reduce(g, "SumSquare", diagonal, []));
    return add(g, reduce(g, "SumSquare", affine(g, diagonal, -1, 1), []), affine(g, off, LAMBDA, 0));
  });
}
