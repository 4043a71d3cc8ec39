/** The projection head of the contrastive objectives: Linear, ReLU, Linear, rows of unit length (no batch norm). */

import type { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import { add } from "../ops/binary.ts";
import { l2Normalize } from "../ops/l2_normalize.ts";
import { matmul } from "../ops/matmul.ts";
import { relu } from "../ops/unary.ts";

/** Length of a projection. */
export const PROJECTION = 128;

/** y = x weight' + bias of x [n, in]; states `name.weight` [out, in] and `name.bias` [out] as in torch. */
export function linear(g: Graph, x: Tensor, name: string, size: number): { y: Tensor; parameters: Tensor[] } {
  const weight = g.state(`${name}.weight`, [size, x.shape[1]!]);
  const bias = g.state(`${name}.bias`, [size]);
  return { y: add(g, matmul(g, x, weight, { transB: true }), bias), parameters: [weight, bias] };
}

/** Projects features [n, c] to unit vectors [n, size] through c hidden units; states `head.0`, `head.2`. */
export function projectionHead(
  g: Graph,
  features: Tensor,
  size = PROJECTION,
): { z: Tensor; parameters: readonly Tensor[] } {
  return g.scope("head", () => {
    const hidden = linear(g, features, "head.0", features.shape[1]!);
    const out = linear(g, relu(g, hidden.y), "head.2", size);
    return { z: l2Normalize(g, out.y), parameters: [...hidden.parameters, ...out.parameters] };
  });
}
