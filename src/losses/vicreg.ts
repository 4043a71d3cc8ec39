/**
 * VICReg (Bardes, Ponce, LeCun 2022): views near each other (mean squared error), every dimension with a standard
 * deviation of at least 1 over the batch, dimensions uncorrelated,
 *   L = 25 mse(a, b) + 25 (v(a) + v(b)) / 2 + c(a) + c(b),
 *   v(z) = mean_j max(0, 1 - sqrt(var_j + 1e-4)),  c(z) = sum over i != j of cov_ij^2 / d,
 * variances and covariances over n - 1. The half is in the authors' code, not in the paper's formula.
 */

import type { Graph } from "../graph/graph.ts";
import { sameShape, specText, type Tensor } from "../graph/tensor.ts";
import { add, sub } from "../ops/binary.ts";
import { matmul } from "../ops/matmul.ts";
import { mse } from "../ops/mse.ts";
import { reduce } from "../ops/reduce.ts";
import { affine, relu, unary } from "../ops/unary.ts";

/** The authors' weights of invariance, variance and covariance. */
const WEIGHTS = { invariance: 25, variance: 25, covariance: 1 };

/** Loss of the embeddings [n, d] of two views, n > 1. One value. */
export function vicregLoss(g: Graph, a: Tensor, b: Tensor): Tensor {
  if (a.shape.length !== 2 || a.shape[0]! < 2 || !sameShape(a.shape, b.shape)) {
    throw new TypeError(`vicregLoss() takes two [n, d] with n > 1, got ${specText(a)} and ${specText(b)}`);
  }
  return g.scope("vicreg", () => {
    const invariance = affine(g, mse(g, a, b), WEIGHTS.invariance, 0);
    return [a, b].reduce((sum, z) => add(g, sum, spread(g, z)), invariance);
  });
}

/** The variance and covariance terms of one view, weighted. */
function spread(g: Graph, z: Tensor): Tensor {
  const [n, d] = z.shape as [number, number];
  const centered = sub(g, z, reduce(g, "Mean", z, [0], true));
  const squares = reduce(g, "SumSquare", centered, [0]);
  const std = unary(g, "Sqrt", affine(g, squares, 1 / (n - 1), 1e-4));
  const variance = reduce(g, "Mean", relu(g, affine(g, std, -1, 1)), []);
  // The off-diagonal squares are all squares without those of the variances.
  const products = reduce(g, "SumSquare", matmul(g, centered, centered, { transA: true }), []);
  const off = sub(g, products, reduce(g, "SumSquare", squares, []));
  return add(
    g,
    affine(g, variance, WEIGHTS.variance / 2, 0),
    affine(g, off, WEIGHTS.covariance / (d * (n - 1) ** 2), 0),
  );
}
