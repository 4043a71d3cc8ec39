/** InstanceNormalization (ONNX 6, in NHWC): each channel of each image normalised by its own mean and variance. */

import type { Graph } from "../graph/graph.ts";
import { specText, type Tensor } from "../graph/tensor.ts";
import { add, mul } from "./binary.ts";
import { standardize } from "./standardize.ts";

/** Normalises x [n, h, w, c]; scale and bias are [c]. The variance is biased. */
export function instanceNorm(g: Graph, x: Tensor, scale: Tensor, bias: Tensor, epsilon: number): Tensor {
  const channels = x.shape.at(-1)!;
  for (const t of [scale, bias]) {
    if (t.shape.length !== 1 || t.shape[0] !== channels) {
      throw new TypeError(`scale and bias of ${specText(x)} should be [${channels}], got ${specText(t)}`);
    }
  }
  return g.scope("InstanceNormalization", () => {
    const { centered, rate } = standardize(g, x, [1, 2], epsilon);
    return add(g, mul(g, centered, mul(g, rate, scale)), bias);
  });
}
