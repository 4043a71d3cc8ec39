/** Expand (ONNX 13): a tensor repeated to the shape that it broadcasts to. */

import type { Graph } from "../graph/graph.ts";
import type { Op } from "../graph/op.ts";
import { broadcastShapes, sameShape, sizeOf, specText, type Tensor } from "../graph/tensor.ts";
import { broadcastStrides } from "./broadcast.ts";
import { reduceTo } from "./reduce.ts";
import { reshape } from "./reshape.ts";
import { stridedCopies } from "./strided_copy.ts";

/** Repeats elements of any type. */
export const Expand: Op<{ readonly shape: readonly number[] }> = {
  name: "Expand",
  infer: ([x], { shape }) => {
    if (!sameShape(broadcastShapes(x!.shape, shape), shape)) {
      throw new TypeError(`cannot expand ${specText(x!)} to [${shape}]`);
    }
    return [{ shape, dtype: x!.dtype }];
  },
  candidates: stridedCopies((node) => {
    const { shape } = node.outputs[0]!;
    return { start: 0, dims: shape, strides: broadcastStrides(node.inputs[0]!.shape, shape) };
  }),
  splitInputs: (node) => [node.inputs[0]!.shape[0] === node.attrs.shape[0]],
  gradient: (g, node, [dout]) => [reduceTo(g, dout!, node.inputs[0]!.shape)],
};

/** x repeated to `shape`; a view where nothing is repeated. */
export function expand(g: Graph, x: Tensor, shape: readonly number[]): Tensor {
  if (sizeOf(x.shape) === sizeOf(shape)) return sameShape(x.shape, shape) ? x : reshape(g, x, shape);
  return g.apply(Expand, [x], { shape: [...shape] });
}
