/** LayerNormalization (ONNX 17): each element of the leading axes normalised over all trailing ones. */

import type { Graph } from "../graph/graph.ts";
import { normalizeAxis, type Tensor } from "../graph/tensor.ts";
import { add, mul } from "./binary.ts";
import { standardize } from "./standardize.ts";

/** Normalises over the axes from `axis` on; scale and bias (null: none) have the shape of these axes. */
export function layerNorm(
  g: Graph,
  x: Tensor,
  scale: Tensor,
  bias: Tensor | null,
  { axis = -1, epsilon = 1e-5 }: { readonly axis?: number; readonly epsilon?: number } = {},
): Tensor {
  const rank = x.shape.length;
  const first = normalizeAxis(axis, rank);
  const axes = Array.from({ length: rank - first }, (_, i) => first + i);
  return g.scope("LayerNormalization", () => {
    const { centered, rate } = standardize(g, x, axes, epsilon);
    const y = mul(g, mul(g, centered, rate), scale);
    return bias ? add(g, y, bias) : y;
  });
}
