/** Smooth L1 loss (Girshick 2015, equation 3; torch.nn.functional.smooth_l1_loss). */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { binary, mul, sub } from "./binary.ts";
import { affine, unary } from "./unary.ts";
import { where } from "./where.ts";

/** d^2 / (2 beta) for differences d below beta in size, else |d| - beta / 2, element by element; beta 0 is plain |d|. */
export function smoothL1(g: Graph, x: Tensor, target: Tensor, beta: number): Tensor {
  return g.scope("smooth_l1", () => {
    const d = sub(g, x, target);
    const size = unary(g, "Abs", d);
    if (beta === 0) return size;
    const square = affine(g, mul(g, d, d), 0.5 / beta, 0);
    return where(g, binary(g, "Less", size, g.scalar(beta)), square, affine(g, size, 1, -beta / 2));
  });
}
