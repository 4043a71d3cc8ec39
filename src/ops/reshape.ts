/** Reshape, Flatten, Squeeze, Unsqueeze and Identity: the same values under another shape, with no dispatch. */

import type { Graph } from "../graph/graph.ts";
import type { Op } from "../graph/op.ts";
import { normalizeAxis, sizeOf, specText, type Tensor } from "../graph/tensor.ts";

/** A view of input 0. */
export const Reshape: Op<{ readonly shape: readonly number[] }> = {
  name: "Reshape",
  alias: true,
  candidates: [],
  infer: ([x], { shape }) => {
    if (sizeOf(shape) !== sizeOf(x!.shape)) throw new TypeError(`cannot show ${specText(x!)} as [${shape}]`);
    return [{ shape, dtype: x!.dtype }];
  },
  gradient: (g, node, [dout]) => [reshape(g, dout!, node.inputs[0]!.shape)],
};

/** x under another shape; at most one dimension may be -1, which takes what is left. */
export function reshape(g: Graph, x: Tensor, shape: readonly number[]): Tensor {
  const known = sizeOf(shape.filter((d) => d !== -1));
  const open = known === 0 ? 0 : sizeOf(x.shape) / known;
  const resolved = shape.map((d) => d === -1 ? open : d);
  return g.apply(Reshape, [x], { shape: resolved });
}

/** x as a matrix: dimensions before `axis` together, and those from it on. */
export function flatten(g: Graph, x: Tensor, axis = 1): Tensor {
  const at = axis === x.shape.length ? axis : normalizeAxis(axis, x.shape.length);
  return reshape(g, x, [sizeOf(x.shape.slice(0, at)), sizeOf(x.shape.slice(at))]);
}
