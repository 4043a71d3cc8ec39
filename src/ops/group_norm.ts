/** GroupNormalization (ONNX 21, in NHWC): groups of channels of each image normalised by their mean and variance. */

import type { Graph } from "../graph/graph.ts";
import { specText, type Tensor } from "../graph/tensor.ts";
import { add, mul } from "./binary.ts";
import { reshape } from "./reshape.ts";
import { standardize } from "./standardize.ts";

/** Normalises x [n, h, w, c] in `groups` runs of c / groups channels; scale and bias are [c]. */
export function groupNorm(
  g: Graph,
  x: Tensor,
  scale: Tensor,
  bias: Tensor,
  { groups, epsilon }: { readonly groups: number; readonly epsilon: number },
): Tensor {
  const [n, h, w, c] = x.shape as [number, number, number, number];
  if (x.shape.length !== 4 || c % groups !== 0) {
    throw new TypeError(`groupNorm() takes [n, h, w, c] with c a multiple of ${groups} groups, got ${specText(x)}`);
  }
  return g.scope("GroupNormalization", () => {
    const size = c / groups;
    const { centered, rate } = standardize(g, reshape(g, x, [n, h * w, groups, size]), [1, 3], epsilon);
    const y = mul(g, centered, mul(g, rate, reshape(g, scale, [groups, size])));
    return add(g, reshape(g, y, x.shape), bias);
  });
}
