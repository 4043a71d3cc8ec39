/** Gelu (ONNX 20): x times the normal distribution function of x, exact ("none") or by its tanh form. */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { mul } from "./binary.ts";
import { affine, unary } from "./unary.ts";

/** x (1 + erf(x / sqrt 2)) / 2, or with `approximate` "tanh" the form of Hendrycks and Gimpel. */
export function gelu(g: Graph, x: Tensor, approximate: string): Tensor {
  const inner = approximate === "tanh"
    // sqrt(2 / pi) (x + 0.044715 x^3)
    ? unary(g, "Tanh", affine(g, mul(g, x, affine(g, mul(g, x, x), 0.044715, 1)), Math.sqrt(2 / Math.PI), 0))
    : unary(g, "Erf", affine(g, x, Math.SQRT1_2, 0));
  return mul(g, x, affine(g, inner, 0.5, 0.5));
}
